"""Answers as each provider gives them, whole and streamed: written from the providers' documents alone."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st
from tests.properties.talk import ARGUMENTS, NAMES, NESTED, SAID
from tests.wire.conversed import _frame

Json = dict[str, Any]

READ, CACHED, WROTE = 100, 40, 20  # tokens: of the prompt in all, of it cached, of the answer


@dataclass(frozen=True)
class Said:
    """What a model says."""

    thought: str = ""
    text: str = ""
    calls: tuple[tuple[str, str, str], ...] = ()  # (id, name, arguments as JSON)
    cut: bool = False  # at the limit of tokens

    @property
    def finish(self) -> str:
        return "length" if self.cut else "tool_calls" if self.calls else "stop"


@st.composite
def answers(draw: Any) -> Said:
    """Thoughts, text and calls, each perhaps; never nothing."""
    thought = draw(st.just("") | SAID)
    made = [
        (f"call_{number}", draw(st.sampled_from(NAMES)), json.dumps(draw(ARGUMENTS | NESTED)))
        for number in range(draw(st.integers(0, 3)))
    ]
    text = draw(SAID if not made else st.just("") | SAID)
    return Said(thought, text, tuple(made), not made and draw(st.booleans()))


Cut = Callable[[str], list[str]]


def pieces(draw: Any) -> Cut:
    """Cuts a text into pieces, as a model streams it."""

    def cut(text: str) -> list[str]:
        places = sorted({0, len(text), *draw(st.lists(st.integers(0, len(text)), max_size=3))})
        return [text[start:end] for start, end in pairwise(places)]

    return cut


def _event(body: Json, name: str = "") -> bytes:
    return (f"event: {name}\n" if name else "").encode() + b"data: " + json.dumps(body).encode() + b"\n\n"


# OpenAI's chat completions.

CHAT_USAGE = {
    "prompt_tokens": READ,
    "completion_tokens": WROTE,
    "total_tokens": READ + WROTE,
    "prompt_tokens_details": {"cached_tokens": CACHED},
}


def openai(said: Said) -> bytes:
    message: Json = {"role": "assistant", "content": said.text or None}
    if said.thought:
        message["reasoning_content"] = said.thought
    if said.calls:
        message["tool_calls"] = [
            {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}
            for id_, name, arguments in said.calls
        ]
    choice = {"index": 0, "message": message, "finish_reason": said.finish}
    body = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m"}
    return json.dumps({**body, "choices": [choice], "usage": CHAT_USAGE}).encode()


def openai_stream(said: Said, cut: Cut) -> bytes:
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": piece} for piece in cut(said.thought)]
    deltas += [{"content": piece} for piece in cut(said.text)]
    for index, (id_, name, arguments) in enumerate(said.calls):
        first = {"id": id_, "type": "function", "function": {"name": name, "arguments": ""}}
        rest = [{"function": {"arguments": piece}} for piece in cut(arguments)]
        deltas += [{"tool_calls": [{"index": index, **piece}]} for piece in (first, *rest)]
    about = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": said.finish})
    chunks = [{**about, "choices": [choice]} for choice in choices]
    chunks.append({**about, "choices": [], "usage": CHAT_USAGE})
    return b"".join(map(_event, chunks)) + b"data: [DONE]\n\n"


# Anthropic's Messages: https://docs.claude.com/en/docs/build-with-claude/streaming, read 2026-11-21.

CLAUDE_USAGE = {
    "input_tokens": READ - CACHED,
    "cache_read_input_tokens": CACHED,
    "cache_creation_input_tokens": 0,
    "output_tokens": WROTE,
}


def _claude_stop(said: Said) -> str:
    return {"length": "max_tokens", "tool_calls": "tool_use", "stop": "end_turn"}[said.finish]


def _claude(said: Said) -> Json:
    content: list[Json] = []
    if said.thought:
        content.append({"type": "thinking", "thinking": said.thought, "signature": "Sig=="})
    if said.text:
        content.append({"type": "text", "text": said.text})
    for id_, name, arguments in said.calls:
        content.append({"type": "tool_use", "id": id_, "name": name, "input": json.loads(arguments)})
    about = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m"}
    return {**about, "content": content, "stop_reason": _claude_stop(said), "stop_sequence": None}


def anthropic(said: Said) -> bytes:
    return json.dumps({**_claude(said), "usage": CLAUDE_USAGE}).encode()


def anthropic_stream(said: Said, cut: Cut) -> bytes:
    start = {
        **_claude(said),
        "content": [],
        "stop_reason": None,
        "usage": {**CLAUDE_USAGE, "output_tokens": 1},
    }
    events: list[Json] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    arguments = iter(said.calls)
    for index, block in enumerate(_claude(said)["content"]):
        begun, deltas = _claude_pieces(block, arguments, cut)
        events.append({"type": "content_block_start", "index": index, "content_block": begun})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": _claude_stop(said), "stop_sequence": None}
    events.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": WROTE}})
    events.append({"type": "message_stop"})
    return b"".join(_event(event, event["type"]) for event in events)


def _claude_pieces(block: Json, calls: Any, cut: Cut) -> tuple[Json, list[Json]]:
    if block["type"] == "text":
        return {**block, "text": ""}, [{"type": "text_delta", "text": piece} for piece in cut(block["text"])]
    if block["type"] == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in cut(block["thinking"])]
        signed = {"type": "signature_delta", "signature": block["signature"]}
        return {**block, "thinking": "", "signature": ""}, [*deltas, signed]
    arguments = next(calls)[2]
    empty = arguments == "{}"  # as Anthropic streams a call without arguments
    written = [""] if empty else ["", *cut(arguments)]
    return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": p} for p in written]


# Google's generateContent: https://ai.google.dev/api/generate-content, read 2026-11-21.

GEMINI_USAGE = {
    "promptTokenCount": READ,
    "cachedContentTokenCount": CACHED,
    "candidatesTokenCount": WROTE,
    "totalTokenCount": READ + WROTE,
}


def _gemini_parts(said: Said, cut: Cut) -> list[Json]:
    parts: list[Json] = [{"text": piece, "thought": True} for piece in cut(said.thought) if piece]
    parts += [{"text": piece} for piece in cut(said.text) if piece]
    for id_, name, arguments in said.calls:
        parts.append({"functionCall": {"id": id_, "name": name, "args": json.loads(arguments)}})
    return parts


def _gemini(parts: list[Json], **more: Any) -> Json:
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0, **more}
    return {
        "candidates": [candidate],
        "usageMetadata": GEMINI_USAGE,
        "modelVersion": "m",
        "responseId": "r1",
    }


def gemini(said: Said) -> bytes:
    finish = "MAX_TOKENS" if said.cut else "STOP"
    return json.dumps(_gemini(_gemini_parts(said, lambda text: [text]), finishReason=finish)).encode()


def gemini_stream(said: Said, cut: Cut) -> bytes:
    events = [_gemini([part]) for part in _gemini_parts(said, cut)]
    events[-1]["candidates"][0]["finishReason"] = "MAX_TOKENS" if said.cut else "STOP"
    return b"".join(_event(event).replace(b"\n", b"\r\n") for event in events)


# Amazon's Converse: https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-call.html,
# read 2026-11-21.

CONVERSE_USAGE = {
    "inputTokens": READ - CACHED,
    "outputTokens": WROTE,
    "totalTokens": READ + WROTE,
    "cacheReadInputTokens": CACHED,
    "cacheWriteInputTokens": 0,
}


def bedrock(said: Said) -> bytes:
    content: list[Json] = []
    if said.thought:
        thought = {"text": said.thought, "signature": "Sig=="}
        content.append({"reasoningContent": {"reasoningText": thought}})
    if said.text:
        content.append({"text": said.text})
    for id_, name, arguments in said.calls:
        content.append({"toolUse": {"toolUseId": id_, "name": name, "input": json.loads(arguments)}})
    output = {"message": {"role": "assistant", "content": content}}
    body = {"output": output, "stopReason": _claude_stop(said), "usage": CONVERSE_USAGE}
    return json.dumps({**body, "metrics": {"latencyMs": 5}}).encode()


def bedrock_stream(said: Said, cut: Cut) -> bytes:
    events: list[tuple[str, Json]] = [("messageStart", {"role": "assistant"})]
    blocks: list[tuple[Json | None, list[Json]]] = []
    if said.thought:
        deltas: list[Json] = [{"reasoningContent": {"text": piece}} for piece in cut(said.thought)]
        blocks.append((None, [*deltas, {"reasoningContent": {"signature": "Sig=="}}]))
    if said.text:
        blocks.append((None, [{"text": piece} for piece in cut(said.text)]))
    for id_, name, arguments in said.calls:
        inputs = [{"toolUse": {"input": piece}} for piece in cut(arguments)]
        blocks.append(({"toolUse": {"toolUseId": id_, "name": name}}, inputs))
    for index, (start, deltas) in enumerate(blocks):
        place = {"contentBlockIndex": index}
        events += [("contentBlockStart", {**place, "start": start})] if start else []
        events += [("contentBlockDelta", {**place, "delta": delta}) for delta in deltas]
        events.append(("contentBlockStop", place))
    events.append(("messageStop", {"stopReason": _claude_stop(said)}))
    events.append(("metadata", {"usage": CONVERSE_USAGE, "metrics": {"latencyMs": 5}}))
    return b"".join(_frame(name, json.dumps(body).encode()) for name, body in events)


# Cohere's chat, version 2: https://docs.cohere.com/v2/docs/streaming, read 2026-11-21.

COHERE_USAGE = {
    "billed_units": {"input_tokens": READ, "output_tokens": WROTE},
    "tokens": {"input_tokens": READ, "output_tokens": WROTE},
    "cached_tokens": CACHED,
}


def _cohere_stop(said: Said) -> str:
    return {"length": "MAX_TOKENS", "tool_calls": "TOOL_CALL", "stop": "COMPLETE"}[said.finish]


def cohere(said: Said) -> bytes:
    content: list[Json] = []
    if said.thought:
        content.append({"type": "thinking", "thinking": said.thought})
    if said.text:
        content.append({"type": "text", "text": said.text})
    message: Json = {"role": "assistant", "content": content}
    if said.calls:
        message["tool_calls"] = [
            {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}
            for id_, name, arguments in said.calls
        ]
    body = {"id": "c1", "finish_reason": _cohere_stop(said), "message": message, "usage": COHERE_USAGE}
    return json.dumps(body).encode()


def cohere_stream(said: Said, cut: Cut) -> bytes:
    events: list[Json] = [{"type": "message-start", "id": "c1", "delta": {"message": {"role": "assistant"}}}]
    index = 0
    for kind, text in (("thinking", said.thought), ("text", said.text)):
        if text:
            begun = {"message": {"content": {"type": kind, kind: ""}}}
            events.append({"type": "content-start", "index": index, "delta": begun})
            deltas = [{"message": {"content": {kind: piece}}} for piece in cut(text)]
            events += [{"type": "content-delta", "index": index, "delta": delta} for delta in deltas]
            events.append({"type": "content-end", "index": index})
            index += 1
    for number, (id_, name, arguments) in enumerate(said.calls):
        call = {"id": id_, "type": "function", "function": {"name": name, "arguments": ""}}
        begun = {"message": {"tool_calls": call}}
        events.append({"type": "tool-call-start", "index": number, "delta": begun})
        more = [{"message": {"tool_calls": {"function": {"arguments": p}}}} for p in cut(arguments)]
        events += [{"type": "tool-call-delta", "index": number, "delta": delta} for delta in more]
        events.append({"type": "tool-call-end", "index": number})
    end = {"finish_reason": _cohere_stop(said), "usage": COHERE_USAGE}
    events.append({"type": "message-end", "delta": end})
    return b"".join(_event(event, event["type"]) for event in events)


# Ollama: https://docs.ollama.com/api/chat, read 2026-11-21. It counts no cached tokens.


def _ollama(message: Json, **more: Any) -> Json:
    about = {"model": "m", "created_at": "2026-11-21T00:00:00Z", "done": False}
    return {**about, "message": {"role": "assistant", "content": "", **message}, **more}


def _ollama_end(said: Said) -> Json:
    counts = {"prompt_eval_count": READ, "eval_count": WROTE}
    return {"done": True, "done_reason": "length" if said.cut else "stop", **counts}


def _ollama_call(call: tuple[str, str, str]) -> Json:
    return {"id": call[0], "function": {"name": call[1], "arguments": json.loads(call[2])}}


def ollama(said: Said) -> bytes:
    message: Json = {"content": said.text, "thinking": said.thought}
    if said.calls:
        message["tool_calls"] = [_ollama_call(call) for call in said.calls]
    return json.dumps(_ollama(message, **_ollama_end(said))).encode()


def ollama_stream(said: Said, cut: Cut) -> bytes:
    lines = [_ollama({"thinking": piece}) for piece in cut(said.thought)]
    lines += [_ollama({"content": piece}) for piece in cut(said.text)]
    lines += [_ollama({"tool_calls": [_ollama_call(call)]}) for call in said.calls]
    lines.append(_ollama({}, **_ollama_end(said)))
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)
