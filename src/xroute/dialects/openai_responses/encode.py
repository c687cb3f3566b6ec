"""A canonical body as a Responses request: https://developers.openai.com/api/reference/resources/responses.

Nothing is stored at the provider unless the client asks for it, so a model's reasoning comes encrypted and
goes back with the conversation.
"""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects import thinking
from xroute.dialects.answer import Encoded
from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.encode import OWN
from xroute.dialects.openai_responses.items import Writer
from xroute.dialects.openai_responses.message import entries
from xroute.dialects.openai_responses.tools import choice, tools

LEAST_OUTPUT = 16  # tokens; less is answered with 400: https://github.com/vectorize-io/hindsight/issues/58
ENCRYPTED = "reasoning.encrypted_content"
LOGPROBS = "message.output_text.logprobs"

# The API has nothing like them.
UNSUPPORTED = frozenset(
    {"audio", "frequency_penalty", "logit_bias", "n", "prediction", "presence_penalty", "seed", "stop"}
)
_FOREIGN = UNSUPPORTED | {"background", "min_p", "repetition_penalty", "top_a", "top_k"}
# Fields that only Anthropic's and Google's own APIs have: a client of theirs may have sent them, and OpenAI
# refuses a request for one that it does not know.
_BESIDE = frozenset(
    {
        "cache_control", "container", "diagnostics", "fallbacks", "inference_geo", "mcp_servers",
        "output_config", "speech_config", "speed",
    }
)  # fmt: skip

# Values that mean no more than leaving the field out.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
    "stop": ([], ""),
    "background": (False,),
    "min_p": (0,),
    "top_k": (0,),
    "top_a": (0,),
    "repetition_penalty": (1,),
}

# Said in other words here.
_READ = frozenset(
    {
        "function_call", "functions", "include", "include_reasoning", "logprobs", "max_completion_tokens",
        "max_output_tokens", "max_tokens", "messages", "modalities", "model", "reasoning", "reasoning_effort",
        "response_format", "store", "stream_options", "text", "tool_choice", "tools", "verbosity",
        "web_search_options",
    }
)  # fmt: skip
_WISHES = frozenset({"effort", "max_tokens", "exclude", "enabled", "summary", "generate_summary"})


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """The client's body is never changed; what stays the same is shared with it."""
    dropped: list[str] = [name for name in body if name in quirks.drop]
    body = {name: value for name, value in body.items() if name not in quirks.drop}
    writer = Writer(upstream, quirks.developer_role)
    writer.write(body.get("messages"))
    sent: Json = {"model": upstream, "input": writer.items, **_same(body, dropped)}
    sent |= {
        name: value
        for name, value in (
            ("max_output_tokens", _limit(body)),
            ("text", _text(body)),
            ("tools", tools(body, dropped)),
            ("tool_choice", choice(body)),
            ("reasoning", _reasoning(body, quirks, abilities, output, dropped)),
            ("include", _include(body, abilities)),
            ("stream_options", _stream_options(body)),
        )
        if value
    }
    sent["store"] = body.get("store") is True
    return Encoded(_fitted(sent, quirks, dropped), (*dropped, *writer.dropped))


def _same(body: Json, dropped: list[str]) -> Json:
    """The fields of the same name and meaning, and those that nobody knows."""
    out: Json = {}
    for name, value in body.items():
        if name in _FOREIGN or name == "modalities" or _is_beside(name, value):
            if not _is_neutral(name, value):
                dropped.append(name)
        elif name not in _READ and name not in OWN and value is not None:
            out[name] = value
    return out


def _is_beside(name: str, value: Any) -> bool:
    """Whether only other dialects have it; `context_management` is a list here, an object at Anthropic."""
    return name in _BESIDE or (name == "context_management" and codec.is_object(value))


def _is_neutral(name: str, value: Any) -> bool:
    if name == "modalities":
        return value is None or value == ["text"]
    return value is None or value in _NEUTRAL.get(name, ())


