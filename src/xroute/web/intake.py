"""The requests in the bytes of a connection, parsed by llhttp with nothing lenient about it."""

from http import HTTPStatus

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from xroute.web.exchange import Exchange, Link
from xroute.web.refusal import Refused, bad
from xroute.web.scope import FRAMES, Headers, check, make

SLICE = 16 * 1024  # bytes that are parsed at once: so far requests can be parsed ahead of their turn
HEAD = 64 * 1024  # most bytes of a head, and of chunk extensions and trailers beyond their share
LONG = HEAD - 2 * SLICE  # bytes after which it may be larger
LINES = 128  # most headers
SHARE = 1 + 8  # bytes that may come for one of a body: itself and what frames it, 5 in chunks of one byte
HIGH = 256 * 1024  # unread bytes at which the socket is no longer read


class Intake:
    """Bytes go in by `feed`, exchanges come out of `queue`. The parser calls `on_...`."""

    __slots__ = (
        "_excess",
        "_grafting",
        "_headers",
        "_link",
        "_parser",
        "_target",
        "deaf",
        "held",
        "queue",
        "reading",
        "refusal",
    )

    def __init__(self, link: Link) -> None:
        self.queue: list[Exchange] = []  # whose turn has not come; the last one may be incomplete
        self.reading: Exchange | None = None  # whose body is being read
        self.refusal: Refused | None = None  # for what came behind the last good request
        self.deaf = False  # what comes is thrown away
        self._link: Link | None = link
        self._parser: HttpRequestParser | None = HttpRequestParser(self)
        self._target = b""
        self._headers: Headers | None = None  # of the head that is being read
        self.held = bytearray()  # not parsed, as enough is parsed ahead
        self._excess = 0  # bytes since the head began that are not the body's
        self._grafting = False  # a body is moved to a parser that knows nothing of upgrades

    def has_begun(self) -> bool:
        """Whether some of a request is here and its head is not complete."""
        return self._headers is not None or (self._excess > 0 and self.reading is None)

    def is_full(self) -> bool:
        """Whether more is here than anyone takes."""
        return len(self.held) > HIGH or (self.reading is not None and self.reading.size > HIGH)

    def feed(self, data: bytes, most: int) -> None:
        """Parse, but hold back what comes behind more than `most` requests in the queue."""
        if self.deaf:
            return
        if self.held or len(self.queue) > most:
            self.held += data
            return
        size = len(data)
        start = self._parse(data if size <= SLICE else memoryview(data)[:SLICE])
        while start < size and not self.deaf:
            if len(self.queue) > most:
                self.held += data[start:]
                return
            start += self._parse(memoryview(data)[start : start + SLICE])

    def go_on(self, most: int) -> None:
        """Parse what was held back, as far as `feed` would."""
        if self.held and len(self.queue) <= most:
            data = bytes(self.held)
            self.held.clear()
            self.feed(data, most)

    def fail(self, refused: Refused) -> None:
        """Nothing more can be read. What was read before is answered first."""
        self.deaf = True
        exchange, self.reading = self.reading, None
        if exchange is None:
            self.refusal = refused
        else:
            self.refusal = None
            exchange.refused = refused

    def end(self) -> None:
        """Nothing more comes."""
        self.deaf = True
        self.reading = None
        self._parser = self._link = None  # both hold this object: a cycle
        self.queue.clear()
        self.held.clear()

    # What the parser calls

    def on_message_begin(self) -> None:
        """A request begins."""
        if not self._grafting:
            self._headers = []
            self._target = b""

    def on_url(self, url: bytes) -> None:
        """The target, or a piece of it."""
        if not self._grafting:
            self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head, or a trailer, which is passed over."""
        headers = self._headers
        if headers is not None:
            headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """The head is in."""
        parser, link, headers = self._parser, self._link, self._headers
        if headers is None or parser is None or link is None:
            self._grafting = False  # the head was `_graft`'s
            return
        version = parser.get_http_version()
        try:
            if self._excess > LONG or len(headers) > LINES:
                self._measure(headers)
            named = dict(headers)
            expects = check(version, headers, named)
            method = parser.get_method().decode("ascii")
            scope = make(method, self._target, version, headers, link.client, link.server)
        except Refused as refused:
            raise self._caught(refused) from None
        self._headers = None
        self._grafting = parser.should_upgrade()
        exchange = self.reading = Exchange(link, scope, named, parser.should_keep_alive(), expects)
        self.queue.append(exchange)

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        exchange = self.reading
        if exchange is not None:
            size = len(data)
            self._excess -= size * SHARE
            exchange.pieces.append(data)
            exchange.size += size
            if exchange.waiter is not None:
                exchange.wake()

    def on_message_complete(self) -> None:
        """The request's end; nothing behind one that ends the connection is read."""
        exchange = self.reading
        if exchange is None or self._grafting:
            return
        self.reading = None
        self._excess = 0
        exchange.complete = True
        if exchange.waiter is not None:
            exchange.wake()
        if not exchange.keep:
            self.deaf = True

    # Inside

    def _parse(self, part: bytes | memoryview) -> int:
        """How many bytes were taken."""
        parser, taken = self._parser, len(part)
        if parser is None:
            return taken
        self._excess += taken
        try:
            parser.feed_data(part)
        except HttpParserUpgrade as pause:
            self._excess -= taken - pause.args[0]
            taken = pause.args[0]
            self._graft()
        except HttpParserError as error:
            if not self.deaf:
                self.fail(self.refusal or _explain(error))
            return taken
        if self._headers and len(self._headers) > LINES:
            self.fail(_too_many())
        elif self._excess > HEAD:
            self._overflow()
        elif self._excess < 0:
            self._excess = 0
        return taken

    def _graft(self) -> None:
        """Read the body of a request that offers an upgrade, which is not taken up: RFC 9110, 7.8.

        llhttp takes what follows the head for the other protocol, so a fresh parser is told the framing.
        """
        assert self.reading is not None
        headers = self.reading.scope["headers"]
        lines = [b"%b: %b\r\n" % header for header in headers if header[0] in FRAMES]
        self._parser = HttpRequestParser(self)
        self._parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(lines))

    def _measure(self, headers: Headers) -> None:
        if len(headers) > LINES:
            raise _too_many()
        size = len(self._target) + sum(len(name) + len(value) + 4 for name, value in headers)
        if size > HEAD:
            raise self._too_long()

    def _overflow(self) -> None:
        if self.reading is not None:
            self.fail(bad("The framing of the request's body is larger than the body."))
        else:
            self.fail(self._too_long())

    def _too_long(self) -> Refused:
        if len(self._target) > HEAD // 2:
            message = "The request's target is too long."
            return Refused(HTTPStatus.REQUEST_URI_TOO_LONG, message, "target_too_long")
        return _too_large(f"The request's head is larger than {HEAD // 1024} KiB.")

    def _caught(self, refused: Refused) -> Refused:
        """Remember what a callback raises: the parser tells only that one did."""
        self.refusal = refused
        return refused


def _too_many() -> Refused:
    return _too_large(f"The request has more than {LINES} headers.")


def _too_large(message: str) -> Refused:
    return Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, message, "head_too_large")


def _explain(error: HttpParserError) -> Refused:
    return bad(f"The request is not HTTP as it should be: {error}.")
