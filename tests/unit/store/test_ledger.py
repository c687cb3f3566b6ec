import asyncio

import pytest
from sqlalchemy import update
from tests.unit.store import paid
from tests.unit.store.paid import began, ended

from xroute.errors import Conflict, InvalidRequest, NotFound
from xroute.store import tables
from xroute.store.audit import Actor
from xroute.store.journal import Journal
from xroute.store.ledger import Ledger
from xroute.store.writer import Writer

OPERATOR = Actor("token", id="tok_1", name="ops", operator=True)


class Clock:
    now = 1_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def ledger(database, clock):
    await paid.open_workspace(database)
    await paid.open_workspace(database, "ws_b")
    return Ledger(database, clock)


@pytest.fixture
async def call(database, tmp_path):
    """Has calls made: `await call(1, 700)`."""
    journal = Journal(tmp_path / "journals", 1 << 20)
    writer = Writer(database, journal)

    async def make(number, charged):
        held = began(number, held=1000)
        journal.held(held)
        journal.settled(ended(held, charged))
        await writer.turn()
        return held.id

    yield make
    await writer.stop()
    journal.close()


async def test_a_topup_adds_credit_is_audited_and_told(database, ledger):
    entry = await ledger.topup(OPERATOR, "ws_a", 500, ref="pay_1", note="by card")
    assert (entry.kind, entry.debit, entry.credit, entry.nano) == ("topup", "funding", "credit", 500)
    assert (entry.ref, entry.note, entry.by, entry.at) == ("pay_1", "by card", "ops", 1_000_000)
    assert await paid.accounts(database) == {"credit": 500, "funding": -500}
    audit = "SELECT workspace, action, target, actor FROM audit"
    assert await paid.rows(database, audit) == [("ws_a", "ledger.topup", str(entry.id), "tok_1")]
    assert await paid.rows(database, 'SELECT "table", "row" FROM changes') == [("workspaces", "ws_a")]
    assert await ledger.verify() == []


async def test_the_same_reference_counts_once(database, ledger):
    first = await ledger.topup(OPERATOR, "ws_a", 500, ref="x")
    assert await ledger.topup(OPERATOR, "ws_a", 500, ref="x") == first
    assert await paid.accounts(database) == {"credit": 500, "funding": -500}
    assert len(await paid.rows(database, "SELECT id FROM audit")) == 1
    await ledger.topup(OPERATOR, "ws_b", 500, ref="x")  # another workspace's is its own
    await ledger.adjust(OPERATOR, "ws_a", 5, ref="x")  # and so is another kind's
    assert (await ledger.balance("ws_a")).nano == 505


async def test_a_reference_for_something_else_is_a_conflict(ledger):
    await ledger.topup(OPERATOR, "ws_a", 500, ref="x")
    with pytest.raises(Conflict, match="'x'"):
        await ledger.topup(OPERATOR, "ws_a", 501, ref="x")
    await ledger.adjust(OPERATOR, "ws_a", 5, ref="y")
    with pytest.raises(Conflict):
        await ledger.adjust(OPERATOR, "ws_a", -5, ref="y")


async def test_many_at_once_with_one_reference_count_once(database, ledger):
    found = await asyncio.gather(*(ledger.topup(OPERATOR, "ws_a", 7, ref="x") for _ in range(8)))
    assert {entry.id for entry in found} == {found[0].id}
    assert (await ledger.balance("ws_a")).nano == 7


async def test_many_at_once_add_up(ledger):
    await asyncio.gather(*(ledger.topup(OPERATOR, "ws_a", 7, ref=str(each)) for each in range(20)))
    assert (await ledger.balance("ws_a")).nano == 140
    assert await ledger.verify() == []


@pytest.mark.parametrize("nano", [0, -1, 10**18 + 1])
async def test_an_amount_that_cannot_be_is_refused(ledger, nano):
    for does in (ledger.topup, ledger.grant):
        with pytest.raises(InvalidRequest) as raised:
            await does(OPERATOR, "ws_a", nano, ref="x")
        assert raised.value.param == "amount_usd"


@pytest.mark.parametrize(
    ("ref", "note"), [("", ""), ("x" * 501, ""), ("x", "y" * 501), ("a\0", ""), ("x", "\0")]
)
async def test_a_reference_or_note_that_cannot_be_stored_is_refused(ledger, ref, note):
    with pytest.raises(InvalidRequest):
        await ledger.topup(OPERATOR, "ws_a", 5, ref=ref, note=note)


async def test_an_unknown_workspace_is_not_found(database, ledger):
    with pytest.raises(NotFound):
        await ledger.topup(OPERATOR, "ws_c", 5, ref="x")
    with pytest.raises(NotFound):
        await ledger.grant(OPERATOR, "ws_c", 5, ref="x")
    with pytest.raises(NotFound):
        await ledger.refund(OPERATOR, "ws_c", "req-1")
    assert await paid.entries(database) == []


