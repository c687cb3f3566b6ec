"""Server-sent events from bytes in any cutting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroute import dialects
from xroute.dialects import openai
from xroute.errors import ProtocolError
from xroute.wire import sse
from xroute.wire.sse import Parser

lines = st.lists(
    st.sampled_from(
        [b"data: a", b"data:b", b"data", b"", b": ping", b"event: x", b"id: 1", b"data: \xc3\xa9", b"z"]
    ),
    max_size=12,
)
ends = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(lines, ends, st.data())
def test_any_cutting_gives_the_same_events(parts: list[bytes], end: bytes, data: st.DataObject) -> None:
    raw = b"".join(part + end for part in parts)
    whole = Parser()
    expected = whole.events(raw) + [("", event) for event in whole.finish()]
    parser, got = Parser(), []
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    for start, stop in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        got += parser.events(raw[start:stop])
    got += [("", event) for event in parser.finish()]
    assert [event for _, event in got] == [event for _, event in expected]


@given(lines)
def test_every_line_end_means_the_same(parts: list[bytes]) -> None:
    found = []
    for end in (b"\n", b"\r\n", b"\r"):
        parser = Parser()
        found.append(parser.feed(b"".join(part + end for part in parts)) + parser.finish())
    assert found[0] == found[1] == found[2]


def test_names_comments_and_several_data_lines_are_read() -> None:
    raw = b": hello\nevent: error\ndata: a\ndata: b\n\nerror: c\n\n"
    assert Parser().events(raw) == [("error", b"a\nb"), ("error", b"c")]


def test_an_event_without_its_last_blank_line_is_given_at_the_end() -> None:
    parser = Parser()
    assert parser.feed(b"data: a\n\ndata: b") == [b"a"]
    assert parser.finish() == [b"b"]
    assert parser.finish() == []


def test_an_endless_event_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 100)
    parser = Parser()
    with pytest.raises(ProtocolError):
        for _ in range(200):
            parser.feed(b"x")


def test_a_dialect_is_found_by_its_name() -> None:
    assert dialects.get("openai") is openai
