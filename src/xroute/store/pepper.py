"""The pepper that clients' keys are hashed under: 256 bits in a file of their own, never in the database."""

import hashlib
import hmac
import logging
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from xroute.errors import ConfigError

log = logging.getLogger("xroute.store")

PREFIX = "xr-"
SHOWN = 10  # characters of a key that are kept for people to know it by
SIZE = 32  # bytes
BLOCK = 64  # bytes, of SHA-256


def digest(pepper: bytes, key: str) -> bytes:
    """What a key is looked up and stored by."""
    return hmac.digest(pepper, key.encode(), "sha256")


def digester(pepper: bytes) -> Callable[[str], bytes]:
    """`digest` under one pepper, which is taken in once (RFC 2104, section 4): hmac's own copy of what it has
    taken in takes twice as long."""
    block = pepper if len(pepper) <= BLOCK else hashlib.sha256(pepper).digest()
    padded = block.ljust(BLOCK, b"\0")
    inner, outer = (hashlib.sha256(bytes(byte ^ pad for byte in padded)) for pad in (0x36, 0x5C))

    def digest_of(key: str) -> bytes:
        first, second = inner.copy(), outer.copy()
        first.update(key.encode())
        second.update(first.digest())
        return second.digest()

    return digest_of


def make_key() -> str:
    """A new key of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(SIZE)


def shown(key: str) -> str:
    """Its first characters; fewer of a short one that somebody chose, so that they do not give it away."""
    return key[: min(SHOWN, len(key) // 3)]


def fingerprint(pepper: bytes) -> str:
    """Tells peppers apart and gives none away."""
    return hmac.digest(pepper, b"xroute: which pepper is this", "sha256").hex()[:24]


class PepperFile:
    """`pepper` in a folder, readable by its owner alone."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "pepper"

    def read(self) -> bytes | None:
        """None where there is none yet; ConfigError for a damaged one."""
        try:
            return bits(self.path.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise unusable(self.path, error) from error

    def make(self) -> bytes:
        """A new pepper in the file, or the one that another process has just put there."""
        fresh = self.path.with_name(f"pepper.{os.getpid()}")
        write(fresh, secrets.token_bytes(SIZE).hex() + "\n")
        try:
            os.link(fresh, self.path)
        except FileExistsError:
            log.debug("another process has made %s", self.path)
        except OSError as error:
            raise unusable(self.path, error) from error
        finally:
            fresh.unlink(missing_ok=True)
        return self.read() or self.make()


def bits(text: str) -> bytes:
    """256 bits from hex; an emptied or cut file must not pass for a pepper or a hash."""
    value = bytes.fromhex(text)
    if len(value) != SIZE:
        raise ValueError("not 256 bits")
    return value


def write(path: Path, text: str) -> None:
    """Whole or not at all: a new file takes the old one's place. ConfigError where that cannot be."""
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
        raise unusable(path, error) from error


def unusable(path: Path, error: Exception) -> ConfigError:
    """What is wrong with a file, and what to do."""
    reason = error.strerror if isinstance(error, OSError) else "it is damaged"
    return ConfigError(
        f"cannot use {path}: {reason}. Set state_dir (XROUTE_STATE_DIR), or name `keys` in the config"
    )
