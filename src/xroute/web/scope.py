"""The head of a request as ASGI's scope, if there is only one way to understand it."""

from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from xroute.web.refusal import Refused, bad

Headers = list[tuple[bytes, bytes]]
Named = dict[bytes, bytes]  # the same by name
Address = tuple[str, int] | None

FRAMES = frozenset((b"content-length", b"transfer-encoding"))
TOLD = FRAMES | {b"host", b"expect"}
RARE = frozenset((b"transfer-encoding", b"expect"))
ASGI = {"version": "3.0", "spec_version": "2.3"}


def make(
    method: str, target: bytes, version: str, headers: Headers, client: Address, server: Address
) -> dict[str, Any]:
    """The scope; Refused where the target cannot be an address here."""
    if method == "CONNECT":
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "This is no proxy.", "method_not_allowed")
    raw_path, query = split(target)
    path = raw_path.decode("ascii")
    return {
        "type": "http",
        "asgi": ASGI,
        "http_version": version,
        "method": method,
        "scheme": "http",
        "path": unquote(path) if "%" in path else path,  # as UTF-8; what is none becomes U+FFFD
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": client,
        "server": server,
    }


def split(target: bytes) -> tuple[bytes, bytes]:
    """Path and query. Of an absolute target the authority is passed over: it is served here or nowhere."""
    if not target.isascii():
        raise bad("The request's target is not ASCII.")
    path, _, query = target.partition(b"#")[0].partition(b"?")
    if path[:1] != b"/" and path != b"*":
        scheme, colon, rest = path.partition(b"://")
        if not colon or scheme.lower() not in (b"http", b"https"):
            raise bad("The request's target is no path.")
        path = b"/" + rest.partition(b"/")[2]
    return path, query


def check(version: str, headers: Headers, named: Named) -> bool:
    """Whether the client waits to be asked for the body; Refused where the framing is in doubt."""
    if version == "1.1" and b"host" in named and len(named) == len(headers) and RARE.isdisjoint(named):
        return False  # nothing is said twice, and nothing of what follows can be wrong
    told = [header for header in headers if header[0] in TOLD]
    names = [name for name, _ in told]
    if version == "1.1":
        if names.count(b"host") != 1:
            raise bad("A request has exactly one Host header.")
    elif version != "1.0":
        raise bad("The request is not of HTTP 1.1 or 1.0.")
    if names.count(b"content-length") + names.count(b"transfer-encoding") > 1:
        raise bad("The request's length is stated more than once.")
    if b"transfer-encoding" in names and (version == "1.0" or not _is_chunked(told)):
        raise bad("The only transfer encoding is chunked, and not in HTTP 1.0.")
    return version == "1.1" and b"expect" in names and _expects(told)


def _is_chunked(told: Headers) -> bool:
    return all(value.lower() == b"chunked" for name, value in told if name == b"transfer-encoding")


def _expects(told: Headers) -> bool:
    expected = [value.lower() for name, value in told if name == b"expect"]
    if expected != [b"100-continue"]:
        raise Refused(
            HTTPStatus.EXPECTATION_FAILED, "Nothing but 100-continue can be expected.", "unknown_expectation"
        )
    return True
