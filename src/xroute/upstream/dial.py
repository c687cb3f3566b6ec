"""From a host name to a connected socket, trying several addresses (RFC 8305, "happy eyeballs")."""

import asyncio
import socket
from collections import deque
from itertools import chain, zip_longest

from xroute.errors import ConnectError

STAGGER_S = 0.25  # head start of each address before the next is tried as well
_Address = tuple[int, tuple[object, ...]]  # family, sockaddr


async def dial(host: str, port: int) -> socket.socket:
    """A connected, non-blocking TCP socket; ConnectError if no address of the host takes it."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ConnectError(f"the name {host} cannot be resolved: {error}") from error
    addresses = _interleave([(family, address) for family, _, _, _, address in found])
    try:
        if len(addresses) == 1:
            return await _connect(addresses[0])
        return await _race(addresses)
    except OSError as error:
        raise ConnectError(f"{host}:{port} cannot be connected to: {error}") from error


def _interleave(addresses: list[_Address]) -> list[_Address]:
    """One of each family in turn, the resolver's first choice first."""
    first = [item for item in addresses if item[0] == addresses[0][0]]
    other = [item for item in addresses if item[0] != addresses[0][0]]
    pairs = chain.from_iterable(zip_longest(first, other))
    return list(dict.fromkeys(item for item in pairs if item is not None))


async def _connect(address: _Address) -> socket.socket:
    family, sockaddr = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a model may think for minutes
        await asyncio.get_running_loop().sock_connect(sock, sockaddr)
    except BaseException:
        sock.close()
        raise
    return sock


async def _race(addresses: list[_Address]) -> socket.socket:
    """The first socket that connects; the others are ended. The first error if none does."""
    rest = deque(addresses)
    running: set[asyncio.Task[socket.socket]] = set()
    errors: list[OSError] = []
    try:
        while rest or running:
            if rest:
                running.add(asyncio.create_task(_connect(rest.popleft())))
            delay = STAGGER_S if rest else None
            done, running = await asyncio.wait(running, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
            winner = _pick(done, errors)
            if winner is not None:
                return winner
        raise errors[0]
    finally:
        for task in running:
            task.add_done_callback(_discard)
            task.cancel()


def _pick(done: set[asyncio.Task[socket.socket]], errors: list[OSError]) -> socket.socket | None:
    winner: socket.socket | None = None
    for task in done:
        error = task.exception()
        if isinstance(error, OSError):
            errors.append(error)
        elif winner is None:
            winner = task.result()
        else:
            task.result().close()
    return winner


def _discard(task: asyncio.Task[socket.socket]) -> None:
    """Close the socket of a task that won too late."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()