def _fitted(sent: Json, quirks: Quirks, dropped: list[str]) -> Json:
    """The request in this provider's own words."""
    for name in quirks.drop & sent.keys() - {"model", "input"}:
        del sent[name]
        dropped.append(name)
    for name, theirs in quirks.rename.items():
        if name in sent:
            sent.setdefault(theirs, sent.pop(name))
    return sent | quirks.force


def _limit(body: Json) -> int | None:
    for name in ("max_completion_tokens", "max_tokens", "max_output_tokens"):
        if (limit := tokens.count(body.get(name))) is not None:
            return max(limit, LEAST_OUTPUT)
    return None


def _text(body: Json) -> Json:
    """The form of the text: `text` holds what the chat API has as response_format and verbosity."""
    own: Any = body.get("text")
    text: Json = dict(own) if codec.is_object(own) else {}
    if codec.is_object(format_ := body.get("response_format")):
        text["format"] = _format(format_)
    if body.get("verbosity") is not None:
        text["verbosity"] = body["verbosity"]
    return text


def _format(given: Json) -> Json:
    schema: Any = given.get("json_schema")
    if given.get("type") != "json_schema" or not codec.is_object(schema):
        return given
    return {"type": "json_schema", "name": "answer", **{k: v for k, v in schema.items() if v is not None}}


def _reasoning(
    body: Json, quirks: Quirks, abilities: frozenset[str] | None, output: int | None, dropped: list[str]
) -> Json | None:
    """Effort and summary; further fields of `reasoning` pass.

    A summary is asked for only where the client wants to see reasoning: to organisations that are not
    verified OpenAI answers 400 instead (https://developers.openai.com/api/docs/guides/reasoning, read
    2026-11-21), and with effort alone it is hidden in OpenAI's own chat API as well.
    """
    own: Any = body.get("reasoning")
    given: Json = own if codec.is_object(own) else {}
    wish = thinking.wish(body)
    if abilities is not None and "reasoning" not in abilities:
        if wish is not None and wish.on:
            dropped.append("reasoning" if own is not None else "reasoning_effort")
        return None
    sent = {name: value for name, value in given.items() if name not in _WISHES and value is not None}
    if wish is None:
        return sent
    if wish.on or wish.off:
        sent["effort"] = _effort(wish.word(_limit(body) or output or 0), quirks)
    if wish.summary and not wish.exclude:
        sent["summary"] = wish.summary
    elif wish.on and not wish.exclude and "summary" not in given and _is_curious(body, given):
        sent["summary"] = "auto"
    return sent


def _effort(word: str, quirks: Quirks) -> str:
    """The word, or the nearest that the provider knows; what is on stays on."""
    known = [name for name in quirks.efforts if name in thinking.EFFORTS and name != "none"]
    return thinking.nearest(word, known) if known and word not in (*known, "none") else word


def _is_curious(body: Json, given: Json) -> bool:
    """Whether the client wants to see reasoning, and not only that there is some."""
    said = given.get("enabled") is True or given.get("exclude") is False or bool(given.get("max_tokens"))
    return said or body.get("include_reasoning") is True or body.get("reasoning") is True


def _include(body: Json, abilities: frozenset[str] | None) -> list[Any]:
    """What the answer is to hold besides. A model that does not reason refuses to encrypt its reasoning."""
    own: Any = body.get("include")
    include: list[Any] = list(own) if codec.is_list(own) else []
    reasons = "reasoning" in abilities if abilities is not None else _thinks(body)
    if reasons and ENCRYPTED not in include:
        include.append(ENCRYPTED)
    if body.get("logprobs") and LOGPROBS not in include:
        include.append(LOGPROBS)
    return include


def _thinks(body: Json) -> bool:
    """Whether the client takes the model for one that reasons."""
    wish = thinking.wish(body)
    if wish is not None and not wish.off:
        return True
    return any(message.get("reasoning_details") for message in entries(body.get("messages")))


def _stream_options(body: Json) -> Json:
    """Usage always comes at a stream's end here."""
    given: Any = body.get("stream_options")
    options: Json = given if codec.is_object(given) else {}
    return {name: value for name, value in options.items() if name != "include_usage"}
