"""The Lua scripts that change counters in Redis, and how they are called."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from redis.asyncio.connection import AbstractConnection

from xroute.store.admission import bulks

WORDS: Final = 5  # of an entry: see apply in lua/counters.lua
FOLDER: Final = Path(__file__).with_name("lua")
NAMES: Final = (
    *("admit", "settle", "look", "beat"),
    *("fence", "join", "leave", "adopt", "lost", "guessed"),
    *("fill", "open", "drop", "sweep"),
)


class Scripts:
    """All of them, for keys that begin with `prefix`. It is their hash tag too, unless it has one itself."""

    def __init__(self, prefix: str) -> None:
        self.root = f"{prefix}:" if "{" in prefix else f"{{{prefix}}}:"
        self._epoch_key = f"{self.root}epoch".encode()
        before = (FOLDER / "counters.lua").read_text(encoding="utf-8")
        self._texts = {
            name: f"{before}\n{(FOLDER / name).with_suffix('.lua').read_text(encoding='utf-8')}".encode()
            for name in NAMES
        }
        # Redis names scripts by their SHA-1
        self._hashes = {
            name: hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()
            for name, text in self._texts.items()
        }

    async def load(self, connection: AbstractConnection) -> None:
        """Makes Redis know them: it forgets them when it restarts."""
        for text in self._texts.values():
            await connection.send_command("SCRIPT", "LOAD", text, check_health=False)
            await connection.read_response()

    def start(self, name: str, words: Sequence[bytes]) -> bytes:
        """What a call of a script begins with, but for the number of its words."""
        return bulks((b"EVALSHA", self._hashes[name], b"1", self._epoch_key, *words))

    def call(self, name: str, words: Sequence[bytes], entries: Sequence[bytes] = ()) -> bytes:
        """A call, packed. The entries, of five words each, are packed already."""
        return packed(len(words) + 4, self.start(name, words), entries)


def packed(count: int, words: bytes, entries: Sequence[bytes]) -> bytes:
    """A command of so many words, and entries."""
    return b"*%d\r\n%b%b" % (count + WORDS * len(entries), words, b"".join(entries))


def command(*words: str) -> bytes:
    """Any command, packed."""
    return b"*%d\r\n%b" % (len(words), bulks([word.encode() for word in words]))
