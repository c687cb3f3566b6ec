"""Server-sent events, field by field."""

import pytest

from xroute.errors import ProtocolError
from xroute.wire.sse import MAX_EVENT, Parser


def events(*pieces: bytes) -> list[tuple[str, bytes]]:
    parser = Parser()
    return [event for piece in pieces for event in parser.events(piece)]


def test_an_event_is_done_at_its_blank_line():
    parser = Parser()
    assert parser.feed(b"data: 1\n") == []
    assert parser.feed(b"\n") == [b"1"]
    assert parser.feed(b"data: 2\n\ndata: 3\n\nda") == [b"2", b"3"]
    assert parser.feed(b"ta: 4\n\n") == [b"4"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"data: x\n\n", [b"x"]),
        (b"data:x\n\n", [b"x"]),
        (b"data:  x\n\n", [b" x"]),
        (b"data\n\n", [b""]),
        (b"data:\n\n", [b""]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data: a\ndata\ndata: b\n\n", [b"a\n\nb"]),
        (b"data: a: b\n\n", [b"a: b"]),
        (b": a comment\n\n", []),
        (b": a comment\ndata: x\n: another\n\n", [b"x"]),
        (b"id: 1\nretry: 5\ndata: x\nevent: e\n\n", [b"x"]),
        (b"event: ping\n\n", []),
        (b"Data: x\n\n", []),
        (b" data: x\n\n", []),
        (b"\n\n\n\ndata: x\n\n\n\n", [b"x"]),
        (b"data: x\r\n\r\n", [b"x"]),
        (b"data: x\r\rdata: y\r\r\r", [b"x", b"y"]),
        (b"data: x\n\r\n", [b"x"]),
        (b"data: \xff\x00\n\n", [b"\xff\x00"]),
        (b"", []),
    ],
)
def test_lines_and_fields_are_read_as_the_standard_says(data, expected):
    assert [event for _, event in events(data)] == expected


def test_the_events_name_is_given_to_who_asks():
    assert events(b"event: error\ndata: x\n\ndata: y\n\n") == [("error", b"x"), ("", b"y")]


def test_an_error_field_is_an_error_event():
    assert events(b'error: {"code": 500}\n\n') == [("error", b'{"code": 500}')]


def test_a_line_end_of_two_bytes_may_be_cut_in_two():
    assert events(b"data: x\r", b"\n\r", b"\ndata: y\r\n\r\n") == [("", b"x"), ("", b"y")]
    assert events(b"data: a\r", b"data: b\r", b"\r", b"data: c\n") == [("", b"a\nb")]


def test_the_end_finishes_an_event_without_its_blank_line():
    for rest in (b"data: x", b"data: x\n", b"data: x\r", b"data: x\r\n"):
        parser = Parser()
        assert parser.feed(rest) == []
        assert parser.finish() == [b"x"]


def test_the_end_of_nothing_is_nothing():
    assert Parser().finish() == []
    parser = Parser()
    parser.feed(b"data: x\n\n: comment")
    assert parser.finish() == []


@pytest.mark.parametrize("piece", [b"x" * 1024 * 1024, b"data: x\n" * 128 * 1024])
def test_an_event_without_end_is_refused_before_it_fills_the_memory(piece):
    parser = Parser()
    with pytest.raises(ProtocolError, match="larger than 16 MiB"):
        for _ in range(MAX_EVENT // len(piece) + 2):
            parser.feed(piece)


def test_many_events_together_may_be_larger_than_one():
    event = b"data: " + b"x" * 2**16 + b"\n\n"
    assert len(Parser().feed(event * (MAX_EVENT // len(event) + 10))) == MAX_EVENT // len(event) + 10


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"])
@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (b"data: {}", [("", b"{}")]),
        (b"event: ping\ndata: {}", [("ping", b"{}")]),
        (b"event: a\ndata: b\ndata: c", [("a", b"b\nc")]),
        (b"event: a\nid: 1\ndata: b", [("a", b"b")]),
        (b"event: a", []),
        (b"data: a\revent: b", [("b", b"a")]),
        (b"data: a\n\ndata: b", [("", b"a"), ("", b"b")]),
        (b"data: a\r\n\r\nevent: b\ndata: c", [("", b"a"), ("b", b"c")]),
    ],
)
def test_what_comes_as_one_piece_is_read_like_its_single_bytes(block, end, expected):
    data = block + end
    slow = Parser()
    assert Parser().events(data) == expected
    assert [event for byte in data for event in slow.events(bytes([byte]))] == expected
