"""A client's own body with another model's name in it, for deployments of the client's own dialect."""

import re
from typing import Any

import orjson

from xroute.dialects.openai import codec
from xroute.dialects.openai.encode import OWN

_NAME = b'"model"'
_MODEL = re.compile(rb'"model"\s*:\s*("[^"\\]*(?:\\.[^"\\]*)*")')
_SPELLED = b"\\u006"  # begins the escape of each letter of "model"


def with_model(raw: bytes, body: dict[str, Any], upstream: str) -> bytes:
    """`raw`, a JSON object, with `upstream` as its top-level `model`; every other byte stays.

    `body` is what `raw` was read into; only its names are looked at. Where it holds fields that are addressed
    to xroute, or `raw` has more than one place that may be the model, the JSON is written anew: a key given
    twice, or spelled with escapes, must not name another model to the provider than to us.
    """
    if body.keys().isdisjoint(OWN) and (new := _replaced(raw, upstream)):
        return new
    whole = codec.read(raw)
    kept = {name: value for name, value in whole.items() if name not in OWN}
    return codec.write({**kept, "model": upstream})


def _replaced(raw: bytes, upstream: str) -> bytes:
    """b"" where it is not certain that the one place found is the top-level model.

    With one occurrence of the name and no other spelling of it, an object that has a top-level model has it
    in that place.
    """
    if raw.count(_NAME) != 1 or _SPELLED in raw or (found := _MODEL.search(raw)) is None:
        return b""
    new = raw[: found.start(1)] + codec.write(upstream) + raw[found.end(1) :]
    try:
        whole = orjson.loads(new)
    except orjson.JSONDecodeError:
        return b""
    return new if codec.is_object(whole) and whole.get("model") == upstream else b""
