"""The vault: seals credentials under a master key that is kept outside the database.

AES-256-GCM (NIST SP 800-38D) with a random nonce of 96 bits; what belongs to the row (id, workspace,
provider, host) is the associated data, so that a sealed secret opens in no other row and for no other host.
"""

import base64
import binascii
import hashlib
import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from xroute.config.load import Loaded
from xroute.config.secret import Secret
from xroute.errors import ConfigError

KEY_BYTES = 32
NONCE_BYTES = 12
FORM = b"\x01"  # of a sealed secret: this byte, the nonce, the ciphertext with its tag
FILE = "master.key"  # in `state_dir`, where no key is configured
LEAST_DIFFERENT = 8  # bytes of a key: 32 random ones practically never have fewer
SET = "set master_key (XROUTE_MASTER_KEY) or master_key_file (XROUTE_MASTER_KEY_FILE)"

_HEX = re.compile(r"[0-9a-fA-F]{64}")


class MasterKey:
    """32 bytes that seal; `id` names them and tells nothing of them."""

    __slots__ = ("_key", "id")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.id = hashlib.sha256(b"xroute master key\0" + key).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"MasterKey({self.id})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MasterKey) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self.id)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a master key cannot be pickled: it would be written in clear")

    def seal(self, secret: Secret, place: "Place") -> bytes:
        """The secret as it may be stored."""
        # Ten milliseconds of the start that only those wait for who store credentials.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(NONCE_BYTES)
        return FORM + nonce + AESGCM(self._key).encrypt(nonce, secret.reveal().encode(), place.data)

    def open(self, sealed: bytes, place: "Place") -> Secret:
        """The secret; ConfigError for a row that was changed, or copied from another one."""
        from cryptography.exceptions import InvalidTag  # as in `seal`
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce, text = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            if sealed[:1] != FORM:
                raise InvalidTag
            return Secret(AESGCM(self._key).decrypt(nonce, text, place.data).decode())
        except (InvalidTag, ValueError):
            raise ConfigError(
                f"credential {place.id} cannot be opened: its row was damaged, or changed by hand. "
                "Store the credential again"
            ) from None

    def text(self) -> str:
        """Hex, for a key file."""
        return self._key.hex()


@dataclass(frozen=True, slots=True)
class Place:
    """The row that a sealed secret belongs to."""

    id: str
    workspace: str  # "" = ours
    provider: str
    host: str

    @property
    def data(self) -> bytes:
        return f"{self.id}|{self.workspace}|{self.provider}|{self.host}".encode()


