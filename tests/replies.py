"""What of a provider's answer reaches the clients of each surface, whole and streamed, for the page."""

import json
import re
from collections.abc import Callable
from typing import Any

from tests.properties import responded, said
from tests.properties.said import Said, _frame

from xroute import dialects
from xroute.catalog.entries import Quirks
from xroute.dialects import anthropic, completions, openai, openai_responses
from xroute.dialects.gemini.parse import parse as parse_gemini
from xroute.wire.surface import Surface

Json = dict[str, Any]
Pair = tuple[bytes | None, bytes | None]  # a whole answer and a stream; None where there is none to look at

ABOUT = (
    "Each cell is `whole / streamed`, or one word where both are the same. Empty: this dialect has no such "
    "thing. `–`: not looked at. The clients ask for what they have to ask for (thoughts, usage in a stream). "
    "OpenAI takes no reasoning back in its chat; other providers do, where their file says so."
)
GIVEN: Json = {"model": "m", "request_id": "r1", "created": 1, "quirks": Quirks()}
HI = [{"role": "user", "content": "Hi"}]
CALLS = (("call_1", "find", '{"wanted": "Needle"}'), ("call_2", "seek", '{"wanted": "Other"}'))
CITED = "https://c.test/x"


def _raw(**fields: Any) -> bytes:
    return json.dumps({"model": "m", **fields}).encode()


def surface(name: str) -> Surface:
    """Of a client that wants to know everything."""
    asked: dict[str, Callable[[], Any]] = {
        "chat": lambda: openai.parse(_raw(messages=HI, stream=True, stream_options={"include_usage": True})),
        "completions": lambda: completions.parse(
            _raw(prompt="Hi", logprobs=1, stream=True, stream_options={"include_usage": True})
        ),
        "messages": lambda: anthropic.parse(
            _raw(messages=HI, max_tokens=4000, thinking={"type": "enabled", "budget_tokens": 1024})
        ),
        "responses": lambda: openai_responses.parse(_raw(input="Hi", top_logprobs=1)),
        "gemini": lambda: parse_gemini(
            _raw(contents="Hi", generationConfig={"thinkingConfig": {"includeThoughts": True}}),
            "m",
            stream=True,
        ),
    }
    return asked[name]().surface


def _written(name: str, dialect: str, raw: bytes) -> str:
    body = dialects.get(dialect).decode(raw, **{**GIVEN, "model": MODELS[dialect]}).body
    return surface(name).write(body).decode()


def _streamed(name: str, dialect: str, raw: bytes) -> str:
    decoder, encoder = (
        dialects.get(dialect).Decoder(**GIVEN, include_usage=True),
        surface(name).encoder("r", 1),
    )
    out = b"".join(encoder.feed([chunk]) for chunk in decoder.feed(raw) + decoder.finish())
    assert decoder.error is None
    last = decoder.usage_chunk(decoder.usage, {}) if decoder.usage else b""
    return (out + encoder.finish(last)).decode()


