import orjson
from tests.unit.store.paid import began, ended
from tests.unit.store.records import record

from xroute.store import lines
from xroute.store.lines import HEAD, Damaged, Held, Priced, Settled
from xroute.wire.record import Try
from xroute.wire.usage import Usage


def full():
    return record(
        7,
        user="ann",
        session="s",
        tags={"team": "x"},
        asked="gpt",
        stream=True,
        byok=True,
        held_nano=5,
        charges=[("credit:ws_a", 3, None), ("bud:money:total", 3, 1.5)],
        attempts=[
            Try("d", "p", "m", "c", 1, 2, 3, "timeout", 504, "u", Usage(1, 2), None),
            Try("e", "p", "m", "", 9),
        ],
    )


def test_a_settled_line_is_read_as_it_was_written():
    found = lines.reader(HEAD)(lines.write_settled(full()))
    assert isinstance(found, Settled)
    assert found.record == full()


def test_a_held_line_gives_its_credit_at_once_and_its_record_when_asked():
    call = began(1, held=1000)
    for found in (lines.held(call), lines.reader(HEAD)(lines.write_held(lines.held(call)))):
        assert isinstance(found, Held)
        assert (found.id, found.nano) == (call.id, 1000)
        assert found.record.held_nano == 1000
        assert found.record.charges[1] == call.charges[1]


def test_a_held_line_does_not_change_with_its_record():
    call = began(1)
    found = lines.held(call)
    call.outcome, call.held_nano = "completed", 1
    assert found.record == began(1) or found.record.held_nano == 1000
    assert found.record.outcome == "failed"


def test_a_held_line_has_all_that_a_call_is_before_its_end():
    call = full()
    call.attempts, call.outcome = [], "failed"
    call.duration_ms, call.overhead_us, call.ttft_ms = 0, 0, None
    for usage in (None, Usage(7, estimated=True), Usage(7, 9, cached=3)):
        call.usage = usage
        for found in (lines.held(call), lines.reader(HEAD)(lines.write_held(lines.held(call)))):
            assert isinstance(found, Held)
            assert found.record == call


def test_a_held_line_of_another_release_is_read_by_its_names():
    call = began(1)
    head = orjson.loads(HEAD)
    values = orjson.loads(lines.write_held(lines.held(call)))[1:]
    head["held"].append("mood")
    where = head["held"].index("asked")
    del head["held"][where], values[where]
    for names, said in (
        (head, [*values, "good"]),
        (
            {each: head[each] for each in ("record", "try", "usage")},
            orjson.loads(lines.write_settled(call))[1:],
        ),  # it had one list of names
    ):
        found = lines.reader(orjson.dumps(names))(orjson.dumps(["h", *said]))
        assert isinstance(found, Held)
        assert (found.nano, found.record.id, found.record.asked) == (1000, call.id, "")
        assert found.record.charges == [
            (*charge[:2], charge[2] if charge[2] != float("inf") else None) for charge in call.charges
        ]


def test_a_held_line_is_mended_where_it_cannot_be_written():
    held = lines.held(began(1, user="a\ud800b", held=10**30))
    written = lines.write_held(held)
    for found in (held, lines.reader(HEAD)(written)):
        assert isinstance(found, Held)
        assert found.record.user == "a?b"
        assert found.record.held_nano == lines.LARGEST


def test_a_purse_without_an_end_is_read_as_one():
    found = lines.reader(HEAD)(lines.write_settled(began(1)))
    assert isinstance(found, Settled)
    assert found.record.charges[0] == ("credit:ws_a", 1000, None)


def test_a_line_of_another_release_is_read_by_its_names():
    head = orjson.loads(HEAD)
    values = orjson.loads(lines.write_settled(full()))[1:]
    where = head["record"].index("overhead_us")
    del head["record"][where], values[where]  # it did not know this field
    head["record"].append("mood")  # and had one that is no more
    values.append("good")
    head["record"].insert(0, head["record"].pop())
    values.insert(0, values.pop())
    found = lines.reader(orjson.dumps(head))(orjson.dumps(["s", *values]))
    assert isinstance(found, Settled)
    assert found.record.overhead_us == 0
    found.record.overhead_us = full().overhead_us
    assert found.record == full()


def test_a_line_that_cannot_be_read_is_damaged():
    read = lines.reader(HEAD)
    for line in (b"", b"\0\0\0\n", b'["s",1]\n', b'{"a":1}\n', b"5\n", b"[]\n", b'["s"]\n'):
        assert isinstance(read(line), Damaged)


def test_a_head_that_cannot_be_read_is_taken_for_this_release():
    assert isinstance(lines.reader(b'{"rec')(lines.write_settled(full())), Settled)


def test_a_price_is_read_as_it_was_written():
    priced = Priced("prc_1", {"input": 5, "source": "x"}, 17)
    assert lines.reader(HEAD)(lines.write_priced(priced)) == priced


def test_text_that_is_no_unicode_and_numbers_without_end_are_mended():
    call = record(1, user="a\ud800b", tags={"\udfff": "x"}, cost_nano=10**30, duration_ms=-(10**30))
    found = lines.reader(HEAD)(lines.write_settled(call))
    assert isinstance(found, Settled)
    assert found.record.user == "a?b"
    assert found.record.tags == {"?": "x"}
    assert found.record.cost_nano == lines.LARGEST
    assert found.record.duration_ms == -lines.LARGEST


def test_a_clean_record_has_nothing_that_postgresql_refuses():
    call = record(1, user="a\0b", session="\ud800", tags={"k\0": "v\0"}, cost_nano=2**64 - 1)
    found = lines.clean(call)
    assert (found.user, found.session, found.tags, found.cost_nano) == ("ab", "?", {"k": "v"}, lines.LARGEST)
    assert lines.clean(full()) == full()


def test_an_object_of_a_record_gives_it_again():
    assert lines.from_object(lines.as_object(full())) == full()


def test_attempts_of_a_table_are_read_with_the_names_of_every_field():
    found = lines.read_attempts(lines.write_attempts(full().attempts))
    assert found == orjson.loads(orjson.dumps(full().attempts))
    assert lines.read_attempts("") == []


def test_credit_is_what_the_workspace_pays():
    assert lines.credit_of(ended(began(1), 33)) == 33
    assert lines.credit_of(record(1)) is None