class Vault:
    """The master keys of this process, read when first needed: who stores no credential needs none.

    Several keys may be given, which a rotation needs for a while: all of them open.
    """

    def __init__(self, loaded: Loaded) -> None:
        settings = loaded.settings
        self._setting = settings.master_key
        self._is_ours = settings.master_key_file is None  # the file may then be made here
        self.file = None if self._setting else (loaded.master_key_file or loaded.state_dir / FILE)
        self._keys: tuple[MasterKey, ...] = ()

    def __repr__(self) -> str:
        return f"Vault({', '.join(key.id for key in self._keys) or 'not read yet'})"

    def seal(self, secret: Secret, place: Place, like: Iterable[str] = ()) -> tuple[bytes, str]:
        """(the sealed secret, the id of its master key).

        `like` are the ids that other rows are sealed under: one of these keys is used, so that there is one
        for all. Only where there are no rows a key file is made. ConfigError says what to set.
        """
        key = self._like(like)
        return key.seal(secret, place), key.id

    def open(self, sealed: bytes, master: str, place: Place) -> Secret:
        """The secret of a row that was sealed under the key `master`; ConfigError says what to do."""
        return self._find(master).open(sealed, place)

    def known(self) -> tuple[MasterKey, ...]:
        """Every key that is here; () where no file has been made yet."""
        if not self._keys:
            self.reread()
        return self._keys

    def reread(self) -> None:
        """Reads the keys again: a rotation writes the file while others run."""
        if self._setting is not None:
            self._keys = read_keys(re.split(r"[,\s]+", self._setting.reveal()), "master_key")
            return
        assert self.file is not None
        try:
            text = self.file.read_text("ascii")
        except FileNotFoundError:
            if not self._is_ours:
                raise ConfigError(f"{self.file} is not there: {SET}") from None
            self._keys = ()
            return
        except (OSError, UnicodeDecodeError) as error:
            raise _unusable(self.file, error) from None
        self._keys = read_keys(text.splitlines(), str(self.file))

    def write(self, keys: Iterable[MasterKey]) -> None:
        """Replaces the key file, whole or not at all; the first key is the one that seals."""
        assert self.file is not None
        self._keys = tuple(keys)
        fresh = _written(self.file, self._keys)
        try:
            fresh.replace(self.file)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise _unusable(self.file, error) from None

    def _like(self, like: Iterable[str]) -> MasterKey:
        ids = sorted(set(like))
        if ids:
            return next((key for key in map(self._find_key, ids) if key), None) or self._find(ids[0])
        return (self.known() or self._made())[0]

    def _find(self, id_: str) -> MasterKey:
        key = self._find_key(id_)
        if key is None:
            here = (
                f"; the key that is here is {', '.join(key.id for key in self._keys)}" if self._keys else ""
            )
            raise ConfigError(
                f"the stored credentials are sealed under master key {id_}, which is not here{here}: "
                f"{SET} to the key they were sealed with"
            )
        return key

    def _find_key(self, id_: str) -> MasterKey | None:
        """A key by its id; the file is read again for one that is new."""
        found = _by_id(self.known(), id_)
        if found is None and self.file is not None:
            self.reread()
            found = _by_id(self._keys, id_)
        return found

    def _made(self) -> tuple[MasterKey, ...]:
        """A new key in `state_dir`; another process may make it at the same moment, and one of them wins."""
        assert self.file is not None
        fresh = _written(self.file, [new_key()])
        try:
            os.link(fresh, self.file)
        except FileExistsError:
            pass
        except OSError as error:
            raise _unusable(self.file, error) from None
        finally:
            fresh.unlink(missing_ok=True)
        self.reread()
        return self._keys


def new_key() -> MasterKey:
    """256 random bits."""
    return MasterKey(secrets.token_bytes(KEY_BYTES))


def read_keys(texts: Iterable[str], where: str) -> tuple[MasterKey, ...]:
    """Keys in hex or base64; ConfigError for what is none, which it never quotes."""
    keys = tuple(dict.fromkeys(_key(text.strip(), where) for text in texts if text.strip()))
    if not keys:
        raise ConfigError("holds no key: write 32 random bytes in hex, as `openssl rand -hex 32` does", where)
    return keys


def _by_id(keys: tuple[MasterKey, ...], id_: str) -> MasterKey | None:
    return next((key for key in keys if key.id == id_), None)


def _key(text: str, where: str) -> MasterKey:
    try:
        if _HEX.fullmatch(text):
            key = bytes.fromhex(text)
        else:
            plain = text.replace("-", "+").replace("_", "/").rstrip("=")
            key = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError(
            "is no master key: 32 bytes in hex or base64 are needed, as of `openssl rand -hex 32`", where
        )
    if len(set(key)) < LEAST_DIFFERENT:
        raise ConfigError("is no random key: make one with `openssl rand -hex 32`", where)
    return MasterKey(key)


def _written(path: Path, keys: Iterable[MasterKey]) -> Path:
    """A new file beside `path`, for the owner alone."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write("".join(f"{key.text()}\n" for key in keys))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise _unusable(path, error) from None
    return fresh


def _unusable(path: Path, error: Exception) -> ConfigError:
    reason = error.strerror if isinstance(error, OSError) else "it is no text"
    return ConfigError(f"{path} cannot be used: {reason}. Else {SET}")
