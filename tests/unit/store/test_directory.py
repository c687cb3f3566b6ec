"""Who may call, in memory: with all that belongs to a key, and why one may not be used."""

from sqlalchemy import delete, insert, update
from tests.unit.store.keying import (
    MAIN,
    OPERATOR,
    OWNER,
    PEPPER,
    directory_fixture,
    gates,
    keys_fixture,
    made,
    refused,
)

from xroute.errors import Authentication, PermissionDenied
from xroute.store import tables
from xroute.store.bounds import Bounds, Subject
from xroute.store.db import note_change, now_ms
from xroute.store.directory import Directory
from xroute.store.keys import Wish
from xroute.store.pepper import digest
from xroute.store.projects import Projects
from xroute.store.workspaces import Workspaces

__all__ = ["directory_fixture", "keys_fixture"]


async def test_a_key_that_nobody_made_is_not_known(directory):
    assert directory.find(b"x" * 32) is None
    assert directory.state == "up"


async def test_a_key_is_known_after_the_next_look_with_all_that_belongs_to_it(keys, directory):
    project = await Projects(keys.db).create(OWNER, MAIN, {"name": "demo", "route": "fast"})
    row, found = await made(
        keys, project="demo", policy={"models": ["openai/*"], "zdr": True}, labels={"a": "b"}
    )
    assert directory.find(found) is None
    await directory.refresh()
    who = directory.find(found)
    assert (who.name, who.id, who.workspace, who.project) == ("bench", row["id"], MAIN, project["id"])
    assert (who.policy.models, who.policy.zdr, who.policy.providers) == (("openai/*",), True, ())
    assert dict(who.labels) == {"a": "b"}
    assert who.route == "fast"  # the project's, as the key has none
    assert who.member == ""
    assert directory.find(found) is who  # nothing is made twice


async def test_a_loaded_directory_knows_what_one_that_followed_knows(keys, directory):
    _, found = await made(keys, limits=[{"rpm": 3}], budgets=[{"nano": 7, "window": "total"}])
    await directory.refresh()
    other = Directory(keys.db)
    await other.load()
    assert gates(other, found) == gates(directory, found)
    assert len(gates(other, found)) == 2


async def test_a_disabled_key_says_so_and_works_again_when_it_is_enabled(keys, directory):
    row, found = await made(keys)
    await keys.change(OWNER, MAIN, row["id"], {"disabled": True})
    await directory.refresh()
    error = refused(directory, found)
    assert isinstance(error, PermissionDenied)
    assert error.code == "key_disabled"
    await keys.change(OWNER, MAIN, row["id"], {"disabled": False})
    await directory.refresh()
    assert directory.find(found) is not None


async def test_a_key_expires_by_time_without_a_look_at_the_database(keys):
    now = [now_ms() / 1000]
    directory = Directory(keys.db, lambda: now[0])
    end = int(now[0] * 1000) + 60_000
    _, found = await made(keys, expires=end)
    await directory.load()
    assert directory.find(found).expires == end / 1000
    now[0] += 61
    error = refused(directory, found)
    assert isinstance(error, Authentication)
    assert error.code == "key_expired"


async def test_keys_of_an_archived_project_and_of_a_closed_workspace_are_refused(keys, directory):
    projects, workspaces = Projects(keys.db), Workspaces(keys.db)
    space = await workspaces.create(OPERATOR, {"slug": "acme"})
    project = await projects.create(OPERATOR, space["id"], {"name": "demo"})
    _, secret = await keys.create(OPERATOR, space["id"], Wish("k", project=project["id"]))
    found = digest(PEPPER, secret)
    await projects.archive(OPERATOR, space["id"], project["id"], now_ms())
    await directory.refresh()
    assert refused(directory, found).code == "project_archived"
    await projects.archive(OPERATOR, space["id"], project["id"], None)
    await directory.refresh()
    assert directory.find(found) is not None
    await workspaces.close(OPERATOR, space["id"])
    await directory.refresh()
    assert refused(directory, found).code == "workspace_closed"


async def test_keys_of_a_member_who_is_gone_or_disabled_are_refused(keys, directory):
    async with keys.db.write() as connection:
        await connection.execute(insert(tables.users).values(id="usr_2", email="bob@example.com", created=1))
        row = {"id": "mem_2", "workspace": MAIN, "user": "usr_2", "role": "developer", "created": 1}
        await connection.execute(insert(tables.members).values(row))
        await note_change(connection, "members", "mem_2")
    _, found = await made(keys, member="mem_2")
    await Bounds(keys.db, tables.limits).create(OWNER, Subject(MAIN, "member", "mem_2"), {"rpm": 5})
    await directory.refresh()
    assert directory.find(found).member == "mem_2"
    assert [gate.subject for gate in gates(directory, found)] == ["member bob@example.com"]
    async with keys.db.write() as connection:
        await connection.execute(update(tables.users).values(disabled=True))
        await note_change(connection, "members", "mem_2")
    await directory.refresh()
    assert refused(directory, found).code == "member_removed"
    async with keys.db.write() as connection:
        await connection.execute(update(tables.users).values(disabled=False))
        await connection.execute(delete(tables.members))
        await note_change(connection, "members", "mem_2")
    await directory.refresh()
    assert refused(directory, found).code == "member_removed"


