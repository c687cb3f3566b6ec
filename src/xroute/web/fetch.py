"""Small JSON documents from an issuer: bounded in size and time, and from no other place than was asked."""

from collections.abc import Iterable
from typing import Any, cast

import orjson

from xroute.errors import TransportError
from xroute.wire.http import Target, Timeouts, Transport

LIMIT = 512 * 1024  # bytes; the largest key sets have some 20 KiB
TIMEOUTS = Timeouts(connect=5.0, first_byte=10.0, between_chunks=5.0, total=15.0)


class FetchFailed(Exception):
    """There was no usable answer. Its text is for the log: it names the address and no secret."""


class Fetcher:
    """Follows no redirect: a credential is sent to the address that it was meant for."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def get(self, url: str, bearer: str | None = None) -> Any:
        """The JSON at an address. FetchFailed where there is none."""
        headers = [("accept", "application/json"), ("user-agent", "xroute")]
        if bearer is not None:
            headers.append(("authorization", f"Bearer {bearer}"))
        return await self._ask("GET", url, headers, b"")

    async def post(self, url: str, headers: Iterable[tuple[str, str]], form: str) -> dict[str, Any]:
        """The JSON object that a form is answered with, an error of OAuth's too (RFC 6749, section 5.2)."""
        own = [("accept", "application/json"), ("content-type", "application/x-www-form-urlencoded")]
        found = await self._ask("POST", url, [*own, *headers], form.encode(), (200, 400, 401))
        if not isinstance(found, dict):
            raise FetchFailed(f"{_plain(url)} answered no JSON object")
        return cast("dict[str, Any]", found)

    async def _ask(
        self,
        method: str,
        url: str,
        headers: list[tuple[str, str]],
        body: bytes,
        statuses: tuple[int, ...] = (200,),
    ) -> Any:
        try:
            exchange = await self._transport.send(method, Target(url, tuple(headers)), body, TIMEOUTS)
            try:
                if exchange.status not in statuses:
                    raise FetchFailed(f"{_plain(url)} answered {exchange.status}")
                return orjson.loads(await exchange.read(LIMIT))
            finally:
                exchange.close()
        except (TransportError, ValueError) as error:
            raise FetchFailed(f"{_plain(url)}: {error}") from error


def _plain(url: str) -> str:
    return url.partition("?")[0][:200]
