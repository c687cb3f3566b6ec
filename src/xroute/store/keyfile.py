"""Keys in a file, `keys.json`: what xroute kept them in before it had a database."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from xroute.errors import ConfigError
from xroute.store import pepper as peppers
from xroute.store.pepper import PepperFile, bits, digest, make_key


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as it is kept: the hash is no credential."""

    name: str
    shown: str  # its first characters
    hash: str  # hex of HMAC-SHA-256 under the pepper
    created: str  # ISO time


class KeyStore:
    """Keys in a folder: `keys.json`, and `pepper` apart from it. Both are readable by the owner alone."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "keys.json"
        self._pepper = PepperFile(folder)

    def pepper(self) -> bytes:
        """The folder's pepper: 256 random bits, made when first asked for."""
        found = self._pepper.read()
        if found is None and self.path.exists():
            raise ConfigError(
                f"{self._pepper.path} is missing, so no key in {self.path} can be recognised. "
                f"Put it back, or remove {self.path.name} to begin with a new key"
            )
        return found or self._pepper.make()

    def load(self) -> list[StoredKey]:
        """Every stored key; ConfigError for a file that cannot be read."""
        try:
            return [_entry(fields) for fields in _list(json.loads(self.path.read_text()))]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as error:
            raise peppers.unusable(self.path, error) from error

    def create(self, name: str) -> str:
        """A new key of 256 random bits. This is the one time that it can be seen."""
        key = make_key()
        made = StoredKey(name, peppers.shown(key), digest(self.pepper(), key).hex(), _now())
        entries = [asdict(entry) for entry in (*self.load(), made)]
        peppers.write(self.path, json.dumps(entries, indent=1) + "\n")
        return key


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("not a list of keys")
    return cast("list[Any]", value)


def _entry(fields: Any) -> StoredKey:
    entry = StoredKey(**fields)
    bits(entry.hash)
    return entry


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
