"""Access tokens by OAuth 2: a secret is changed into a token that lasts an hour or so.

RFC 6749, section 4.4.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import urlencode

import orjson

from xroute.errors import ConfigError, ProtocolError, TransportError
from xroute.wire.http import Target, Timeouts, Transport

EARLY_S = 120.0  # a token is renewed so long before it ends
LIFE_S = 3600.0  # of a token whose answer does not say it
MAX_ANSWER = 64 * 1024  # bytes
MAX_TARGETS = 1024  # with a token on them, kept for reuse
WAIT = Timeouts(connect=5.0, first_byte=20.0, between_chunks=20.0, total=30.0)
FORM = (("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json"))


class TokenSigner:
    """Signs with a bearer token from `url`, asked for with the fields of `form`, which hold the secret."""

    def __init__(
        self,
        url: str,
        form: dict[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = Target(url, FORM)
        self._form = urlencode(form).encode()
        self.transports: Mapping[str, Transport] = {}  # by URL scheme; given before the first call
        self._clock = clock
        self._token = ""
        self._until = 0.0
        self._asking = asyncio.Lock()
        self._signed: dict[
            int, tuple[Target, Target]
        ] = {}  # the plain target is held, so its id stays its own

    def __repr__(self) -> str:
        return f"<TokenSigner {self._ask.url}, {'ready' if self._token else 'no token yet'}>"

    async def sign(self, method: str, target: Target, body: bytes) -> Target:
        if self._clock() >= self._until:
            async with self._asking:  # one request serves all who wait
                if self._clock() >= self._until:
                    await self._renew()
        known = self._signed.get(id(target))
        if known is None:
            if len(self._signed) >= MAX_TARGETS:
                self._signed.clear()
            header = ("authorization", f"Bearer {self._token}")
            known = self._signed[id(target)] = (target, replace(target, headers=(*target.headers, header)))
        return known[1]

    async def _renew(self) -> None:
        began = self._clock()
        transport = self.transports[self._ask.url.partition(":")[0]]
        exchange = await transport.send("POST", self._ask, self._form, WAIT)
        try:
            raw = await exchange.read(MAX_ANSWER)
        finally:
            exchange.close()
        if exchange.status in (400, 401, 403):
            raise ConfigError(f"{self._ask.url} does not accept the credential (HTTP {exchange.status})")
        if exchange.status != 200:
            raise TransportError(f"{self._ask.url} gave no token (HTTP {exchange.status})")
        self._token, life_s = _read(raw, self._ask.url)
        self._until = began + max(life_s - EARLY_S, life_s / 2)
        self._signed.clear()


def _read(raw: bytes, url: str) -> tuple[str, float]:
    """(the token, seconds it lasts)."""
    try:
        body = orjson.loads(raw)
        return str(body["access_token"]), float(body.get("expires_in") or LIFE_S)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ProtocolError(f"{url} answered without an access token") from None
