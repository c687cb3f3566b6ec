"""A host's addresses are tried in turn and side by side; the first that takes us wins."""

import asyncio
import gc
import socket

import pytest

from xroute.errors import ConnectError
from xroute.upstream.dial import _interleave, _race, dial


def closed_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


async def test_a_name_is_resolved_and_connected(upstream):
    with await dial("localhost", upstream.port) as sock:
        assert sock.getpeername()[1] == upstream.port
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_a_name_that_no_resolver_takes_is_a_connect_error():
    with pytest.raises(ConnectError, match="cannot be resolved"):
        await dial("a" * 64 + ".example", 80)


async def test_a_closed_port_is_a_connect_error():
    with pytest.raises(ConnectError, match="cannot be connected"):
        await dial("127.0.0.1", closed_port())


async def test_the_next_address_is_tried_when_one_refuses(upstream):
    refusing = (socket.AF_INET, ("127.0.0.1", closed_port()))
    with await _race([refusing, (socket.AF_INET, ("127.0.0.1", upstream.port))]) as sock:
        assert sock.getpeername()[1] == upstream.port


async def test_the_first_error_is_told_when_all_refuse():
    first, second = closed_port(), closed_port()
    with pytest.raises(ConnectionRefusedError, match=str(first)):
        await _race([(socket.AF_INET, ("127.0.0.1", first)), (socket.AF_INET, ("127.0.0.1", second))])


async def test_an_address_that_hangs_does_not_hold_up_the_next(upstream):
    """A listener whose queue is full takes no more connections, and refuses none."""
    with socket.socket() as full, socket.socket() as filler:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        filler.connect(full.getsockname())
        hanging = (socket.AF_INET, full.getsockname())
        with await _race([hanging, hanging, (socket.AF_INET, ("127.0.0.1", upstream.port))]) as sock:
            assert sock.getpeername()[1] == upstream.port
        await asyncio.sleep(0.01)
        gc.collect()  # a socket left open is a warning, and that an error


def test_families_take_turns():
    four = [(socket.AF_INET, (f"10.0.0.{n}", 1)) for n in range(3)]
    six = [(socket.AF_INET6, (f"fd00::{n}", 1)) for n in range(2)]
    assert _interleave(six + four) == [six[0], four[0], six[1], four[1], four[2]]
    assert _interleave([*four, four[0]]) == four
