"""Any cutting of a stream's bytes gives the same events, whatever ends its lines."""

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from xroute.wire.sse import Parser

TEXT = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)
LINE = st.one_of(
    TEXT.map(lambda text: f"data: {text}"),
    TEXT.map(lambda text: f"data:{text}"),
    TEXT.map(lambda text: f": {text}"),
    TEXT.map(lambda text: f"event: {text}"),
    st.sampled_from(("data", "id: 7", "retry: 10", ":", "event", "data:", "data: [DONE]", "unknown: x")),
    TEXT,
)
END = st.sampled_from(("\n", "\r", "\r\n"))
EVENT = st.tuples(st.lists(st.tuples(LINE, END), max_size=5), END)
# Servers use one line end; a proxy between may not. Both are drawn.
MIXED = st.lists(EVENT, max_size=6).map(
    lambda events: "".join("".join(line + end for line, end in lines) + last for lines, last in events)
)
PLAIN = st.builds(
    lambda lines, end: "".join(line + end for line in lines), st.lists(LINE | st.just(""), max_size=16), END
)
STREAM = (MIXED | PLAIN | st.text("data: \r\nx:", max_size=40)).map(str.encode)


def cut(data, places):
    """The pieces of `data` between the places, some of them empty."""
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(bounds)]


def by_the_book(data):
    """(event, data) by WHATWG HTML 9.2.6, over the whole text at once; the end also ends an event."""
    events, name, lines = [], "", []
    for line in [*re.split(rb"\r\n|\n|\r", data), b""]:
        if not line:
            if lines:
                events.append((name, b"\n".join(lines)))
            name, lines = "", []
            continue
        field, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if field == b"data":
            lines.append(value)
        elif field == b"event":
            name = value.decode()
    return events


def read(pieces):
    parser = Parser()
    events = [event for piece in pieces for event in parser.events(piece)]
    return events + parser.events(b"\n\n")


@given(STREAM)
def test_events_are_those_of_the_standard(data):
    assert read([data]) == by_the_book(data)


@given(STREAM, st.lists(st.integers(0, 400), max_size=12))
def test_any_cutting_gives_the_same_events(data, places):
    assert read(cut(data, places)) == by_the_book(data)


@given(STREAM)
def test_single_bytes_give_the_same_events(data):
    assert read([data[place : place + 1] for place in range(len(data))]) == by_the_book(data)


@given(STREAM, st.lists(st.integers(0, 400), max_size=8))
def test_feed_gives_the_data_alone(data, places):
    parser = Parser()
    got = [event for piece in cut(data, places) for event in parser.feed(piece)] + parser.finish()
    assert got == [event for _, event in by_the_book(data)]


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_bytes_that_are_no_text_do_no_harm(data, places):
    assert read(cut(data, places)) == read([data])
