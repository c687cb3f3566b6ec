"""Older text completions, and chats recorded at addresses that nobody knows, in OpenAI's form."""

import json
from typing import Any

from tests.wire import faults, reading
from tests.wire.foreign import GIVEN, Judge, Said
from tests.wire.judges import chat
from tests.wire.recordings import Recording
from tests.wire.verdict import Skipped, expect

from xroute.catalog.entries import Quirks
from xroute.dialects import openai

Json = dict[str, Any]
COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


def check(recording: Recording) -> None:
    """Text, finish, usage and log probabilities of a completion come out as of a chat."""
    if recording.status >= 400:
        faults.check(recording)
        return
    if not recording.streaming and _is_chat(json.loads(recording.text)):
        chat.check(recording)  # a gateway that sends completions on to a chat
        return
    if recording.streaming and '"choices"' not in recording.text:
        raise Skipped("completions of a form of its own, that is not spoken")
    JUDGE.check(recording)
    if not recording.streaming:
        _logprobs(recording)


def _is_chat(body: Json) -> bool:
    return any("message" in choice for choice in body.get("choices") or [])


def _whole(text: str) -> Said:
    body = json.loads(text)
    if "choices" not in body:
        return Said(unreadable="it has no choices")
    said = Said(ids=[body["id"]] if body.get("id") else [])
    _add(said, body)
    for choice in said.choices.values():
        choice.finish = choice.finish or "stop"
    return said


def _stream(text: str) -> Said:
    said = Said()
    for _, data in reading.events(text):
        if data.strip() == "[DONE]":
            said.closed = True
            break
        body = json.loads(data)
        if body.get("error"):
            error = body["error"]
            said.error = str(error.get("message") if isinstance(error, dict) else error)
            return said
        said.ids += [body["id"]] if body.get("id") else []
        _add(said, body)
    said.closed = said.closed or said.finished
    for choice in said.choices.values() if said.closed and said.holds else ():
        choice.finish = choice.finish or "stop"
    return said


def _add(said: Said, body: Json) -> None:
    for place, choice in enumerate(body["choices"]):
        one = said.choice(choice.get("index", place))
        one.text += choice.get("text") or ""
        one.finish = choice.get("finish_reason") or one.finish
        one.finish = reading.FINISHES.get(one.finish or "", one.finish)
    usage = body.get("usage")
    if usage and usage.get("prompt_tokens") is not None:
        said.usage = {name: usage.get(name) or 0 for name in COUNTS}


def _logprobs(recording: Recording) -> None:
    given = json.loads(recording.text)
    if "choices" not in given:
        return
    answer = openai.decode(recording.body, **GIVEN, quirks=Quirks())
    for old, new in zip(given["choices"], answer.body["choices"], strict=True):
        own = old.get("logprobs")
        if own and own.get("tokens"):
            found = [(item["token"], item["logprob"]) for item in new["logprobs"]["content"]]
            known = [
                pair for pair in zip(own["tokens"], own["token_logprobs"], strict=True) if pair[1] is not None
            ]
            expect(found == known, "other log probabilities")


JUDGE = Judge(openai, _whole, _stream)


def other(recording: Recording) -> None:
    """Whatever stands at an address without a name: judged where it is a chat."""
    if recording.status >= 400 and recording.data.get("method") == "POST":
        faults.check(recording)
    elif recording.status < 400 and '"choices":' in recording.text.replace(" ", ""):
        chat.check(recording)
    else:
        raise Skipped("no answer of a model, or of an API that is not spoken")


ENDPOINTS = {"completions": check, "other": other}
