"""What the config declares is in the database after a start, and nothing happens at the second one."""

import secrets
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from xroute.config.load import load
from xroute.config.settings import Settings
from xroute.errors import ConfigError
from xroute.store import tables
from xroute.store.audit import Actor
from xroute.store.bounds import Bounds, Subject
from xroute.store.db import Database, now_ms
from xroute.store.directory import Directory
from xroute.store.gitops import declare
from xroute.store.keys import Keys, Wish
from xroute.store.pepper import digest
from xroute.store.projects import Projects
from xroute.store.workspaces import MAIN

PEPPER = secrets.token_bytes(32)
ADMIN = Actor("user", "usr_1", "anne@example.com", workspace=MAIN, role="admin")
EXAMPLE = """
workspaces:
  - {slug: acme, name: Acme, plan: postpaid, credit_line_usd: 10, markup: 1.1, limits: {rpm: 1000}}
projects:
  - {name: demo, route: fast, budget: {usd: 5, window: month, tz: Europe/Berlin}}
keys:
  - name: bench
    key: sk-bench-0123456789abcdef
    project: demo
    budget: {usd: 0.01, window: total}
    limits: {rpm: 600, tpm: 100000, concurrency: 50}
    models: ["openai/*"]
    labels: {team: search}
    each_user: {limits: {rpm: 5}, budget: {usd: 1, window: day}}
  - name: acme one
    key: sk-acme-0123456789abcdef
    workspace: acme
    addresses: [10.1.2.3/8]
    expires: 2099-01-01T00:00:00Z
"""


@pytest.fixture
def settings(tmp_path: Path) -> Any:
    def read(text: str) -> Settings:
        path = tmp_path / "xroute.yaml"
        path.write_text(text)
        return load(path, {"HOME": str(tmp_path)}).settings

    return read


async def rows(db: Database, *named: Any) -> list[list[dict[str, Any]]]:
    async with db.read() as connection:
        found = []
        for table in named:
            query = select(table).order_by(table.c.id)
            found.append([dict(row) for row in (await connection.execute(query)).mappings()])
        return found


async def everything(db: Database) -> list[list[dict[str, Any]]]:
    return await rows(
        db,
        *(tables.workspaces, tables.projects, tables.keys, tables.limits, tables.budgets),
        *(tables.audit, tables.changes),
    )


async def known(db: Database, secret: str) -> Any:
    directory = Directory(db)
    await directory.load()
    return directory.find(digest(PEPPER, secret))


async def test_the_example_of_the_config_becomes_rows(database, settings):
    await declare(database, settings(EXAMPLE), PEPPER)
    who = await known(database, "sk-bench-0123456789abcdef")
    assert (who.name, who.workspace, who.route) == ("bench", MAIN, "fast")
    assert (who.policy.models, dict(who.labels)) == (("openai/*",), {"team": "search"})
    gates = {(gate.subject, gate.measure, gate.limit) for gate in who.rules.gates("openai/x", "eve", 1.8e9)}
    assert gates == {
        ("key bench", "requests", 600),
        ("key bench", "tokens", 100000),
        ("key bench", "slots", 50),
        ("key bench", "money", 10_000_000),
        ("project demo", "money", 5_000_000_000),
        ("user eve", "requests", 5),
        ("user eve", "money", 1_000_000_000),
    }
    other = await known(database, "sk-acme-0123456789abcdef")
    assert (other.markup_ppm, other.policy.addresses) == (1_100_000, ("10.0.0.0/8",))
    assert {gate.limit for gate in other.rules.gates("m", "", 1.8e9)} == {1000, 10_000_000_000}
    assert all(row["managed"] for row in (await rows(database, tables.keys))[0])


async def test_the_second_start_changes_nothing(database, settings):
    await declare(database, settings(EXAMPLE), PEPPER)
    first = await everything(database)
    await declare(database, settings(EXAMPLE), PEPPER)
    assert await everything(database) == first


async def test_a_gateway_without_a_database_knows_the_same(database, settings):
    await declare(database, settings(EXAMPLE), PEPPER)
    alone = Directory.of_settings(settings(EXAMPLE), PEPPER)
    for secret in ("sk-bench-0123456789abcdef", "sk-acme-0123456789abcdef"):
        stored, declared = await known(database, secret), alone.find(digest(PEPPER, secret))
        for field in (
            "name",
            "id",
            "workspace",
            "project",
            "labels",
            "policy",
            "route",
            "markup_ppm",
            "expires",
        ):
            assert getattr(declared, field) == getattr(stored, field), field
        for user in ("", "eve"):
            both = [{*who.rules.gates("openai/x", user, 1.8e9)} for who in (stored, declared)]
            assert both[0] == both[1] != set()
    await alone.refresh()
    assert alone.state == "up"
    assert alone.find(b"x" * 32) is None


