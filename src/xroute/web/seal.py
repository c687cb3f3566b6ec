"""What a browser keeps for us: it can neither make it nor change it, and it is good for a while."""

import base64
import binascii
import hmac
import time
from collections.abc import Callable
from typing import Any, cast

import orjson

MOST = 4096  # characters; no browser keeps a longer cookie


class Seal:
    """Seals under a key that is made from the pepper, and for nothing else."""

    def __init__(self, pepper: bytes, clock: Callable[[], float] = time.time) -> None:
        self._key = hmac.digest(pepper, b"xroute: seal", "sha256")
        self._clock = clock

    def close(self, data: dict[str, Any], lasts_s: int) -> str:
        """The data as a text for a cookie."""
        body = orjson.dumps({"until": int(self._clock()) + lasts_s, "data": data})
        return f"{_text(body)}.{_text(hmac.digest(self._key, body, 'sha256'))}"

    def open(self, text: str) -> dict[str, Any] | None:
        """The data, if it was sealed here and is still good."""
        body, _, mark = text[:MOST].partition(".")
        try:
            raw, given = _bytes(body), _bytes(mark)
        except (ValueError, binascii.Error):
            return None
        if not hmac.compare_digest(hmac.digest(self._key, raw, "sha256"), given):
            return None
        found = cast("dict[str, Any]", orjson.loads(raw))
        return found["data"] if found["until"] > self._clock() else None


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
