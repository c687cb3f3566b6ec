"""The body of a request, read whole and within a limit."""

from collections.abc import AsyncIterator

from xroute.errors import InvalidRequest, PayloadTooLarge
from xroute.web.asgi import Client, RequestHeaders

MAX_DIGITS = 18  # of a length; int() refuses thousands of them
CODINGS = frozenset((b"content-encoding", b"transfer-encoding"))


class ClientGone(Exception):
    """The client went away while its request was being read."""


async def read_body(headers: RequestHeaders, client: Client, limit: int) -> bytes:
    """The request's body; PayloadTooLarge above `limit` bytes, at once where the length is announced."""
    _check_codings(headers)
    body = client.whole()
    if body is None:
        _announced(headers, limit)
        parts = [part async for part in _pieces(client, limit)]
        return parts[0] if len(parts) == 1 else b"".join(parts)
    if len(body) > limit:
        raise _too_large(limit)
    return body


async def read_buffer(headers: RequestHeaders, client: Client, limit: int) -> bytearray:
    """As `read_body`, for large bodies: each byte is held once, also while they come."""
    _check_codings(headers)
    buffer = bytearray(_announced(headers, limit))
    size = 0
    async for part in _pieces(client, limit):
        buffer[size : size + len(part)] = part
        size += len(part)
    del buffer[size:]
    return buffer


async def _pieces(client: Client, limit: int) -> AsyncIterator[bytes]:
    size = 0
    more = True
    while more:
        message = await client.receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        yield part
        more = message.get("more_body", False)


def _announced(headers: RequestHeaders, limit: int) -> int:
    """The length that the head announces, 0 where it does not."""
    length = headers.raw.get(b"content-length", b"")
    if not length.isdigit():
        return 0
    if len(length) > MAX_DIGITS or int(length) > limit:
        raise _too_large(limit)
    return int(length)


def _check_codings(headers: RequestHeaders) -> None:
    if CODINGS.isdisjoint(headers.raw):
        return
    if (encoding := headers.get("content-encoding")) and encoding.lower() != "identity":
        raise InvalidRequest("Send the body without content-encoding.", code="unsupported_encoding")
    if (coding := headers.get("transfer-encoding")) and coding.strip().lower() != "chunked":
        raise InvalidRequest("Send no transfer-encoding but chunked.", code="unsupported_encoding")


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"The request body is larger than the {limit // (1024 * 1024)} MiB that this server takes.",
        code="payload_too_large",
    )