async def test_what_changes_in_the_config_changes_in_its_row(database, settings):
    await declare(database, settings(EXAMPLE), PEPPER)
    [before] = await rows(database, tables.budgets)
    text = (
        EXAMPLE.replace("usd: 0.01", "usd: 0.05")
        .replace("rpm: 600", "rpm: 7")
        .replace("markup: 1.1", "markup: 1.2")
    )
    await declare(database, settings(text), PEPPER, "other.yaml")
    [after] = await rows(database, tables.budgets)
    assert [row["id"] for row in after] == [row["id"] for row in before]
    assert 50_000_000 in {row["nano"] for row in after}
    who = await known(database, "sk-bench-0123456789abcdef")
    assert 7 in {gate.limit for gate in who.rules.gates("openai/x", "", 1.8e9)}
    assert (await known(database, "sk-acme-0123456789abcdef")).markup_ppm == 1_200_000
    [audit] = await rows(database, tables.audit)
    changed = [line for line in audit if line["actor_name"] == "other.yaml"]
    assert {line["action"] for line in changed} == {"budget.update", "limit.update", "workspace.update"}
    assert {line["actor_kind"] for line in changed} == {"config"}


async def test_what_the_config_does_not_name_any_more_is_disabled_or_removed(database, settings):
    await declare(database, settings(EXAMPLE), PEPPER)
    await declare(database, settings("keys: []"), PEPPER)
    keys, projects, workspaces, limits, budgets = await rows(
        database, tables.keys, tables.projects, tables.workspaces, tables.limits, tables.budgets
    )
    assert {(row["disabled"], row["managed"]) for row in keys} == {(True, False)}
    assert {row["managed"] for row in [*projects, *workspaces]} == {False}
    assert {row["archived"] for row in projects} == {None}
    assert (limits, budgets) == ([], [])
    await declare(database, settings(EXAMPLE), PEPPER)
    assert (await known(database, "sk-bench-0123456789abcdef")).name == "bench"
    [again] = await rows(database, tables.keys)
    assert [row["id"] for row in again] == [row["id"] for row in keys]


async def test_a_renamed_key_and_one_with_a_new_secret_stay_the_keys_they_were(database, settings):
    one, two = "sk-one-0123456789abcdef", "sk-two-0123456789abcdef"
    await declare(database, settings(f"keys: [{{name: a, key: {one}}}, {{name: b, key: {two}}}]"), PEPPER)
    ids = {name: (await known(database, key)).id for name, key in (("a", one), ("b", two))}
    await declare(database, settings(f"keys: [{{name: b, key: {one}}}, {{name: a, key: {two}}}]"), PEPPER)
    assert (await known(database, one)).id == ids["a"]
    assert (await known(database, one)).name == "b"
    fresh = "sk-new-0123456789abcdef"
    await declare(database, settings(f"keys: [{{name: b, key: {one}}}, {{name: a, key: {fresh}}}]"), PEPPER)
    assert await known(database, two) is None
    assert (await known(database, one)).id == ids["a"]
    assert ((await known(database, fresh)).name, (await known(database, fresh)).id) == ("a", ids["b"])


async def test_a_key_with_a_new_secret_keeps_its_id_and_the_old_secret_is_unknown(database, settings):
    await declare(database, settings("keys: [{name: a, key: sk-one-0123456789abcdef}]"), PEPPER)
    before = await known(database, "sk-one-0123456789abcdef")
    await declare(database, settings("keys: [{name: a, key: sk-two-0123456789abcdef}]"), PEPPER)
    assert (await known(database, "sk-two-0123456789abcdef")).id == before.id
    assert await known(database, "sk-one-0123456789abcdef") is None


