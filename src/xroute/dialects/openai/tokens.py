"""Usage in any provider's words."""

from collections.abc import Iterable
from math import isfinite
from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.wire.usage import Usage

# Where usage stands when not at `usage`: Groq's streams, Moonshot's streams, Gemini-like proxies.
PATHS = ("x_groq.usage", "choices.0.usage", "usageMetadata", "usage_info", "meta")

MOST = 10**10  # tokens; no call has more

_INPUT = ("prompt_tokens", "input_tokens", "prompt_eval_count", "promptTokenCount")
_OUTPUT = ("completion_tokens", "output_tokens", "eval_count", "candidatesTokenCount")
_IN_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_OUT_DETAILS = ("completion_tokens_details", "output_tokens_details")
_CACHED = ("cached_tokens", "cache_read_tokens", "cache_read_input_tokens")
_WRITTEN = ("cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens")
_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
_ANY = (*_INPUT, *_OUTPUT, "total_tokens")
_HITS = ("prompt_cache_hit_tokens", *_CACHED)
_THOUGHT = ("reasoning_tokens",)
_OTHER_WORDS = frozenset({*_CACHED, *_WRITTEN}) - {"cached_tokens", "cache_write_tokens"}
# Where a usage object says more of its parts than in OpenAI's details.
_MORE = frozenset(
    {_IN_DETAILS[1], _OUT_DETAILS[1], *_HITS, *_WRITTEN, *_THOUGHT, "cache_creation", "server_tool_use"}
)
_ANTHROPIC = frozenset({"cache_creation", "server_tool_use"})  # what has a price of its own besides
_INT = frozenset({int})
_NOTHING: Json = {}


def count(value: Any) -> int | None:
    """A token count given as int, float or text; None where it is none of these, or absurd."""
    if value.__class__ is not int:
        if isinstance(value, str):
            value = int(value) if len(value) < 16 and value.strip().isdecimal() else None
        elif isinstance(value, float):
            value = int(value) if isfinite(value) else None
        if value.__class__ is not int:
            return None
    if value > MOST:
        return None
    return value if value > 0 else 0


def _is_count(value: Any) -> bool:
    return value.__class__ is int and 0 <= value <= MOST


def usage_of(body: Json, quirks: Quirks) -> Usage | None:
    """The usage that a body or a stream's chunk reports; None where it reports none."""
    found = find(body, quirks)
    return read(found) if found is not None else None


def find(body: Json, quirks: Quirks) -> Json | None:
    """The provider's own usage object, wherever it stands."""
    usage: Any = body.get("usage")
    if usage.__class__ is dict and has_counts(usage):
        return usage
    for path in (*quirks.usage_paths, *PATHS):
        if codec.is_object(usage := _at(body, path)) and has_counts(usage):
            return usage
    if "prompt_eval_count" in body or "eval_count" in body:  # Ollama's own form
        return {key: body[key] for key in ("prompt_eval_count", "eval_count") if key in body}
    return _timed(body.get("timings"))


def _at(body: Json, path: str) -> Any:
    value: Any = body
    for name in path.split("."):
        if codec.is_list(value):
            value = value[int(name)] if name.isdecimal() and int(name) < len(value) else None
        else:
            value = value.get(name) if codec.is_object(value) else None
    return value


