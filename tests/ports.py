"""Ports for servers that are told where to listen, and may be started there again."""

import contextlib
import itertools
import os
import socket

# Below those that systems give to whoever asks for any, which would be somebody else's a moment later, and
# low enough for the second port of a cluster's Redis, 10,000 above its first.
FIRST, SIZE, BLOCKS = 10_000, 100, 120
_numbers = itertools.count()


def free_port() -> int:
    """One that nobody listens on, of a block that is this process's own."""
    start = FIRST + os.getpid() % BLOCKS * SIZE
    for number in itertools.islice(_numbers, SIZE):
        port = start + number % SIZE
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
    raise AssertionError(f"all ports from {start} on are taken")
