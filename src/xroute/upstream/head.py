"""The head of a request as bytes, made once per target."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from xroute import __version__
from xroute.wire.http import Target

PORTS = {"http": 80, "https": 443}
OURS = frozenset(  # what frames the message or belongs to the connection is not for a target to say
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})  # an empty body needs no content-length

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_URL = re.compile(r"[\x21-\x7e]+")


class Origin(NamedTuple):
    """Whom a request is for."""

    scheme: str  # http | https
    host: str  # without brackets, lower case
    port: int

    @property
    def authority(self) -> str:
        """`host` or `host:port` as a Host header says it."""
        return self.host_port if self.port != PORTS[self.scheme] else self._bracketed

    @property
    def host_port(self) -> str:
        """`host:port`, always with the port, as CONNECT says it."""
        return f"{self._bracketed}:{self.port}"

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def split_url(url: str) -> tuple[Origin, str]:
    """The origin and the path with its query; ValueError for what no request can be sent to."""
    if not _URL.fullmatch(url):
        raise ValueError("a URL holds a space, a control character or a letter beyond ASCII")
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("a URL must begin with http:// or https:// and name a host")
    if "@" in parts.netloc:
        raise ValueError("a URL must not hold a user name or password")
    origin = Origin(parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme])
    return origin, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def origin_of(url: str) -> str:
    """`https://host`, with the port where it is not the scheme's own; ValueError as `split_url`."""
    origin, _ = split_url(url)
    return f"{origin.scheme}://{origin.authority}"


@dataclass(frozen=True, slots=True)
class Head:
    """Everything of a request before its body; `prefix` ends where the body's length is to stand."""

    method: str
    prefix: bytes = field(repr=False)  # holds the credential
    bare: bytes | None = field(
        repr=False
    )  # the whole head for an empty body, where the method needs no length

    def encode(self, body: bytes) -> bytes:
        """The head and the body behind it."""
        if not body and self.bare is not None:
            return self.bare
        return b"%b%d\r\n\r\n%b" % (self.prefix, len(body), body)

    def alone(self, length: int) -> bytes:
        """The head for a body of `length` bytes that is sent after it."""
        return b"%b%d\r\n\r\n" % (self.prefix, length)


def make_head(
    method: str, uri: str, authority: str, target: Target, extra: tuple[tuple[str, str], ...]
) -> Head:
    """A target's head; ValueError for a header that would break the message. Values are never shown."""
    if not _TOKEN.fullmatch(method):
        raise ValueError("a method is made of letters")
    names = {name.lower() for name, _ in target.headers}
    if refused := sorted(names & OURS):
        raise ValueError(f"the header {refused[0]} is set by the client itself")
    lines = [(name, value) for name, value in _defaults(authority) if name not in names]
    fields = "".join(_field(name, value) for name, value in (*lines, *target.headers, *extra))
    start = f"{method} {uri} HTTP/1.1\r\n{fields}".encode("latin-1")
    bare = start + b"\r\n" if method in BODILESS else None
    return Head(method, start + b"content-length: ", bare)


def _defaults(authority: str) -> tuple[tuple[str, str], ...]:
    return (
        ("host", authority),
        ("user-agent", f"xroute/{__version__}"),
        ("accept", "*/*"),
        ("accept-encoding", "identity"),
    )


def _field(name: str, value: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise ValueError("a header's name holds a character that no name may hold")
    if not _VALUE.fullmatch(value):
        raise ValueError(f"the value of header {name} holds a line break, NUL or a letter beyond Latin-1")
    trimmed = value.strip(" \t")
    return f"{name.lower()}: {trimmed}\r\n"
