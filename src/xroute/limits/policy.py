"""What a key may be used for: from which addresses, and on which deployments."""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Protocol

from xroute.errors import InvalidRequest
from xroute.limits.pattern import is_match
from xroute.wire.who import Policy

Networks = tuple[IPv4Network | IPv6Network, ...]


class Facts(Protocol):
    """What a policy asks of a deployment."""

    @property
    def provider(self) -> str: ...

    @property
    def model(self) -> str:
        """Our id of it."""
        ...

    @property
    def local(self) -> bool:
        """It runs on the user's own machines."""
        ...

    @property
    def zdr(self) -> bool:
        """The provider keeps no data of a request."""
        ...

    @property
    def regions(self) -> frozenset[str]:
        """Where data is processed; empty: not known."""
        ...


def refusal(policy: Policy, address: str | None) -> str | None:
    """Why a caller from this address may not use the key; None where it may. What is no address never may."""
    if not policy.addresses:
        return None
    if _is_within(policy.addresses, address or ""):
        return None
    return "This key may not be used from this address."


def objection(policy: Policy, facts: Facts) -> str | None:
    """Why a call of this policy may not go to a deployment; None where it may.

    What runs on the user's own machines gives data to nobody: it satisfies `zdr`, and `regions` too where its
    region is not known.
    """
    if policy.models and not any(is_match(pattern, facts.model) for pattern in policy.models):
        return "the key may not use this model"
    if policy.providers and facts.provider not in policy.providers:
        return "the key may not use this provider"
    if policy.local_only and not facts.local:
        return "the key may use local providers only"
    if policy.zdr and not (facts.zdr or facts.local):
        return "the key may use providers without data retention only"
    if policy.regions and not _is_there(policy.regions, facts):
        return f"the key may have data processed in {', '.join(policy.regions)} only"
    return None


def networks(addresses: tuple[str, ...]) -> Networks:
    """What is written as "10.0.0.0/8", "2001:db8::/32" or one address; InvalidRequest names what is none."""
    found: list[IPv4Network | IPv6Network] = []
    for text in addresses:
        try:
            found.append(ip_network(text.strip(), strict=False))
        except ValueError:
            message = f"{text[:64]!r} is no network: write it as 10.0.0.0/8 or 2001:db8::/32."
            raise InvalidRequest(message, param="addresses") from None
    return tuple(found)


@lru_cache(maxsize=1024)
def _parsed(addresses: tuple[str, ...]) -> Networks:
    """None at all where one of them is no network: a key that nobody can read is for nobody."""
    try:
        return networks(addresses)
    except InvalidRequest:
        return ()


@lru_cache(maxsize=4096)
def _is_within(addresses: tuple[str, ...], address: str) -> bool:
    try:
        caller = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(caller, IPv6Address) and caller.ipv4_mapped is not None:
        caller = caller.ipv4_mapped
    return any(caller in network for network in _parsed(addresses))


def _is_there(regions: tuple[str, ...], facts: Facts) -> bool:
    if not facts.regions:
        return facts.local
    return facts.regions.issubset(regions)  # one that may process in either of two promises neither