async def test_what_people_made_is_left_alone_and_a_project_of_theirs_is_taken_up_by_its_name(
    database, settings
):
    await declare(database, settings("keys: []"), PEPPER)
    project = await Projects(database).create(ADMIN, MAIN, {"name": "demo", "limits": [{"rpm": 3}]})
    key, secret = await Keys(database, PEPPER).create(ADMIN, MAIN, Wish("theirs", project="demo"))
    budget = await Bounds(database, tables.budgets).create(
        ADMIN, Subject(MAIN, "key", key["id"]), {"nano": 5}
    )
    await declare(database, settings(EXAMPLE), PEPPER)
    assert (await known(database, "sk-bench-0123456789abcdef")).project == project["id"]
    who = await known(database, secret)
    assert (who.id, who.route) == (key["id"], "fast")
    gates = {gate.limit for gate in who.rules.gates("m", "", 1.8e9)}
    assert {3, 5} <= gates
    await declare(database, settings("keys: []"), PEPPER)
    [budgets] = await rows(database, tables.budgets)
    assert [row["id"] for row in budgets] == [budget["id"]]
    assert (await known(database, secret)).id == key["id"]


async def test_a_declared_budget_begins_with_what_was_spent_in_its_window(database, settings):
    await declare(database, settings("keys: [{name: a, key: sk-one-0123456789abcdef}]"), PEPPER)
    who = await known(database, "sk-one-0123456789abcdef")
    async with database.write() as connection:
        row = {"workspace": MAIN, "project": "", "key": who.id, "member": "", "model": "m", "provider": "p"}
        day = now_ms() // 86_400_000
        await connection.execute(insert(tables.daily).values(**row, day=day, charged_nano=42))
    text = "keys: [{name: a, key: sk-one-0123456789abcdef, budget: {usd: 1, window: total}}]"
    await declare(database, settings(text), PEPPER)
    async with database.read() as connection:
        purses = [dict(row) for row in (await connection.execute(select(tables.purses))).mappings()]
    [budget] = (await rows(database, tables.budgets))[0]
    assert purses == [{"key": f"{budget['id']}:money:total", "spent": 42, "until": None}]


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        (
            "keys: [{name: a, key: sk-1, addresses: [10.0.0.0/8, nowhere]}]",
            "keys[0].addresses[1]",
            "no network",
        ),
        ("keys: [{name: a, key: sk-1, models: ['a b']}]", "keys[0].models[0]", "no model"),
        ("keys: [{name: a, key: sk-1, providers: ['a b']}]", "keys[0].providers[0]", "no name"),
        ("keys: [{name: a, key: sk-1, regions: ['?']}]", "keys[0].regions[0]", "no name"),
        ("keys: [{name: a, key: sk-1, workspace: acme}]", "keys[0].workspace", "no workspace 'acme'"),
        ("projects: [{name: a, workspace: acme}]", "projects[0].workspace", "no workspace 'acme'"),
        ("projects: [{name: a}, {name: a}]", "projects[1]", "two of the name 'a'"),
        ("workspaces: [{slug: a}, {slug: a}]", "workspaces[1]", "two of the name 'a'"),
        ("keys: [{name: a, key: sk-1, limits: {}}]", "keys[0].limits", "limits nothing"),
        ("keys: [{name: a, key: sk-1, limits: {rpm: 1, model: 'a b'}}]", "keys[0].limits.model", "no model"),
        (
            "keys: [{name: a, key: sk-1, each_user: {limits: {}}}]",
            "keys[0].each_user.limits",
            "limits nothing",
        ),
    ],
)
async def test_what_cannot_be_used_is_an_error_that_names_its_key(database, settings, text, where, says):
    with pytest.raises(ConfigError, match=says) as caught:
        await declare(database, settings(text), PEPPER)
    assert caught.value.where == where
    with pytest.raises(ConfigError, match=says):
        Directory.of_settings(settings(text), PEPPER)
    assert "sk-1" not in str(caught.value)
    assert (await rows(database, tables.keys, tables.audit)) == [[], []]


async def test_a_key_that_was_revoked_is_not_brought_back_by_the_config(database, settings):
    text = "keys: [{name: a, key: sk-one-0123456789abcdef}]"
    await declare(database, settings(text), PEPPER)
    await declare(database, settings("keys: []"), PEPPER)
    async with database.write() as connection:
        await connection.execute(update(tables.keys).values(revoked=1))
    with pytest.raises(ConfigError, match="revoked") as caught:
        await declare(database, settings(text), PEPPER)
    assert caught.value.where == "keys[0].key"
    with pytest.raises(ConfigError, match="revoked") as caught:
        await declare(database, settings(text.replace("one", "two")), PEPPER)
    assert caught.value.where == "keys[0].name"
