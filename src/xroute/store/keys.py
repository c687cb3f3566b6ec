"""Clients' keys: made here, shown once, kept as keyed hashes with the pepper in a file of its own."""

import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from xroute.errors import ConfigError

PREFIX = "xr-"
SHOWN = 10  # characters of a key that are kept for people to know it by


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as it is kept: the hash is no credential."""

    name: str
    shown: str  # its first characters
    hash: str  # hex of HMAC-SHA-256 under the pepper
    created: str  # ISO time


def digest(pepper: bytes, key: str) -> bytes:
    """What a key is looked up and stored by."""
    return hmac.digest(pepper, key.encode(), "sha256")


class KeyStore:
    """Keys in a folder: `keys.json`, and `pepper` apart from it. Both are readable by the owner alone."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "keys.json"
        self._pepper_file = folder / "pepper"

    def pepper(self) -> bytes:
        """The folder's pepper: 256 random bits, made when first asked for."""
        try:
            return _bits(self._pepper_file.read_text())
        except FileNotFoundError:
            if self._file.exists():
                raise ConfigError(
                    f"{self._pepper_file} is missing, so no key in {self._file} can be recognised. "
                    f"Put it back, or remove {self._file.name} to begin with a new key"
                ) from None
            pepper = secrets.token_bytes(32)
            self._write(self._pepper_file, pepper.hex() + "\n")
            return pepper
        except (OSError, ValueError) as error:
            raise self._unusable(self._pepper_file, error) from error

    def load(self) -> list[StoredKey]:
        """Every stored key; ConfigError for a file that cannot be read."""
        try:
            return [_entry(fields) for fields in _list(json.loads(self._file.read_text()))]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as error:
            raise self._unusable(self._file, error) from error

    def create(self, name: str) -> str:
        """A new key of 256 random bits. This is the one time that it can be seen."""
        key = PREFIX + secrets.token_urlsafe(32)
        made = StoredKey(name, key[:SHOWN], digest(self.pepper(), key).hex(), _now())
        entries = [asdict(entry) for entry in (*self.load(), made)]
        self._write(self._file, json.dumps(entries, indent=1) + "\n")
        return key

    def _write(self, path: Path, text: str) -> None:
        """Whole or not at all: a new file takes the old one's place."""
        fresh = path.with_suffix(".new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh.unlink(missing_ok=True)  # one left by a crash may have another mode
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as error:
            raise self._unusable(path, error) from error

    @staticmethod
    def _unusable(path: Path, error: Exception) -> ConfigError:
        reason = error.strerror if isinstance(error, OSError) else "it is damaged"
        return ConfigError(
            f"cannot use {path}: {reason}. Set state_dir (XROUTE_STATE_DIR), or name `keys` in the config"
        )


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("not a list of keys")
    return cast("list[Any]", value)


def _entry(fields: Any) -> StoredKey:
    entry = StoredKey(**fields)
    _bits(entry.hash)
    return entry


def _bits(text: str) -> bytes:
    """256 bits from hex; an emptied or cut file must not pass for a pepper or a hash."""
    bits = bytes.fromhex(text)
    if len(bits) != 32:
        raise ValueError("not 256 bits")
    return bits


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
