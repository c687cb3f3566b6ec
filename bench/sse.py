"""The answers that the upstreams give, in OpenAI's form."""

import json

CHUNKS = 200  # of a stream that nginx serves

WHOLE = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello there, how can I help you today?"},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 12, "completion_tokens": 10, "total_tokens": 22},
        "system_fingerprint": "fp_x",
    },
    separators=(",", ":"),
)


def _event(delta: dict[str, str], finish: str | None, **more: object) -> bytes:
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "gpt-4o-mini-2024-07-18",
        "service_tier": "default",
        "system_fingerprint": "fp_x",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        **more,
    }
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def chunk_event() -> bytes:
    """One event with a few characters of text."""
    return _event({"content": " hello"}, None)


def last_events() -> bytes:
    """The events after the last text: the finish reason, the usage, the end."""
    usage = {"prompt_tokens": 12, "completion_tokens": CHUNKS, "total_tokens": 12 + CHUNKS}
    chunk = json.loads(_event({}, None, usage=usage).removeprefix(b"data: "))
    chunk["choices"] = []
    last = b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"
    return _event({}, "stop") + last + b"data: [DONE]\n\n"


def whole_stream() -> bytes:
    """A stream of CHUNKS chunks of text, all of it."""
    return chunk_event() * CHUNKS + last_events()
