"""Recorded moderations: every category and score as the provider gave it; and the requests."""

import json

from openai.types import ModerationCreateParams, ModerationCreateResponse
from pydantic import TypeAdapter, ValidationError
from tests.wire import faults
from tests.wire.recordings import Recording
from tests.wire.verdict import Failed, Skipped, expect

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import ErrorBody, Malformed
from xroute.dialects.openai import moderations
from xroute.dialects.requests import parse_moderations


def check(recording: Recording) -> None:
    """The answer, then the request that led to it."""
    if recording.status >= 400:
        faults.check(recording)
    else:
        _answer(recording)
    _request(recording)


def _answer(recording: Recording) -> None:
    if "truncated" in recording.notes:
        raise Skipped("the recorded body is capped")
    body = json.loads(recording.text)
    try:
        answer = moderations.decode(
            recording.body, model="maker/model", request_id="test0123456789", created=1, quirks=Quirks()
        )
    except (ErrorBody, Malformed) as error:
        expect("results" not in body, f"taken for an error: {error}")
        return
    expect(answer.content, "an answer without content")
    for name in ("id", "model"):
        expect(answer.body[name] == body[name], f"another {name}")
    expect(len(answer.body["results"]) == len(body["results"]), "another number of results")
    for old, new in zip(body["results"], answer.body["results"], strict=True):
        for name, value in old.items():
            if isinstance(value, dict):
                expect(new[name].items() >= value.items(), f"other {name}")
            else:
                expect(new[name] == value, f"another {name}")
    if _is_typed(recording.text):
        expect(_is_typed(json.dumps(answer.body)), "not a ModerationCreateResponse")


def _is_typed(text: str) -> bool:
    """OpenAI's types of today, which the answers of its older models do not fit."""
    try:
        ModerationCreateResponse.model_validate_json(text, strict=True)
    except ValidationError:
        return False
    return True


def _request(recording: Recording) -> None:
    if recording.data.get("request_encoding") != "text" or recording.data.get("request_notes"):
        return
    given = json.loads(recording.data["request_body"])
    call = parse_moderations(recording.data["request_body"].encode())
    sent, dropped, *_ = moderations.encode(call.body, upstream=call.models[0], quirks=Quirks())
    expect(not dropped, f"dropped {dropped}")
    given = {name: value for name, value in given.items() if value is not None}
    expect(sent == {"model": call.models[0], **given}, f"another request: {sent}"[:300])
    try:
        TypeAdapter(ModerationCreateParams).validate_python(sent)
    except ValidationError as error:
        raise Failed(f"not a request of the SDK: {error.errors()[0]}") from None


ENDPOINTS = {"moderations": check}
