"""A client's own body with another model's name in it, for deployments of the client's own dialect."""

import re
from functools import cache
from typing import Any

import orjson

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.encode import OWN

_NAME = b'"model"'
_MODEL = re.compile(rb'"model"\s*:\s*("[^"\\]*(?:\\.[^"\\]*)*")')
_SPELLED = b"\\u006"  # begins the escape of each letter of "model"
_ESCAPED = re.compile(rb"\\u00[567]", re.I)  # begins that of each letter in the names of fields
# Names of what multiplies the output, besides its maximum.
_FACTORS = ("n", "best_of", "candidateCount", "candidate_count", "generationConfig", "generation_config")


def with_model(raw: bytes, body: dict[str, Any], upstream: str) -> bytes:
    """`raw`, a JSON object, with `upstream` as its top-level `model`; every other byte stays.

    `body` is what `raw` was read into; only its names and its model are looked at. Where it holds fields that
    are addressed to xroute, or `raw` has more than one place that may be the model, the JSON is written anew:
    a key given twice, or spelled with escapes, must not name another model to the provider than to us.
    """
    if OWN.isdisjoint(body) and (new := _replaced(raw, body.get("model"), upstream)):
        return new
    whole = codec.read(raw)
    kept = {name: value for name, value in whole.items() if name not in OWN}
    return codec.write({**kept, "model": upstream})


def _replaced(raw: bytes, model: Any, upstream: str) -> bytes:
    """b"" where it is not certain that the one place found is the top-level model, which was read as `model`.

    With one occurrence of the name and no other spelling of it, an object that has a top-level model has it
    in that place.
    """
    if raw.count(_NAME) != 1 or _SPELLED in raw or (found := _MODEL.search(raw)) is None:
        return b""
    try:
        if orjson.loads(found[1]) != model:
            return b""
    except orjson.JSONDecodeError:
        return b""
    return raw[: found.start(1)] + codec.write(upstream) + raw[found.end(1) :]


def with_limit(raw: bytes, path: tuple[str, ...], tokens: int) -> bytes:
    """`raw`, a JSON object, with this maximum of output at `path` and in no other spelling."""
    whole = codec.read(raw)
    at = whole
    for name in path[:-1]:
        inner: Any = _taken(at, name)
        at[name] = _once(inner) if codec.is_object(inner) else {}
        at = at[name]
    _taken(at, path[-1])
    at[path[-1]] = tokens
    return codec.write(whole)


def limited(raw: bytes, path: tuple[str, ...], tokens: int) -> bytes:
    """`raw` where it says this maximum at `path` and cannot be read otherwise; else it is written anew.

    A field given twice, or under a name that the provider passes over, must not let it generate more than
    was read here.
    """
    at: Any = codec.read(raw)
    for name in path[:-1]:
        at = at.get(name) if codec.is_object(at) else None
    if codec.is_object(at) and at.get(path[-1]) == tokens and _once(at) == at and _is_plain(raw, path):
        return raw
    return with_limit(raw, path, tokens)


def _is_plain(raw: bytes, path: tuple[str, ...]) -> bool:
    """Whether no name that says how much is generated stands there twice, or may be spelled with escapes."""
    for name in _quoted(path):
        if raw.count(name) > 1:
            return False
    return not _ESCAPED.search(raw)


@cache
def _quoted(path: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(b'"%b"' % name.encode() for name in {*path, *_FACTORS})


def _taken(given: Json, name: str) -> Any:
    """Takes a field out, under its own name or else in snake_case."""
    snake = _snake(name)
    other = given.pop(snake) if snake != name and snake in given else None
    return given.pop(name) if name in given else other


def _once(given: Json) -> Json:
    """Without fields that stand there in camelCase too, which is what was read."""
    twins = {snake for name in given if not name.islower() and (snake := _snake(name)) != name}
    return {name: value for name, value in given.items() if name not in twins} if twins else given


def _snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name)


def with_route(raw: bytes, model: str) -> bytes:
    """`raw` with `model` in it, where it is a JSON object that names none."""
    if _NAME in raw or b'"models"' in raw:
        return raw
    try:
        whole = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return raw  # what is wrong with it is said by who reads it
    return codec.write({**whole, "model": model}) if codec.is_object(whole) else raw
