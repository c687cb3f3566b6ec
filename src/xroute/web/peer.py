"""Where a request comes from: the peer's address, or what a trusted proxy says of it."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Protocol

from xroute.web.asgi import Scope

FORWARDED = "x-forwarded-for"
Address = IPv4Address | IPv6Address


class Named(Protocol):
    """The headers of a request, by lower-case name."""

    def get(self, key: str, default: str | None = None) -> str | None: ...


class Peers:
    """Believes `x-forwarded-for` from the named proxies alone: anybody can send it."""

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._trusted: list[IPv4Network | IPv6Network] = [ip_network(each, strict=False) for each in trusted]

    def address(self, scope: Scope, headers: Named) -> str:
        """The caller's address as text, "" where there is none, as on a Unix socket.

        Of a chain of proxies the last one that is not ours counts: what stands left of it anybody could
        have written. A repeated header is read as its last line, which is the nearest proxy's.
        """
        client = scope.get("client")
        peer = str(client[0]) if client else ""
        if not self._trusted or not self._is_trusted(peer):
            return peer
        for said in reversed((headers.get(FORWARDED) or "").split(",")):
            given = _parsed(said)
            if given is None:
                return peer
            peer = str(given)
            if not self._is_trusted(peer):
                return peer
        return peer

    def _is_trusted(self, text: str) -> bool:
        given = _parsed(text)
        return given is not None and any(given in network for network in self._trusted)


def _parsed(text: str) -> Address | None:
    """An address, an IPv4 one also where it is written as IPv6; None for what is none."""
    try:
        given = ip_address(text.strip())
    except ValueError:
        return None
    return (given.ipv4_mapped or given) if isinstance(given, IPv6Address) else given