def _both(answer: Said) -> Callable[[str], Pair]:
    """The answer as every provider gives it."""

    def halves(text: str) -> list[str]:
        return [text[: len(text) // 2], text[len(text) // 2 :]]

    def made(dialect: str) -> Pair:
        whole = getattr(said, dialect, responded.whole)(answer)
        return whole, getattr(said, f"{dialect}_stream", responded.stream)(answer, halves)

    return made


_OF_THOUGHT: dict[str, tuple[bytes, bytes]] = {
    "openai": (
        b'"completion_tokens": 20',
        b'"completion_tokens": 20, "completion_tokens_details": {"reasoning_tokens": 7}',
    ),
    "openai_responses": (b'"reasoning_tokens": 0', b'"reasoning_tokens": 7'),
    "gemini": (b'"candidatesTokenCount": 20', b'"candidatesTokenCount": 13, "thoughtsTokenCount": 7'),
    "anthropic": (
        b'"output_tokens": 20',
        b'"output_tokens": 20, "output_tokens_details": {"thinking_tokens": 7}',
    ),
    "cohere": (b'"output_tokens": 20', b'"output_tokens": 20, "reasoning_tokens": 7'),
}


def _in_pieces(dialect: str) -> Pair:
    """A call whose arguments are streamed as they are written: not by those who send calls whole."""
    whole_calls = ("gemini", "ollama")
    return None, None if dialect in whole_calls else _both(Said(calls=CALLS[:1]))(dialect)[1]


def _thoughtful(dialect: str) -> Pair:
    """Usage that counts tokens of reasoning."""
    if dialect not in _OF_THOUGHT:
        return None, None
    whole, stream = _both(Said(thought="Hm.", text="Yes."))(dialect)
    assert whole is not None
    assert stream is not None
    return whole.replace(*_OF_THOUGHT[dialect]), stream.replace(*_OF_THOUGHT[dialect])


def _changed(
    dialect: str, changes: dict[str, tuple[tuple[bytes, bytes], tuple[bytes, bytes] | None]]
) -> Pair:
    """The answer "Yes." with bytes of it replaced: in the whole answer, in the stream."""
    if dialect not in changes:
        return None, None
    whole, stream = _both(Said(text="Yes."))(dialect)
    first, second = changes[dialect]
    assert whole is not None
    assert stream is not None
    out = whole.replace(*first), (stream.replace(*second) if second else None)
    assert out[0] != whole
    assert out[1] != stream
    return out


_PLACE = b'"url": "https://c.test/x", "title": "X", "start_index": 0, "end_index": 4'
_NOTE = b'{"type": "url_citation", "url_citation": {%b}}' % _PLACE
_FLAT = b'{"type": "url_citation", %b}' % _PLACE
_WEB = (
    b'{"type": "web_search_result_location", "url": "https://c.test/x", "title": "X", '
    b'"encrypted_index": "E", "cited_text": "x"}'
)
_GROUND = (
    b'"groundingMetadata": {"groundingChunks": [{"web": {"uri": "https://c.test/x", "title": "X"}}], '
    b'"groundingSupports": [{"segment": {"startIndex": 0, "endIndex": 4, "text": "Yes."}, '
    b'"groundingChunkIndices": [0]}]}, "finishReason"'
)
_SOURCE = (
    b'{"title": "X", "location": {"web": {"url": "https://c.test/x"}}, "sourceContent": [{"text": "x"}]}'
)
_COHERE = (
    b'{"start": 0, "end": 4, "text": "Yes.", "content_index": 0, "sources": [{"type": "document", '
    b'"id": "d1", "document": {"url": "https://c.test/x", "title": "X"}}]}'
)


def _citing(dialect: str) -> Pair:
    """Text with a source."""
    if dialect == "bedrock":
        return _converse_citing()
    return _changed(
        dialect,
        {
            "openai": (
                (b'"content": "Yes."', b'"content": "Yes.", "annotations": [%b]' % _NOTE),
                (b'"content": "s."', b'"content": "s.", "annotations": [%b]' % _NOTE),
            ),
            "openai_responses": (
                (b'"annotations": []', b'"annotations": [%b]' % _FLAT),
                (b'"annotations": []', b'"annotations": [%b]' % _FLAT),
            ),
            "anthropic": (
                (b'"text": "Yes."', b'"text": "Yes.", "citations": [%b]' % _WEB),
                (
                    b'{"type": "text_delta", "text": "s."}',
                    b'{"type": "citations_delta", "citation": %b}' % _WEB,
                ),
            ),
            "gemini": ((b'"finishReason"', _GROUND), (b'"finishReason"', _GROUND)),
            "cohere": (
                (b'"role": "assistant"', b'"role": "assistant", "citations": [%b]' % _COHERE),
                (
                    b'data: {"type": "message-end"',
                    b'data: {"type": "citation-start", "index": 0, '
                    b'"delta": {"message": {"citations": %b}}}\n\n'
                    b'data: {"type": "message-end"' % _COHERE,
                ),
            ),
        },
    )


def _converse_citing() -> Pair:
    text = b'{"citationsContent": {"content": [{"text": "Yes."}], "citations": [%b]}}' % _SOURCE
    whole, _ = _changed("bedrock", {"bedrock": ((b'{"text": "Yes."}', text), None)})
    events: list[tuple[str, bytes]] = [
        ("messageStart", b'{"role": "assistant"}'),
        ("contentBlockDelta", b'{"contentBlockIndex": 0, "delta": {"text": "Yes."}}'),
        ("contentBlockDelta", b'{"contentBlockIndex": 0, "delta": {"citation": %b}}' % _SOURCE),
        ("contentBlockStop", b'{"contentBlockIndex": 0}'),
        ("messageStop", b'{"stopReason": "end_turn"}'),
    ]
    return whole, b"".join(_frame(name, body) for name, body in events)


def _filtered(dialect: str) -> Pair:
    """An answer that the provider stopped for safety."""
    stops = {
        "openai": ('"finish_reason": "stop"', '"finish_reason": "content_filter"'),
        "anthropic": ('"stop_reason": "end_turn"', '"stop_reason": "refusal"'),
        "gemini": ('"finishReason": "STOP"', '"finishReason": "SAFETY"'),
        "openai_responses": (
            '"incomplete_details": {"reason": "max_output_tokens"}',
            '"incomplete_details": {"reason": "content_filter"}',
        ),
    }
    if dialect == "bedrock":
        whole, _ = _changed("bedrock", {"bedrock": ((b'"end_turn"', b'"guardrail_intervened"'), None)})
        events = [
            ("messageStart", b'{"role": "assistant"}'),
            ("contentBlockDelta", b'{"contentBlockIndex": 0, "delta": {"text": "Yes."}}'),
            ("messageStop", b'{"stopReason": "guardrail_intervened"}'),
        ]
        return whole, b"".join(_frame(name, body) for name, body in events)
    if dialect not in stops:
        return None, None
    found = _both(Said(text="Yes.", cut=dialect == "openai_responses"))(dialect)
    old, new = (text.encode() for text in stops[dialect])
    return tuple(raw.replace(old, new) for raw in found if raw)  # type: ignore[return-value]


_TOKEN = b'{"token": "Yes.", "logprob": -0.0625, "bytes": null, "top_logprobs": []}'


def _probable(dialect: str) -> Pair:
    """Text with log probabilities."""
    chat = (b'"finish_reason": "stop"', b'"logprobs": {"content": [%b]}, "finish_reason": "stop"' % _TOKEN)
    piece = (
        b'"delta": {"content": "s."}',
        b'"logprobs": {"content": [%b]}, "delta": {"content": "s."}' % _TOKEN,
    )
    chosen = (
        b'"logprobsResult": {"chosenCandidates": '
        b'[{"token": "Yes.", "tokenId": 1, "logProbability": -0.0625}], '
    )
    google = b'"finishReason"', chosen + b'"topCandidates": [{"candidates": []}]}, "finishReason"'
    part = b'"annotations": []', b'"annotations": [], "logprobs": [%b]' % _TOKEN
    return _changed(
        dialect, {"openai": (chat, piece), "gemini": (google, google), "openai_responses": (part, None)}
    )


def _every(pattern: str) -> dict[str, str]:
    return dict.fromkeys(("chat", "messages", "responses", "gemini", "completions"), pattern)


_COUNTS = {"messages": r'"cache_read_input_tokens": ?40', "gemini": r'"cachedContentTokenCount": ?40'}
_THOUGHTS = {"messages": r'"thinking_tokens": ?7', "gemini": r'"thoughtsTokenCount": ?7'}

# name -> the answers, and what each surface's client has to find in what it gets.
FEATURES: dict[str, tuple[Callable[[str], Pair], dict[str, str]]] = {
    "text": (_both(Said(text="Yes.")), _every(r'Yes\.|"s\."')),
    "reasoning text": (_both(Said(thought="Hm.", text="Yes.")), _every(r'Hm\.|"m\."')),
    "several tool calls": (_both(Said(calls=CALLS)), _every("find(.|\n)*seek")),
    "tool arguments as they are written": (_in_pieces, _every(r'\{\\"wanted\\":"')),
    "end at the limit of tokens": (
        _both(Said(text="Yes.", cut=True)),
        _every('"length"')
        | {"messages": '"max_tokens"', "responses": '"max_output_tokens"', "gemini": "MAX_TOKENS"},
    ),
    "stopped for safety": (
        _filtered,
        _every('"content_filter"') | {"messages": '"stop_reason": ?"refusal"', "gemini": '"SAFETY"'},
    ),
    "cached tokens in the usage": (_both(Said(text="Yes.")), _every(r'"cached_tokens": ?40') | _COUNTS),
    "reasoning tokens in the usage": (_thoughtful, _every(r'"reasoning_tokens": ?7') | _THOUGHTS),
    "citations": (_citing, _every(re.escape(CITED))),
    "log probabilities": (_probable, _every("-0.0625")),
}


BACK = "reasoning, sent back with the next turn"
FEATURES[BACK] = (_both(Said(thought="Hm.", text="Yes.")), _every(r"Sig==|gAAA|Hm\."))


def _next(name: str, dialect: str, raw: bytes) -> str:
    """What the provider gets when a client goes on with its answer."""
    if dialect == "gemini":
        raw = raw.replace(b'{"text": "Yes."}', b'{"text": "Yes.", "thoughtSignature": "Sig=="}')
    answer = json.loads(_written(name, dialect, raw))
    if name == "chat":
        call = openai.parse(_raw(messages=[*HI, answer["choices"][0]["message"], *HI]))
    elif name == "messages":
        said_ = {"role": "assistant", "content": answer["content"]}
        thinking = {"type": "enabled", "budget_tokens": 1024}
        call = anthropic.parse(_raw(messages=[*HI, said_, *HI], max_tokens=4000, thinking=thinking))
    elif name == "responses":
        call = openai_responses.parse(_raw(input=[*HI, *answer["output"], *HI]))
    else:
        user = {"role": "user", "parts": [{"text": "Hi"}]}
        call = parse_gemini(_raw(contents=[user, answer["candidates"][0]["content"], user]), "m")
    body = {**call.body, "reasoning": {"effort": "low"}}
    sent = dialects.get(dialect).encode(body, upstream=MODELS[dialect], quirks=Quirks())
    return json.dumps(sent.body)


MODELS = {
    "openai": "gpt-5",
    "openai_responses": "gpt-5",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-3-pro-preview",
    "bedrock": "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "cohere": "command-a-reasoning-08-2025",
    "ollama": "gpt-oss:20b",
}


def told(feature: str, name: str, dialect: str) -> tuple[bool | None, bool | None]:
    """(whether a whole answer tells it to the client, whether a stream does); None: nothing to look at."""
    made, patterns = FEATURES[feature]
    if dialect == "ollama" and feature.startswith("cached"):
        return None, None  # it counts none
    whole, stream = made(dialect)
    if feature == BACK:
        found = name != "completions" and bool(re.search(patterns[name], _next(name, dialect, whole or b"")))
        return found, found
    pattern = re.compile(patterns[name])
    return (
        None if whole is None else bool(pattern.search(_written(name, dialect, whole))),
        None if stream is None else bool(pattern.search(_streamed(name, dialect, stream))),
    )
