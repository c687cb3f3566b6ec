"""Who is calling: a bearer key becomes a principal by one look-up in memory."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from xroute.errors import Authentication
from xroute.store.keys import StoredKey, digest

MAX_KEY = 512  # characters; nothing longer is hashed


@dataclass(frozen=True, slots=True)
class Principal:
    """The key a request came with. Names may repeat, so `id` tells keys apart; it is no credential."""

    name: str
    id: str = ""


class Named(Protocol):
    """The headers of a request, by lower-case name."""

    def get(self, key: str, default: str | None = None) -> str | None: ...


class Keyring:
    """Keys by their keyed hash, so that a look-up compares no secret byte by byte."""

    def __init__(
        self, pepper: bytes, stored: Iterable[StoredKey] = (), plain: Iterable[tuple[str, str]] = ()
    ) -> None:
        """`plain` are (name, key) of the config."""
        self._pepper = pepper
        self._principals = {bytes.fromhex(key.hash): Principal(key.name, key.hash) for key in stored}
        for name, key in plain:
            hashed = digest(pepper, key)
            self._principals[hashed] = Principal(name, hashed.hex())

    def find(self, headers: Named) -> Principal:
        """Authentication error where no key is given or it is not known."""
        key = _key(headers)
        if key is None:
            raise Authentication(
                "No key was given. Send it as `Authorization: Bearer <key>`.", code="missing_api_key"
            )
        principal = self._principals.get(digest(self._pepper, key)) if len(key) <= MAX_KEY else None
        if principal is None:
            raise Authentication("This key is not known here.", code="invalid_api_key")
        return principal


def _key(headers: Named) -> str | None:
    """From `Authorization: Bearer`, or as the clients of Anthropic, Azure and Google send it."""
    value = headers.get("authorization")
    if value is not None:
        scheme, _, key = value.partition(" ")
        return key.strip() or None if scheme.lower() == "bearer" else None
    return headers.get("x-api-key") or headers.get("api-key") or headers.get("x-goog-api-key")