async def test_everything_that_bounds_a_key_is_among_its_gates_and_says_whose_it_is(keys, directory):
    project = await Projects(keys.db).create(OWNER, MAIN, {"name": "demo", "limits": [{"rpm": 1}]})
    row, found = await made(keys, project="demo", limits=[{"rpm": 2}])
    _, other = await made(keys, "other")
    limits = Bounds(keys.db, tables.limits)
    for scope, subject, rpm in (
        ("workspace", MAIN, 3),
        ("user", "*", 4),
        ("user", "eve", 5),
        ("user", f"*{project['id']}", 6),
        ("user", f"*{row['id']}", 7),
    ):
        await limits.create(OWNER, Subject(MAIN, scope, subject), {"rpm": rpm})
    await directory.refresh()
    assert {(gate.limit, gate.subject) for gate in gates(directory, found, user="eve")} == {
        (2, "key bench"),
        (1, "project demo"),
        (3, "workspace main"),
        *((rpm, "user eve") for rpm in (4, 5, 6, 7)),
    }
    assert {gate.limit for gate in gates(directory, other, user="eve")} == {3, 4, 5}
    assert {gate.limit for gate in gates(directory, other)} == {3}


async def test_keys_of_one_project_share_their_rules(keys, directory):
    await Projects(keys.db).create(OWNER, MAIN, {"name": "demo", "limits": [{"rpm": 1}]})
    _, one = await made(keys, "one", project="demo")
    _, two = await made(keys, "two", project="demo")
    await directory.refresh()
    assert directory.find(one).rules is directory.find(two).rules


async def test_a_changed_and_a_removed_limit_take_effect(keys, directory):
    row, found = await made(keys, limits=[{"rpm": 2}])
    limits = Bounds(keys.db, tables.limits)
    await directory.refresh()
    assert [gate.limit for gate in gates(directory, found)] == [2]
    (limit,) = row["limits"]
    await limits.change(OWNER, MAIN, limit["id"], {"rpm": 9})
    await directory.refresh()
    assert [gate.limit for gate in gates(directory, found)] == [9]
    await limits.remove(OWNER, MAIN, limit["id"])
    await directory.refresh()
    assert gates(directory, found) == []


async def test_while_a_rotated_key_overlaps_both_count_in_the_same_gates(keys, directory):
    row, old = await made(keys, limits=[{"rpm": 2}], budgets=[{"nano": 5}])
    await directory.refresh()
    before = gates(directory, old)
    fresh, secret = await keys.rotate(OWNER, MAIN, row["id"], 3_600_000)
    again, third = await keys.rotate(OWNER, MAIN, fresh["id"], 3_600_000)
    await directory.refresh()
    assert gates(directory, old) == gates(directory, digest(PEPPER, secret)) == before
    assert gates(directory, digest(PEPPER, third)) == before
    await Bounds(keys.db, tables.limits).change(OWNER, MAIN, row["limits"][0]["id"], {"rpm": 4})
    await directory.refresh()
    assert {gate.limit for gate in gates(directory, old)} == {4, 5}
    assert [each["id"] for each in again["limits"]] == [row["limits"][0]["id"]]


async def test_credit_of_a_metered_workspace_is_a_gate_and_follows_the_ledger(keys, directory):
    workspaces = Workspaces(keys.db)
    space = await workspaces.create(OPERATOR, {"slug": "acme", "plan": "postpaid", "credit_line_nano": 100})
    _, secret = await keys.create(OPERATOR, space["id"], Wish("k"))
    found = digest(PEPPER, secret)
    await directory.refresh()
    assert [(gate.key, gate.limit) for gate in gates(directory, found)] == [(f"credit:{space['id']}", 100)]
    async with keys.db.write() as connection:
        for account, nano in (("credit", 40), ("held", 10), ("usage", 50), ("funding", -100)):
            row = {"workspace": space["id"], "account": account, "nano": nano}
            await connection.execute(insert(tables.accounts).values(row))
        await connection.execute(insert(tables.purses).values(key=f"credit:{space['id']}", spent=50))
        await note_change(connection, "workspaces", space["id"])
    await directory.refresh()
    assert [gate.limit for gate in gates(directory, found)] == [200]
    await workspaces.change(OPERATOR, space["id"], {"plan": "prepaid"})
    await directory.refresh()
    assert [gate.limit for gate in gates(directory, found)] == [100]
    await workspaces.change(OPERATOR, space["id"], {"plan": "unmetered", "markup_ppm": 1_100_000})
    await directory.refresh()
    assert gates(directory, found) == []
    assert directory.find(found).markup_ppm == 1_100_000


async def test_a_directory_shows_no_secret(keys, directory):
    _, found = await made(keys)
    await directory.refresh()
    who = directory.find(found)
    assert found.hex() not in f"{directory!r} {who!r} {who.rules!r}"
    assert "1 keys" in repr(directory)


async def test_what_bounds_a_key_can_be_asked_by_its_id(keys, directory):
    row, _ = await made(keys, limits=[{"max_call_nano": 12}])
    await directory.refresh()
    assert directory.rules(row["id"]).most("any/model") == 12
    assert directory.rules("key_none") is None