async def test_an_adjustment_goes_both_ways_and_below_zero(database, ledger):
    await ledger.adjust(OPERATOR, "ws_a", 100, ref="1")
    await ledger.adjust(OPERATOR, "ws_a", -300, ref="2")
    assert (await ledger.balance("ws_a")).credit == -200
    assert await paid.entries(database) == [
        ("adjust", "adjusted", "credit", 100),
        ("adjust", "credit", "adjusted", 300),
    ]


async def test_within_a_transaction_of_the_caller_all_of_it_counts_or_nothing(database, ledger):
    with pytest.raises(RuntimeError):
        async with database.write() as connection:
            await ledger.topup(OPERATOR, "ws_a", 5, ref="1", connection=connection)
            raise RuntimeError
    assert await paid.entries(database) == []
    async with database.write() as connection:
        await ledger.topup(OPERATOR, "ws_a", 5, ref="1", connection=connection)
        await ledger.grant(OPERATOR, "ws_a", 5, ref="1", connection=connection)
        await ledger.adjust(OPERATOR, "ws_a", -1, ref="1", connection=connection)
    assert (await ledger.balance("ws_a")).nano == 9


# Refunds


async def test_a_call_is_refunded_once_as_a_whole(database, ledger, call):
    id_ = await call(1, 700)
    entry = await ledger.refund(OPERATOR, "ws_a", id_)
    assert (entry.kind, entry.nano, entry.call) == ("refund", 700, id_)
    assert await ledger.refund(OPERATOR, "ws_a", id_) == entry
    assert await paid.accounts(database) == {}
    with pytest.raises(Conflict, match=r"\$0 is left"):
        await ledger.refund(OPERATOR, "ws_a", id_, ref="again")
    assert await ledger.verify() == []


async def test_a_call_is_refunded_in_parts_and_never_more_than_it_was_charged(ledger, call):
    id_ = await call(1, 700)
    await ledger.refund(OPERATOR, "ws_a", id_, 300, ref="1")
    await ledger.refund(OPERATOR, "ws_a", id_, 300, ref="1")
    with pytest.raises(Conflict, match=r"\$0\.0000004 is left"):
        await ledger.refund(OPERATOR, "ws_a", id_, 401, ref="2")
    await ledger.refund(OPERATOR, "ws_a", id_, 100, ref="3")
    rest = await ledger.refund(OPERATOR, "ws_a", id_, ref="4")
    assert rest.nano == 300
    assert (await ledger.balance("ws_a")).nano == 0


async def test_refunds_at_once_never_give_more_than_was_charged(ledger, call):
    id_ = await call(1, 700)
    asked = (ledger.refund(OPERATOR, "ws_a", id_, 300, ref=str(each)) for each in range(6))
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(not isinstance(each, Conflict) for each in found) == 2
    assert (await ledger.balance("ws_a")).usage == 100


async def test_a_call_of_another_workspace_or_one_that_was_free_is_not_found(ledger, call):
    id_, free = await call(1, 700), await call(2, 0)
    for workspace, asked in (("ws_b", id_), ("ws_a", free), ("ws_a", "req-nothing")):
        with pytest.raises(NotFound):
            await ledger.refund(OPERATOR, workspace, asked)


# Grants


async def test_what_is_left_of_a_grant_is_taken_out_when_it_ends(database, ledger, call, clock):
    await ledger.topup(OPERATOR, "ws_a", 1000, ref="1")
    await ledger.grant(OPERATOR, "ws_a", 500, ref="1", expires=2_000_000)
    await call(1, 300)
    assert (await ledger.balance("ws_a")).granted == 200
    assert await ledger.expire_due() == 0
    clock.now = 2_000_000
    assert await ledger.expire_due() == 1
    assert await ledger.expire_due() == 0
    balance = await ledger.balance("ws_a")
    assert (balance.nano, balance.granted) == (1000, 0)
    assert (await paid.entries(database))[-1] == ("expiry", "credit", "expired", 200)
    assert await ledger.verify() == []


async def test_a_grant_that_was_spent_ends_without_an_entry(ledger, call, clock):
    await ledger.grant(OPERATOR, "ws_a", 500, ref="1", expires=2_000_000)
    await call(1, 600)
    clock.now = 3_000_000
    assert await ledger.expire_due() == 0
    assert (await ledger.balance("ws_a")).nano == -100


async def test_a_grant_makes_good_what_is_missing_before_it_can_end(ledger, call, clock):
    await call(1, 300)
    await ledger.grant(OPERATOR, "ws_a", 500, ref="1", expires=2_000_000)
    assert (await ledger.balance("ws_a")).granted == 200
    clock.now = 3_000_000
    await ledger.expire_due()
    assert (await ledger.balance("ws_a")).nano == 0


async def test_what_was_taken_out_otherwise_does_not_expire_too(database, ledger, clock):
    await ledger.grant(OPERATOR, "ws_a", 500, ref="1", expires=2_000_000)
    await ledger.adjust(OPERATOR, "ws_a", -400, ref="1")
    clock.now = 3_000_000
    assert await ledger.expire_due() == 1
    assert (await ledger.balance("ws_a")).nano == 0
    assert await paid.rows(database, "SELECT left_nano FROM grants") == [(0,)]


