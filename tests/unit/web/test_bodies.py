"""What was asked and answered in a call: for owners and admins, who leave a line in the audit log."""

import pytest
from sqlalchemy import insert, select
from tests.unit.web.test_credentials import Office, office  # noqa: F401  a fixture

from xroute.config.accounts import BodiesSettings
from xroute.store import tables
from xroute.store.bodies import Bodies
from xroute.store.shelves import Folder

ID = "req-0123456789abcdef01234567"
PATH = f"/api/v1/usage/calls/{ID}/body"


def call_row(at: int) -> dict:
    row = {column.name: "" for column in tables.calls.columns}
    for column in tables.calls.columns:
        if column.type.python_type is int:
            row[column.name] = 0
        if column.type.python_type is bool:
            row[column.name] = False
    return row | {"id": ID, "workspace": "ws_a", "at": at, "day": at // 86_400_000}


@pytest.fixture
async def kept(office: Office, tmp_path):  # noqa: F811
    bodies = Bodies(BodiesSettings(keep="all"), Folder(tmp_path / "bodies"), now=lambda: 1_763_726_400.0)
    bodies.start()
    bodies.keep(ID, "ws_a", b"question", b"answer", "completed")
    await bodies.close()
    async with office.db.write() as connection:
        await connection.execute(insert(tables.calls).values(call_row(1_763_726_400_000)))
    office.services.bodies = bodies
    return office


@pytest.mark.parametrize("who", ["owner", "admin", "operator"])
async def test_who_may_reads_it_and_is_written_down(kept, who):
    answer = await kept.ask(who, "GET", PATH, x_xroute_workspace="ws_a")
    assert answer.status == 200
    assert (answer.json["request"], answer.json["answer"], answer.json["cut"]) == (
        "question",
        "answer",
        False,
    )
    async with kept.db.read() as connection:
        [line] = (
            await connection.execute(select(tables.audit).where(tables.audit.c.action == "body.read"))
        ).all()
    assert (line.target, line.workspace, line.actor_name) == (ID, "ws_a", who)


@pytest.mark.parametrize(
    ("who", "status"), [("developer", 403), ("viewer", 403), ("billing", 403), ("other", 404)]
)
async def test_others_do_not(kept, who, status):
    answer = await kept.ask(who, "GET", PATH)
    assert answer.status == status
    async with kept.db.read() as connection:
        found = await connection.execute(select(tables.audit).where(tables.audit.c.action == "body.read"))
        assert found.all() == []


async def test_where_nothing_is_kept_it_is_not_found(kept):
    missing = await kept.ask("owner", "GET", PATH.replace(ID, "req-none"))
    kept.services.bodies = None
    switched_off = await kept.ask("owner", "GET", PATH)
    assert (missing.status, switched_off.status) == (404, 404)
    assert missing.error["message"] == switched_off.error["message"]


async def test_one_that_is_damaged_is_told_as_such(kept, tmp_path):
    [path] = (tmp_path / "bodies").rglob("*.gz")
    path.write_bytes(b"damaged")
    answer = await kept.ask("owner", "GET", PATH)
    assert (answer.status, answer.error["code"]) == (500, "body_unreadable")
