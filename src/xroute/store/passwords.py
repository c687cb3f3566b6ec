"""Passwords: which are too weak, and their argon2id hashes, made a few at a time in threads of their own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from xroute.errors import InvalidRequest, RateLimited

if TYPE_CHECKING:
    from argon2 import PasswordHasher

T = TypeVar("T")

LEAST, MOST = 10, 256  # characters; a longer one would only cost us work
VARIED = 4  # different characters at least
AT_ONCE = 2  # hashes under way: each takes a tenth of a second of one core, and its memory
AGAIN_S = 2.0
WAITING = 64  # and those that may wait for them
MEMORY_KIB, PASSES, LANES = 32 * 1024, 3, 1  # OWASP asks for 19 MiB and 2 (Password Storage, read 2026-11-21)
# Of a password that nobody has: to check it takes as long as to check one that somebody has.
NOBODY: Final = (
    "$argon2id$v=19$m=32768,t=3,p=1$bIXzNePMu0IfbXBW9XdQHQ$YrFLRP1GvmPATpQ+lkiSE1tiDQlxhTdBQ5fFdr6aypI"
)
COMMONEST = Path(__file__).with_suffix(".txt")  # of ten characters and more: what attackers try first


@cache
def _common() -> frozenset[str]:
    return frozenset(COMMONEST.read_text("utf-8").split())


def check(password: str, email: str) -> None:
    """InvalidRequest, with the reason, for a password that somebody could guess."""
    if not LEAST <= len(password) <= MOST:
        raise _weak(f"has {len(password)} characters: use from {LEAST} to {MOST}")
    folded = password.strip().casefold()
    if folded in _common():
        raise _weak("is one of the commonest there are: use another one")
    if len(set(folded)) < VARIED:
        raise _weak("is one character or two, again and again: use another one")
    if folded in (email.casefold(), email.casefold().partition("@")[0]):
        raise _weak("is the mail address: use another one")


def _weak(reason: str) -> InvalidRequest:
    return InvalidRequest(f"The password {reason}.", param="password", code="weak_password")


class Hasher:
    """Hashes and checks passwords. RateLimited where too many wait already."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        self._threads = ThreadPoolExecutor(at_once, "passwords")
        self._room = at_once + waiting
        self._made: PasswordHasher | None = None

    async def hash(self, password: str) -> str:
        """argon2id, with its parameters and its salt in the text."""
        return await self._run(partial(self._hasher.hash, password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether it is the password; without a stored one it is not, and that takes as long to say."""
        said = password[: MOST + 1]
        right = await self._run(partial(_is_right, self._hasher, stored or NOBODY, said))
        return right and stored is not None

    def is_dated(self, stored: str) -> bool:
        """Whether it was hashed with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def _hasher(self) -> "PasswordHasher":
        if self._made is None:
            # Only who signs in needs it: 20 ms of a start.
            from argon2 import PasswordHasher

            self._made = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        return self._made

    async def _run(self, work: Callable[[], T]) -> T:
        if self._room <= 0:
            raise RateLimited(
                "Too many people sign in just now. Try again in a moment.",
                code="sign_in_busy",
                retry_after_s=AGAIN_S,
            )
        self._room -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._room += 1


def _is_right(hasher: "PasswordHasher", stored: str, password: str) -> bool:
    # Where `PasswordHasher` was imported, this has been too.
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
