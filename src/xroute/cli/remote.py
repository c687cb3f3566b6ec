"""Requests to the management API: over HTTP to a running server, or in this process on its database."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, cast
from urllib.parse import quote, urlencode, urlsplit

from xroute.cli.cells import printable
from xroute.errors import ConfigError, XrouteError

if TYPE_CHECKING:
    import asyncio

    from xroute.wire.http import Transport

API = "/api/v1/"
ENDINGS = ("/api/v1", "/openai/v1", "/v1")  # of addresses that people have at hand
PAGE = 500  # rows of one request; the API gives no more
WORKSPACE, MAIN = "x-xroute-workspace", "main"
SILENCE_S = 60.0
OTHERWISE = "Without XROUTE_URL and --url the commands work on the configuration's database"

T = TypeVar("T")
Take: TypeAlias = Callable[[int, bytes], None]  # (status, a piece of the answer's body)
Query: TypeAlias = Mapping[str, Any]  # what is None, "" or an empty list is left out


class Refused(XrouteError):
    """The API said no, in its own words."""

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `path` is as it is written in `web.access.TABLE`, with values in it, and not quoted."""

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @property
    def target(self) -> str:
        """Path and query as they are sent."""
        return quote(self.path) + (f"?{self.query}" if self.query else "")


class Way(Protocol):
    """How a request gets to the API. Raises XrouteError where it does not, or breaks off."""

    async def send(self, request: Request, take: Take) -> int:
        """The answer's status; its body goes to `take` as it comes."""
        ...

    async def close(self) -> None:
        """Ends what was opened."""
        ...


class Http:
    """A server that runs, at its address."""

    def __init__(self, url: str, token: str, transport: "Transport") -> None:
        """ConfigError for what is no address, or no token."""
        self.origin = _origin(url)
        if not (token.isascii() and token.isprintable() and " " not in token):
            raise ConfigError("XROUTE_TOKEN is no token: it looks like xrt-... and has no spaces")
        self._token = token
        self._transport = transport

    async def send(self, request: Request, take: Take) -> int:
        # As above.
        from xroute.errors import ConnectError, TransportError
        from xroute.wire.http import Target, Timeouts

        headers = (("authorization", f"Bearer {self._token}"), *request.headers)
        target = Target(f"{self.origin}{request.target}", headers)
        try:
            exchange = await self._transport.send(request.method, target, request.body, Timeouts())
            try:
                while piece := await exchange.chunk(SILENCE_S):
                    take(exchange.status, piece)
                return exchange.status
            finally:
                exchange.close()
        except ConnectError as error:
            raise Refused(
                f"cannot reach {self.origin}: {error}. Is `xroute serve` running there? --url or XROUTE_URL "
                f"says where it is. {OTHERWISE}"
            ) from error
        except TransportError as error:
            raise Refused(f"{self.origin} did not answer as it should: {error}") from error

    async def close(self) -> None:
        await self._transport.close()


def _origin(url: str) -> str:
    """The address without what people copy along with it."""
    text = url.strip().rstrip("/")
    for ending in ENDINGS:
        text = text.removesuffix(ending)
    try:
        parts = urlsplit(text)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query
    except ValueError:
        is_usable = False
    if not is_usable or not text.isascii() or " " in text or "@" in text:
        raise ConfigError("expected an address such as http://127.0.0.1:8790", where="--url (XROUTE_URL)")
    return text.rstrip("/")


