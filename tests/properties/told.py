"""What a client of each surface understands of its answer: by its SDK's types, and by a reader of ours."""

import json
from collections.abc import Callable
from typing import Any

from anthropic.types import Message
from google.genai.types import GenerateContentResponse
from openai.types import Completion
from openai.types.chat import ChatCompletion
from openai.types.responses import Response
from tests.fixtures import events
from tests.properties.said import Said
from tests.wire import claude, geminis, reading, responses

Json = dict[str, Any]
Told = tuple[Said, tuple[int, int, int] | None]  # what was said; tokens read, of them cached, written


def _said(one: reading.Choice) -> Said:
    calls = tuple((tool.id, tool.name, _same(tool.arguments)) for tool in one.tools)
    return Said(one.reasoning, one.text, calls, one.finish == "length")


def _same(arguments: str) -> str:
    return json.dumps(json.loads(arguments), sort_keys=True)


def _used(usage: Json | None) -> tuple[int, int, int] | None:
    """OpenAI's usage."""
    if not usage:
        return None
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    return usage["prompt_tokens"], cached, usage["completion_tokens"]


def chat(text: str) -> Told:
    ChatCompletion.model_validate_json(text, strict=True)
    found = reading.whole(text)
    return _said(found.choices[0]), _used(found.usage)


def chat_stream(text: str) -> Told:
    found = reading.stream(text)
    assert found.closed
    return _said(found.choices[0]), _used(found.usage)


def completion(text: str) -> Told:
    Completion.model_validate_json(text)
    body = json.loads(text)
    choice = body["choices"][0]
    return Said("", choice["text"], (), choice["finish_reason"] == "length"), _used(body["usage"])


def completion_stream(text: str) -> Told:
    found = [data for _, data in reading.events(text)]
    assert found[-1] == "[DONE]"
    chunks = [json.loads(data) for data in found[:-1]]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    said = "".join(choice["text"] for choice in choices)
    cut = choices[-1]["finish_reason"] == "length"
    return Said("", said, (), cut), _used(chunks[-1].get("usage"))


def _claude(found: claude.Reading) -> Told:
    calls = tuple((id_, name, json.dumps(given, sort_keys=True)) for id_, name, given in found.tools)
    said = Said(found.thinking, found.text, calls, found.finish == "length")
    return said, (found.prompt, found.cached, found.output)


def messages(text: str) -> Told:
    Message.model_validate_json(text)
    return _claude(claude.whole(text))


def messages_stream(text: str) -> Told:
    folded = events.fold(text.encode())  # in the SDK's own way
    found = claude.stream(claude.events(text))
    assert found.closed
    assert [block.get("text") for block in folded["content"]] == [
        block.get("text") for block in found.blocks or []
    ]
    return _claude(found)


def response(text: str) -> Told:
    Response.model_validate_json(text)
    found = responses.whole(text)
    return _said(found.choices[0]), _used(found.usage)


def response_stream(text: str) -> Told:
    found = responses.stream(text)
    assert found.closed
    return _said(found.choices[0]), _used(found.usage)


def _gemini(found: geminis.Said) -> Told:
    counted = geminis.usage_of(found)
    used = counted and (counted["prompt_tokens"], counted["cached_tokens"], counted["completion_tokens"])
    return _said(found.choices[0]), used


def gemini(text: str) -> Told:
    GenerateContentResponse.model_validate_json(text)
    return _gemini(geminis.whole(text))


def gemini_stream(text: str) -> Told:
    for _, data in reading.events(text):
        GenerateContentResponse.model_validate_json(data)
    found = geminis.stream(text)
    assert found.proper
    return _gemini(found)


WHOLE: dict[str, Callable[[str], Told]] = {
    "chat": chat,
    "completions": completion,
    "messages": messages,
    "responses": response,
    "gemini": gemini,
}
STREAM: dict[str, Callable[[str], Told]] = {
    "chat": chat_stream,
    "completions": completion_stream,
    "messages": messages_stream,
    "responses": response_stream,
    "gemini": gemini_stream,
}
