"""Vouchers: a code is credit once for each workspace, and no oftener than it was made for."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import insert, select

from xroute.errors import Conflict, InvalidRequest, NotFound, RateLimited, XrouteError
from xroute.money.nano import PER_DOLLAR
from xroute.store.audit import Actor
from xroute.store.db import Database, now_ms
from xroute.store.ledger import Ledger
from xroute.store.tables import accounts, audit, grants, redemptions, vouchers, workspaces
from xroute.store.vouchers import DAY_MS, TRIES, WITHIN_MS, Vouchers

BOSS = Actor("admin_token", name="admin", operator=True)
NOW = now_ms()  # the audit log has the true time


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def made(database: Database, clock: Clock) -> Vouchers:
    async with database.write() as connection:
        for number in range(1, 9):
            row = {"id": f"ws_{number}", "name": "x", "slug": f"s{number}", "plan": "prepaid", "created": 0}
            await connection.execute(insert(workspaces).values(**row))
    return Vouchers(database, Ledger(database, clock), b"pepper" * 6, clock)


def who(workspace: str) -> Actor:
    return Actor("user", id="u", user="u", workspace=workspace, role="owner")


async def rows(db: Database, query: Any) -> list[Any]:
    async with db.read() as connection:
        return list((await connection.execute(query)).all())


async def credit(db: Database) -> dict[str, int]:
    asked = select(accounts.c.workspace, accounts.c.nano).where(accounts.c.account == "credit")
    return dict(tuple(row) for row in await rows(db, asked))


async def redeem(made: Vouchers, workspace: str, code: str) -> str:
    try:
        await made.redeem(who(workspace), workspace, code)
    except XrouteError as error:
        return type(error).__name__
    return "ok"


async def test_a_code_becomes_credit(made: Vouchers, database: Database):
    row, code = await made.create(BOSS, 5 * PER_DOLLAR)
    found = await made.redeem(who("ws_1"), "ws_1", f"  {code.upper()} ")
    assert found == {"voucher": row["id"], "nano": 5 * PER_DOLLAR, "expires": None}
    assert await credit(database) == {"ws_1": 5 * PER_DOLLAR}


async def test_the_code_itself_is_kept_nowhere(made: Vouchers, database: Database):
    row, code = await made.create(BOSS, PER_DOLLAR)
    assert code.startswith("xrv-")
    assert len(code) == 36
    kept = str(await rows(database, select(vouchers))) + str(await rows(database, select(audit)))
    assert code not in kept
    assert code[4:] not in kept
    assert row["shown"] == code[:8]


async def test_its_credit_ends_after_so_many_days(made: Vouchers, database: Database):
    _, code = await made.create(BOSS, PER_DOLLAR, credit_days=30)
    found = await made.redeem(who("ws_1"), "ws_1", code)
    assert found["expires"] == NOW + 30 * DAY_MS
    assert await rows(database, select(grants.c.expires)) == [(NOW + 30 * DAY_MS,)]


async def test_a_workspace_redeems_a_code_once(made: Vouchers, database: Database):
    _, code = await made.create(BOSS, PER_DOLLAR, uses=5)
    assert await redeem(made, "ws_1", code) == "ok"
    with pytest.raises(Conflict, match="redeemed this code already"):
        await made.redeem(who("ws_1"), "ws_1", code)
    assert await credit(database) == {"ws_1": PER_DOLLAR}


async def test_of_many_workspaces_at_once_only_so_many_get_it(made: Vouchers, database: Database):
    _, code = await made.create(BOSS, PER_DOLLAR, uses=3)
    ids = [f"ws_{number}" for number in range(1, 9)]
    results = await asyncio.gather(*(redeem(made, id_, code) for id_ in ids for _ in range(2)))
    assert results.count("ok") == 3
    assert sum((await credit(database)).values()) == 3 * PER_DOLLAR
    assert await rows(database, select(vouchers.c.uses)) == [(0,)]
    assert len(await rows(database, select(redemptions))) == 3


async def test_one_workspace_many_times_at_once_gets_it_once(made: Vouchers, database: Database):
    _, code = await made.create(BOSS, PER_DOLLAR, uses=10)
    results = await asyncio.gather(*(redeem(made, "ws_1", code) for _ in range(10)))
    assert sorted(results) == ["Conflict"] * 9 + ["ok"]
    assert await credit(database) == {"ws_1": PER_DOLLAR}


async def test_what_is_used_up_expired_revoked_or_mistyped_is_the_same_answer(made: Vouchers, clock: Clock):
    _, used = await made.create(BOSS, PER_DOLLAR)
    assert await redeem(made, "ws_1", used) == "ok"
    _, short = await made.create(BOSS, PER_DOLLAR, expires=NOW + 1000)
    row, revoked = await made.create(BOSS, PER_DOLLAR)
    await made.revoke(BOSS, row["id"])
    clock.now += 1000
    told = set()
    for code in (used, short, revoked, "xrv-nothing", ""):
        with pytest.raises(NotFound) as caught:
            await made.redeem(who("ws_2"), "ws_2", code)
        told.add(caught.value.message)
    assert len(told) == 1


async def test_guesses_are_limited_for_a_workspace_and_for_a_time(made: Vouchers, clock: Clock):
    clock.now = now_ms()  # the audit log, which they are counted in, has a clock of its own
    _, code = await made.create(BOSS, PER_DOLLAR, uses=2)
    for number in range(TRIES):
        assert await redeem(made, "ws_1", f"xrv-{number}") == "NotFound"
    with pytest.raises(RateLimited) as caught:
        await made.redeem(who("ws_1"), "ws_1", code)
    assert caught.value.retry_after_s == pytest.approx(WITHIN_MS / 1000, abs=60)
    assert await redeem(made, "ws_2", code) == "ok"
    clock.now += WITHIN_MS + 60_000
    assert await redeem(made, "ws_1", code) == "ok"


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("amount_usd", {"nano": 0}),
        ("amount_usd", {"nano": -5}),
        ("uses", {"nano": 1, "uses": 0}),
        ("uses", {"nano": 1, "uses": 1_000_001}),
        ("expires", {"nano": 1, "expires": NOW}),
        ("credit_days", {"nano": 1, "credit_days": 0}),
    ],
)
async def test_a_voucher_that_cannot_be_is_told(made: Vouchers, field: str, given: dict[str, int]):
    with pytest.raises(InvalidRequest) as caught:
        await made.create(BOSS, **given)
    assert caught.value.param == field


async def test_vouchers_are_listed_and_an_unknown_one_is_not_revoked(made: Vouchers):
    row, _ = await made.create(BOSS, PER_DOLLAR)
    assert [each["id"] for each in (await made.list(10, None)).data] == [row["id"]]
    with pytest.raises(NotFound):
        await made.revoke(BOSS, "vch_none")