def _timed(timings: Any) -> Json | None:
    """llama.cpp's timings, exact where usage was not asked for: tools/server/README.md, read 2026-11-21."""
    if not codec.is_object(timings):
        return None
    cached = count(timings.get("cache_n")) or 0
    fresh, output = count(timings.get("prompt_n")), count(timings.get("predicted_n"))
    if fresh is None or output is None:
        return None
    return {
        "prompt_tokens": fresh + cached,
        "completion_tokens": output,
        "total_tokens": fresh + cached + output,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def has_counts(usage: Json) -> bool:
    """Whether a usage object holds a token count."""
    if _is_count(usage.get("prompt_tokens")):
        return True
    usage = _inner(usage)
    return _first(usage, _ANY) is not None


def plain(usage: Json) -> Usage | None:
    """What a usage object in OpenAI's own words says, as most are; None where it takes a closer look.

    Then everything in it is a count, the parts are no more than the whole, and nothing is to be mended.
    """
    given: Any = usage.get("prompt_tokens")
    written: Any = usage.get("completion_tokens")
    if given.__class__ is not int or written.__class__ is not int:
        return None
    total: Any = usage.get("total_tokens")
    if total.__class__ is not int or total != given + written or given < 0 or written < 0 or total > MOST:
        return None
    ins: Any = usage.get("prompt_tokens_details")
    outs: Any = usage.get("completion_tokens_details")
    more = not _MORE.isdisjoint(usage)
    if ins is None and outs is None:
        return None if more else Usage(given, written)
    if more and (
        not _ANTHROPIC.isdisjoint(usage)
        or (ins is None and _IN_DETAILS[1] in usage)
        or (outs is None and _OUT_DETAILS[1] in usage)
    ):
        return None
    ins, outs = _NOTHING if ins is None else ins, _NOTHING if outs is None else outs
    if not (_are_parts(ins, given) and _are_parts(outs, written)):
        return None
    return Usage(
        given,
        written,
        cached=ins.get("cached_tokens") or (more and min(_first(usage, _HITS) or 0, given)) or 0,
        cache_write=ins.get("cache_write_tokens") or (more and min(_first(usage, _WRITTEN) or 0, given)) or 0,
        reasoning=outs.get("reasoning_tokens") or (more and min(_first(usage, _THOUGHT) or 0, written)) or 0,
        audio_in=ins.get("audio_tokens", 0),
        audio_out=outs.get("audio_tokens", 0),
        image_in=ins.get("image_tokens", 0),
        image_out=outs.get("image_tokens", 0),
    )


def _are_parts(details: Any, whole: int) -> bool:
    """Whether all details are counts in OpenAI's own words, and none is more than the whole."""
    if details.__class__ is not dict or not _OTHER_WORDS.isdisjoint(details):
        return False
    counts = details.values()
    return not counts or (_INT.issuperset(map(type, counts)) and min(counts) >= 0 and max(counts) <= whole)


def read(usage: Json) -> Usage | None:
    """Usage from a provider's usage object; None where it holds no token count."""
    if used := plain(usage):
        return used
    usage = _inner(usage)
    given, written = _first(usage, _INPUT), _first(usage, _OUTPUT)
    if given is None and written is None and count(usage.get("total_tokens")) is None:
        return None
    ins, outs = _details(usage, _IN_DETAILS), _details(usage, _OUT_DETAILS)
    return _contained(
        usage,
        Usage(
            input=given or 0,
            output=written or 0,
            cached=_first(ins, _CACHED) or _first(usage, _HITS) or 0,
            cache_write=_first(ins, _WRITTEN) or _first(usage, _WRITTEN) or 0,
            cache_write_1h=_written_1h(usage),
            searches=_searches(usage),
            reasoning=_first(outs, _THOUGHT) or _first(usage, _THOUGHT) or 0,
            audio_in=_first(ins, ("audio_tokens",)) or 0,
            audio_out=_first(outs, ("audio_tokens",)) or 0,
            image_in=_first(ins, ("image_tokens",)) or 0,
            image_out=_first(outs, ("image_tokens",)) or 0,
        ),
    )


def _inner(usage: Json) -> Json:
    """Cohere's form has its counts in `tokens`; beside OpenAI's they say nothing new, and less."""
    inner: Any = usage.get("tokens")
    return inner if codec.is_object(inner) and "prompt_tokens" not in usage else usage


def _first(usage: Json, names: Iterable[str]) -> int | None:
    for name in names:  # as a loop: a generator costs three times as much, ten times a call
        value = usage.get(name)
        if value is not None and (number := count(value)) is not None:
            return number
    return None


def _details(usage: Json, names: Iterable[str]) -> Json:
    for name in names:
        if codec.is_object(found := usage.get(name)):
            return found
    return _NOTHING


def _written_1h(usage: Json) -> int:
    """Anthropic's `cache_creation.ephemeral_1h_input_tokens`, read 2026-11-21:
    https://platform.claude.com/docs/en/build-with-claude/prompt-caching."""
    made: Any = usage.get("cache_creation")
    return count(made.get("ephemeral_1h_input_tokens")) or 0 if codec.is_object(made) else 0


def _searches(usage: Json) -> int:
    """Anthropic's `server_tool_use.web_search_requests`, read 2026-11-21:
    https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool."""
    used: Any = usage.get("server_tool_use")
    return count(used.get("web_search_requests")) or 0 if codec.is_object(used) else 0


def _contained(usage: Json, u: Usage) -> Usage:
    """`u` with parts that the provider counts beside the whole put into it.

    1. Anthropic's names: cache reads and writes stand beside input_tokens.
    2. The total exceeds input and output by just the reasoning (xAI): it is output.
    3. The total exceeds them by just the audio (Mistral): it is input.
    4. The total exceeds them and nothing says why (Gemini): thinking, which is billed as output.
    """
    given, written, reasoning = u.input, u.output, u.reasoning
    if "prompt_tokens" not in usage and "input_tokens" in usage and not _details(usage, _IN_DETAILS):
        given += u.cached + u.cache_write
    excess = (count(usage.get("total_tokens")) or 0) - given - written
    if excess > 0 and excess == reasoning:
        written += excess
    elif excess > 0 and excess == u.audio_in:
        given += excess
    elif excess > 0 and _OUT_DETAILS[0] not in usage and "reasoning_tokens" not in usage:
        written, reasoning = written + excess, excess
    return Usage(
        input=given,
        output=written,
        cached=min(u.cached, given),
        cache_write=(cache_write := min(u.cache_write, given)),
        cache_write_1h=min(u.cache_write_1h, cache_write),
        searches=u.searches,
        reasoning=min(reasoning, written),
        audio_in=min(u.audio_in, given),
        audio_out=min(u.audio_out, written),
        image_in=min(u.image_in, given),
        image_out=min(u.image_out, written),
    )


def tidy(usage: Any) -> Json | None:
    """A usage object that OpenAI's types accept, with the provider's own fields; None for none."""
    if not codec.is_object(usage):
        return None
    if plain(usage):
        return usage
    if all(_is_count(usage.get(name)) for name in _COUNTS) and _plain_details(usage):
        return usage
    u = read(usage) or Usage()
    fixed = dict(usage)
    for name, value in zip(_COUNTS, (u.input, u.output, u.input + u.output), strict=True):
        if (own := count(usage.get(name))) is None:
            own = value
        fixed[name] = own
    for name in (_IN_DETAILS[0], _OUT_DETAILS[0]):
        if name in fixed:
            fixed[name] = _counted(fixed[name])
    return fixed


def _plain_details(usage: Json) -> bool:
    for name in (_IN_DETAILS[0], _OUT_DETAILS[0]):
        details = usage.get(name)
        if details is None:
            continue
        if not codec.is_object(details):
            return False
        if not all(v is None or _is_count(v) for k, v in details.items() if k.endswith("_tokens")):
            return False
    return True


def _counted(details: Any) -> Json | None:
    if not codec.is_object(details):
        return None
    return {k: count(v) if k.endswith("_tokens") else v for k, v in details.items()}


def body_of(u: Usage) -> Json:
    """OpenAI's usage object for `u`, where the provider gave none."""
    usage: Json = {
        "prompt_tokens": u.input,
        "completion_tokens": u.output,
        "total_tokens": u.input + u.output,
    }
    if u.cached or u.cache_write or u.audio_in:
        usage["prompt_tokens_details"] = {"cached_tokens": u.cached, "audio_tokens": u.audio_in}
        if u.cache_write:
            usage["prompt_tokens_details"]["cache_write_tokens"] = u.cache_write
    if u.reasoning or u.audio_out:
        usage["completion_tokens_details"] = {"reasoning_tokens": u.reasoning, "audio_tokens": u.audio_out}
    return usage
