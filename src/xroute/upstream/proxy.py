"""Which proxy a request goes through, as the usual environment variables say it."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, unquote, urlsplit

from xroute.errors import ConfigError
from xroute.upstream.head import Origin

_Network = IPv4Network | IPv6Network
_Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy; `authorization` is the value of proxy-authorization, "" for none."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What a request to the proxy itself carries besides its own headers."""
        return (("proxy-authorization", self.authorization),) if self.authorization else ()


@dataclass(frozen=True, slots=True)
class Exempt:
    """One entry of NO_PROXY: a network or a domain, of one port or (0) of all."""

    network: _Network | None
    domain: str  # without a leading dot; "" matches every name
    port: int

    def covers(self, origin: Origin, address: _Address | None) -> bool:
        """Whether an origin, whose host is `address` if it is no name, is to be reached directly."""
        if self.port not in (0, origin.port):
            return False
        if self.network is not None:
            return address is not None and address in self.network
        return not self.domain or origin.host == self.domain or origin.host.endswith(f".{self.domain}")


@dataclass(frozen=True, slots=True)
class ProxyRules:
    """The proxy of each scheme, and what is reached without one."""

    http: Proxy | None = None
    https: Proxy | None = None
    exempt: tuple[Exempt, ...] = ()

    def find(self, origin: Origin) -> Proxy | None:
        """The proxy for an origin. This machine itself is always reached directly."""
        proxy = self.https if origin.scheme == "https" else self.http
        if proxy is None:
            return None
        address = _address(origin.host)
        if _is_loopback(origin.host, address):
            return None
        return None if any(entry.covers(origin, address) for entry in self.exempt) else proxy


def read_proxies(environ: Mapping[str, str]) -> ProxyRules:
    """Rules from HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY; the lower-case name wins.

    NO_PROXY is a list of domains (with all below them), addresses, networks (`10.0.0.0/8`), each with
    or without `:port`, or `*`. Names are not resolved to compare them with networks.
    ConfigError names the variable whose proxy cannot be used; its value may hold a password and is not shown.
    """
    every = _read_proxy(environ, "ALL_PROXY")
    entries = _read(environ, "NO_PROXY")[1].replace(",", " ").split()
    return ProxyRules(
        http=_read_proxy(environ, "HTTP_PROXY") or every,
        https=_read_proxy(environ, "HTTPS_PROXY") or every,
        exempt=tuple(_exempt(entry.lower()) for entry in entries),
    )


def _read(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """The name that is set, and its value or ""."""
    for spelled in (name.lower(), name):
        if value := environ.get(spelled, "").strip():
            return spelled, value
    return name, ""


def _read_proxy(environ: Mapping[str, str], variable: str) -> Proxy | None:
    name, value = _read(environ, variable)
    if not value:
        return None
    parts = urlsplit(value if "://" in value else f"http://{value}")
    if parts.scheme.startswith("socks"):
        raise ConfigError("SOCKS proxies are not supported: give an http:// proxy", name)
    if parts.scheme != "http":
        raise ConfigError(f"a {parts.scheme}:// proxy is not supported: give an http:// proxy", name)
    try:
        port = parts.port or 80
    except ValueError:
        raise ConfigError("the proxy's port is not a number up to 65535", name) from None
    if not parts.hostname:
        raise ConfigError("the proxy has no host: write http://host:port", name)
    return Proxy(parts.hostname, port, _authorization(parts))


def _authorization(parts: SplitResult) -> str:
    if parts.username is None:
        return ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _exempt(entry: str) -> Exempt:
    host, port = _split_port(entry)
    try:
        return Exempt(ip_network(host, strict=False), "", port)
    except ValueError:
        return Exempt(None, host.removeprefix("*").removeprefix("."), port)


def _split_port(entry: str) -> tuple[str, int]:
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        return host, int(rest[1:]) if rest[1:].isdecimal() else 0
    host, _, port = entry.rpartition(":")
    if host and ":" not in host and port.isdecimal():
        return host, int(port)
    return entry, 0


def _address(host: str) -> _Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str, address: _Address | None) -> bool:
    if address is not None:
        return address.is_loopback
    return host == "localhost" or host.endswith(".localhost")