async def test_what_calls_under_way_hold_does_not_expire_under_them(database, ledger, clock, tmp_path):
    await ledger.grant(OPERATOR, "ws_a", 1500, ref="1", expires=2_000_000)
    journal = Journal(tmp_path / "journals", 1 << 20)
    writer = Writer(database, journal)
    held = began(1, held=1000)
    journal.held(held)
    await writer.turn()
    clock.now = 3_000_000
    assert await ledger.expire_due() == 1
    balance = await ledger.balance("ws_a")
    assert (balance.credit, balance.held, balance.granted) == (0, 1000, 1000)
    journal.settled(ended(held, 300))
    await writer.turn()
    assert await ledger.expire_due() == 1
    assert (await ledger.balance("ws_a")).nano == 0
    assert await paid.accounts(database) == {"usage": 300, "granted": -1500, "expired": 1200}
    assert await ledger.verify() == []
    await writer.stop()
    journal.close()


async def test_expiry_in_two_processes_at_once_counts_once(ledger, clock):
    for each in range(5):
        await ledger.grant(OPERATOR, "ws_a", 100, ref=str(each), expires=2_000_000)
    clock.now = 3_000_000
    await asyncio.gather(*(ledger.expire_due() for _ in range(4)))
    assert (await ledger.balance("ws_a")).nano == 0


async def test_a_grant_that_would_have_ended_is_refused(ledger):
    with pytest.raises(InvalidRequest):
        await ledger.grant(OPERATOR, "ws_a", 100, ref="1", expires=999_999)


async def test_people_payments_time_and_calls_at_once_do_not_stand_in_each_others_way(
    database, ledger, clock, tmp_path
):
    journal = Journal(tmp_path / "journals", 1 << 20)
    writers = [Writer(database, journal, most=3), Writer(database, journal, most=5)]
    for number in range(60):
        held = began(number, held=50)
        journal.held(held)
        journal.settled(ended(held, 20))

    async def people(who):
        for each in range(12):
            await ledger.topup(OPERATOR, "ws_a", 10, ref=f"{who}:{each}")
            await ledger.grant(OPERATOR, "ws_a", 10, ref=f"{who}:{each}", expires=clock.now + 1 + each)
            await ledger.adjust(OPERATOR, "ws_a", -1, ref=f"{who}:{each}")

    async def time():
        for _ in range(12):
            clock.now += 2
            await ledger.expire_due()

    async def calls():
        while any(writer.lag for writer in writers):
            await asyncio.gather(*(writer.turn() for writer in writers))

    await asyncio.gather(people("a"), people("b"), time(), time(), calls())
    assert await ledger.verify() == []
    found = await paid.accounts(database)
    assert (found["usage"], found["funding"], found["granted"]) == (1200, -240, -240)
    for writer in writers:
        await writer.stop()
    journal.close()


# Reading


async def test_entries_come_in_pages_the_newest_first(ledger):
    for each in range(7):
        await ledger.topup(OPERATOR, "ws_a", each + 1, ref=str(each))
    await ledger.topup(OPERATOR, "ws_b", 99, ref="b")
    found, cursor = [], None
    while True:
        page = await ledger.entries("ws_a", 3, cursor)
        assert len(page.data) <= 3
        found += [entry.nano for entry in page.data]
        cursor = page.next
        if cursor is None:
            break
    assert found == [7, 6, 5, 4, 3, 2, 1]
    with pytest.raises(InvalidRequest):
        await ledger.entries("ws_a", 3, "nonsense")


async def test_entries_of_one_kind_or_call_can_be_asked_for(ledger, call):
    id_ = await call(1, 700)
    await ledger.topup(OPERATOR, "ws_a", 5, ref="1")
    assert [entry.kind for entry in (await ledger.entries("ws_a", 9, call=id_)).data] == [
        "release",
        "settle",
        "hold",
    ]
    assert [entry.nano for entry in (await ledger.entries("ws_a", 9, kind="topup")).data] == [5]


async def test_a_workspace_without_entries_has_nothing(ledger):
    balance = await ledger.balance("ws_b")
    assert (balance.nano, balance.credit, balance.held, balance.usage, balance.granted) == (0, 0, 0, 0, 0)


async def test_what_does_not_add_up_is_found(database, ledger, call):
    await ledger.topup(OPERATOR, "ws_a", 1000, ref="1")
    await ledger.grant(OPERATOR, "ws_a", 10, ref="1")
    await call(1, 700)
    assert await ledger.verify() == []
    changes = (
        (update(tables.accounts).where(tables.accounts.c.account == "usage").values(nano=1), "account usage"),
        (update(tables.purses).where(tables.purses.c.key == "credit:ws_a").values(spent=1), "purse credit"),
        (update(tables.grants).values(left_nano=11), "grant "),
        (update(tables.entries).where(tables.entries.c.kind == "grant").values(nano=0), "entry "),
    )
    for change, word in changes:
        async with database.write() as connection:
            await connection.execute(change)
        assert any(word in fault for fault in await ledger.verify()), word
    assert len(await ledger.verify()) >= 4
