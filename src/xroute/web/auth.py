"""Who is calling the data plane: a bearer key becomes a `Who` by one look-up in memory."""

from typing import Protocol

from xroute.errors import Authentication, PermissionDenied
from xroute.store.pepper import digester
from xroute.web.asgi import Scope
from xroute.web.peer import Peers
from xroute.wire.who import Who

MAX_KEY = 512  # characters; nothing longer is hashed


class Directory(Protocol):
    """Every key that is good now, by its keyed hash."""

    def find(self, digest: bytes, /) -> Who | None: ...


class Named(Protocol):
    """The headers of a request, by lower-case name."""

    def get(self, key: str, default: str | None = None) -> str | None: ...


class Keyring:
    """Keys are looked up by their keyed hash, so that no secret is compared byte by byte."""

    def __init__(self, pepper: bytes, directory: Directory, peers: Peers | None = None) -> None:
        self._digest = digester(pepper)
        self._directory = directory
        self._peers = peers or Peers()

    def find(self, headers: Named, scope: Scope) -> Who:
        """Authentication where no key is given or it is not known, PermissionDenied where it came from
        an address that it may not be used from."""
        key = _key(headers)
        if key is None:
            raise Authentication(
                "No key was given. Send it as `Authorization: Bearer <key>`.", code="missing_api_key"
            )
        who = self._directory.find(self._digest(key)) if len(key) <= MAX_KEY else None
        if who is None:
            raise Authentication("This key is not known here.", code="invalid_api_key")
        if who.policy.addresses:
            self._check(who, headers, scope)
        return who

    def _check(self, who: Who, headers: Named, scope: Scope) -> None:
        # For the few keys that are bound to networks.
        from xroute.limits.policy import refusal

        if reason := refusal(who.policy, self._peers.address(scope, headers)):
            raise PermissionDenied(reason, code="address_not_allowed")


def _key(headers: Named) -> str | None:
    """From `Authorization: Bearer`, or as the clients of Anthropic, Azure and Google send it."""
    value = headers.get("authorization")
    if value is not None:
        scheme, _, key = value.partition(" ")
        return key.strip() or None if scheme.lower() == "bearer" else None
    return headers.get("x-api-key") or headers.get("api-key") or headers.get("x-goog-api-key")
