"""HTTP by hand: raw sockets, for what no client library would send and for reading what came exactly."""

import asyncio
import contextlib
from dataclasses import dataclass

from tests.gateway.replies import Reply, read

KEY = "sk-client-1"  # of every gateway here
CHAT = "/v1/chat/completions"
SOON_S = 30.0  # nothing here takes that long; a hang is a failure, not a wait


@dataclass
class Wire:
    """One connection to a server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self, within_s: float = SOON_S) -> Reply:
        """The next answer; ConnectionError when there is none."""
        async with asyncio.timeout(within_s):
            status, headers = await self._head()
            return read(status, headers, await self._body(status, headers))

    async def ended(self) -> bytes:
        """What came before the server closed the connection."""
        async with asyncio.timeout(SOON_S):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    async def head(self) -> tuple[int, dict[str, str]]:
        """The status and headers of an answer whose body is read by the caller."""
        async with asyncio.timeout(SOON_S):
            return await self._head()

    async def until(self, mark: bytes) -> bytes:
        """The bytes up to and with a mark."""
        async with asyncio.timeout(SOON_S):
            return await self.reader.readuntil(mark)

    async def _head(self) -> tuple[int, dict[str, str]]:
        try:
            raw = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            raise ConnectionError(f"no answer, only {error.partial!r}") from error
        start, *lines = raw.decode("latin-1").split("\r\n")[:-2]
        pairs = [line.split(":", 1) for line in lines]
        headers = {name.lower(): value.strip() for name, value in pairs}
        assert len(headers) == len(pairs), f"a header stands twice: {lines}"
        return int(start.split(" ")[1]), headers

    async def _body(self, status: int, headers: dict[str, str]) -> bytes:
        if "content-length" in headers:
            return await self.reader.readexactly(int(headers["content-length"]))
        if headers.get("transfer-encoding") != "chunked":
            return await self.reader.read()
        parts: list[bytes] = []
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            parts.append(await self.reader.readexactly(size))
            assert await self.reader.readexactly(2) == b"\r\n"
        assert await self.reader.readexactly(2) == b"\r\n"
        return b"".join(parts)


async def dial(port: int) -> Wire:
    """A connection to a server on this machine."""
    return Wire(*await asyncio.open_connection("127.0.0.1", port, limit=64 * 1024 * 1024))


def post(body: bytes) -> bytes:
    """A whole request for a chat completion."""
    return head(f"content-length: {len(body)}") + body


def head(*lines: str, start: str = f"POST {CHAT}", key: str | None = KEY) -> bytes:
    """A request's head, with further lines as they stand."""
    fields = ["host: x", *([f"authorization: Bearer {key}"] if key else []), *filter(None, lines)]
    return "\r\n".join([f"{start} HTTP/1.1", *fields, "", ""]).encode("latin-1")


async def check_good(wire: Wire) -> None:
    """The connection still answers, or it was ended: it never answers anything else."""
    try:
        await wire.send(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        reply = await wire.reply()
    except ConnectionError:
        return
    assert reply.body == {"status": "ok"}
    await wire.close()