class Remote:
    """The API for commands, which wait for every answer. Opened at the first request."""

    def __init__(self, make: Callable[[], Way], workspace: str | None = None) -> None:
        """`workspace` is an id or a short name; None = the token's own, or the main one."""
        self._make = make
        self._way: Way | None = None
        self._workspace = workspace
        self._loop: asyncio.Runner | None = None

    def ask(
        self, method: str, path: str, query: Query | None = None, body: Any = None, **headers: str
    ) -> Any:
        """The answer as it was sent: None where it has no body. `path` is below /api/v1/.

        Who runs the installation has no workspace of their own: where one is needed they are in the main one.
        """
        request = self._request(method, path, query or {}, body, headers)
        try:
            return self._answer(request)
        except Refused as refused:
            if refused.code != "workspace_missing":
                raise
        return self._answer(replace(request, headers=(*request.headers, (WORKSPACE, MAIN))))

    def rows(self, path: str, query: Query, most: int) -> dict[str, Any]:
        """A list as the API gives one, of several pages where they are needed for `most` rows."""
        found: dict[str, Any] = {"data": [], "next": None}
        cursor: str | None = None
        while True:
            size = min(most - len(found["data"]), PAGE)
            page = self.ask("GET", path, {**query, "limit": size, "cursor": cursor})
            cursor = page["next"]
            found |= page | {"data": [*found["data"], *page["data"]]}
            if cursor is None or len(found["data"]) >= most:
                return found

    def save(self, path: str, query: Query, write: Callable[[bytes], object]) -> None:
        """A file, as it comes. Refused where it cannot be had, or breaks off."""
        said: list[bytes] = []

        def take(status: int, piece: bytes) -> None:
            if status == 200:
                write(piece)
            else:
                said.append(piece)

        status = self._send(self._request("GET", path, query, None, {}), take)
        if status != 200:
            _parsed(status, b"".join(said))

    def find(self, path: str, prefix: str, text: str, *names: str) -> str:
        """The id that is meant by an id, or by one of these fields. Who is no more is left out."""
        if text.startswith(prefix):
            return text
        every = self.rows(path, {}, 10**9)["data"]
        rows = [row for row in every if any(row.get(name) == text for name in names)]
        rows = [row for row in rows if not (row.get("revoked") or row.get("archived"))] or rows
        if len(rows) == 1:
            return str(rows[0]["id"])
        kind = path.rpartition("/")[2]
        if not rows:
            raise Refused(f"none of the {kind} here is {text!r}: `xroute {kind} list` shows them")
        ids = ", ".join(row["id"] for row in rows[:5])
        raise Refused(f"several of the {kind} here are {text!r}: say which one by its id ({ids})")

    def close(self) -> None:
        """Ends what was opened."""
        if self._loop is not None:
            if self._way is not None:
                self._loop.run(self._way.close())
            self._loop.close()

    def _answer(self, request: Request) -> Any:
        pieces: list[bytes] = []
        status = self._send(request, lambda _, piece: pieces.append(piece))
        return _parsed(status, b"".join(pieces))

    def _send(self, request: Request, take: Take) -> int:
        if self._way is None:
            self._way = self._make()
        return self._wait(self._way.send(request, take))

    def _wait(self, coming: Awaitable[T]) -> T:
        # asyncio takes 30 ms to import, which `--help` need not wait for.
        import asyncio

        async def whole() -> T:
            return await coming

        if self._loop is None:
            self._loop = asyncio.Runner()
        return self._loop.run(whole())

    def _request(self, method: str, path: str, query: Query, body: Any, more: Mapping[str, str]) -> Request:
        headers = [(name.replace("_", "-"), _header(name, value)) for name, value in more.items() if value]
        if self._workspace:
            headers.append((WORKSPACE, _header("--workspace", self._workspace)))
        data = b"" if body is None else json.dumps(body).encode()
        if data:
            headers.append(("content-type", "application/json"))
        return Request(method, API + path, _encoded(query), tuple(headers), data)


def _encoded(query: Query) -> str:
    given = {name: value for name, value in query.items() if value is not None and value not in ("", [])}
    told = {name: str(value).lower() if isinstance(value, bool) else value for name, value in given.items()}
    return urlencode(told, doseq=True)


def _header(name: str, value: str) -> str:
    if not (value.isascii() and value.isprintable()):
        raise Refused(f"{name} {value!r} has characters that it cannot have")
    return value


def _parsed(status: int, body: bytes) -> Any:
    """Raises Refused in the words of the API."""
    try:
        answer: Any = json.loads(body) if body else None
    except ValueError:
        answer = body
    if 200 <= status < 300 and not isinstance(answer, bytes):
        return answer
    error = _error(answer)
    if error is None:
        raise Refused(f"the answer (status {status}) is not xroute's: does XROUTE_URL name an xroute?")
    message = printable(str(error.get("message", f"status {status}")))
    metadata: Mapping[str, Any] = error.get("metadata") or {}
    if status >= 500 and metadata.get("request_id"):
        message += f" ({metadata['request_id']} in the log)"
    raise Refused(message, error.get("code"))


def _error(answer: Any) -> dict[str, Any] | None:
    if not isinstance(answer, dict):
        return None
    error = cast("dict[str, Any]", answer).get("error")
    return cast("dict[str, Any]", error) if isinstance(error, dict) else None
