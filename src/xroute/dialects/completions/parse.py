"""A client's completion request becomes a Call."""

from typing import Any, cast

from xroute.dialects.completions.surface import CompletionsSurface
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.parse import call_of, load, wrong
from xroute.errors import InvalidPrompt
from xroute.wire.call import Call

_OWN = ("prompt", "suffix", "echo", "best_of", "logprobs")
MOST_LOGPROBS = 20  # of chat; completions have no more than 5


def parse(raw: bytes) -> Call:
    """InvalidRequest for anything that cannot be a completion.

    `Call.operation` is "completions" for several prompts, token ids, `suffix`, `echo` and `best_of`, which
    chat cannot give; for all else it is "chat".
    """
    body = load(raw)
    prompts = _prompts(body.get("prompt"))
    _check(body)
    surface = CompletionsSurface(include_usage=_wants_usage(body))
    call = call_of(_chat(body, prompts), surface, len(raw))
    call.raw = raw
    if len(prompts) != 1 or not isinstance(prompts[0], str) or _is_special(body):
        call.operation = "completions"
        call.choices = max(call.choices, body.get("best_of") or 1) * len(prompts)
    return call


def _prompts(given: Any) -> list[Any]:
    """The prompts one by one, each a text or a list of token ids."""
    if given is None:
        raise wrong("prompt", "is required", InvalidPrompt)
    if isinstance(given, str):
        return [given]
    if not codec.is_list(given) or not given:
        raise wrong("prompt", "must be a string, or a list that is not empty", InvalidPrompt)
    if all(item.__class__ is int for item in given):
        return [given]
    for place, item in enumerate(given):
        if not isinstance(item, str) and not _is_tokens(item):
            raise wrong(f"prompt[{place}]", "must be a string or token ids", InvalidPrompt)
    return given


def _is_tokens(item: Any) -> bool:
    return isinstance(item, list) and all(token.__class__ is int for token in cast("list[Any]", item))


def _check(body: Json) -> None:
    logprobs = body.get("logprobs")
    if logprobs is not None and (logprobs.__class__ is not int or logprobs < 0):
        raise wrong("logprobs", "must be 0 or more")
    best = body.get("best_of")
    if best is not None and (best.__class__ is not int or best < 1):
        raise wrong("best_of", "must be 1 or more")


def _is_special(body: Json) -> bool:
    best = body.get("best_of") or 1
    return bool(body.get("suffix") or body.get("echo") or best > (body.get("n") or 1))


def _wants_usage(body: Json) -> bool:
    options: Any = body.get("stream_options")
    return codec.is_object(options) and bool(options.get("include_usage"))


def _chat(body: Json, prompts: list[Any]) -> Json:
    """The request as a chat with one message. The old default of 16 tokens is not kept: models that think
    would say nothing within it."""
    chat = {name: value for name, value in body.items() if name not in _OWN}
    text = prompts[0] if isinstance(prompts[0], str) else ""
    chat["messages"] = [{"role": "user", "content": text}]
    if body.get("logprobs") is not None:
        chat["logprobs"] = True
        if body["logprobs"]:
            chat["top_logprobs"] = min(body["logprobs"], MOST_LOGPROBS)
    return chat
