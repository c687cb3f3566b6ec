"""What has let strangers in elsewhere: SQL in a credential, a stored hash, a known beginning, a password that
everybody knows. The classes of holes that were published are in SECURITY.md, with the test of each."""

import logging

import pytest
from sqlalchemy import select, text
from tests.api.office import ADMIN_TOKEN, PASSWORD, Caller

from xroute.store import tables

SQL = [
    "' OR 1=1 --",
    "' OR '1'='1",
    "'; DROP TABLE keys; --",
    "%",
    "_" * 46,
    "\\",
    "x' UNION SELECT hash FROM keys --",
]
KEYS = "keys: [{name: bench, key: sk-bench}]\n"


@pytest.fixture
async def firm(whole, database_url):
    """An office with a key, a token and somebody who has signed in: (office, key, token, cookie)."""
    async with whole(database_url, KEYS) as office:
        boss = await office.sign_up("boss@example.com")
        made = await boss.post("/api/v1/keys", {"name": "app"})
        token = (await office.program(boss, "owner")).token
        yield office, made.json["key"], token, boss.cookies["xroute_session"]


def faces(office, text_):
    """A text as whatever lets somebody in, each with the path that it would open."""
    yield Caller(office.app, text_), "/v1/models"
    for header in ("x-api-key", "api-key", "x-goog-api-key"):
        yield Caller(office.app, headers={header: text_}), "/v1/models"
    yield Caller(office.app, text_), "/api/v1/members"
    yield Caller(office.app, f"xrt-{text_}"), "/api/v1/members"
    yield Caller(office.app, cookies={"xroute_session": text_}), "/api/v1/members"


async def refused(office, text_):
    for caller, path in faces(office, text_):
        answer = await caller.get(path)
        assert answer.status == 401, (text_, path, answer.body)
        assert text_ not in answer.body.decode() or text_ in "%_\\", (text_, answer.body)


@pytest.mark.parametrize("sql", SQL)
async def test_sql_in_a_credential_is_a_credential_that_nobody_has(firm, sql):
    office, key, _, _ = firm
    await refused(office, sql)
    assert (await Caller(office.app, key).get("/v1/models")).status == 200


async def test_what_the_database_keeps_of_a_credential_is_no_credential(firm):
    office, *_ = firm
    async with office.db.read() as connection:
        for table in (tables.keys, tables.tokens, tables.sessions):
            for kept in (await connection.execute(select(table.c.hash))).scalars():
                await refused(office, kept)
                await refused(office, bytes.fromhex(kept).decode("latin-1"))


async def test_a_credential_that_begins_or_ends_like_one_is_another_one(firm):
    office, key, token, cookie = firm
    for whole in (key, token, cookie):
        for other in (whole[:20], whole[:-1], whole + "x", whole[:-1] + "~", whole.upper(), whole.swapcase()):
            for caller, path in faces(office, other):
                assert (await caller.get(path)).status == 401, (other, path)
    for right, path in zip(
        (
            Caller(office.app, key),
            Caller(office.app, token),
            Caller(office.app, cookies={"xroute_session": cookie}),
        ),
        ("/v1/models", "/api/v1/members", "/api/v1/members"),
        strict=True,
    ):
        assert (await right.get(path)).status == 200


@pytest.mark.parametrize("password", ["", "admin", "123456", "root", "password", "owner", "xroute"])
async def test_a_fresh_installation_has_no_password_that_anybody_knows(office, password):
    code = await office.persons.sign_in.first_owner()
    assert code is not None
    for email in ("owner@localhost", "admin", "root", "admin@localhost"):
        body = {"email": email, "password": password}
        answer = await office.nobody().post("/api/v1/auth/sign-in", body)
        assert answer.status in (400, 401), answer.body
        assert "set-cookie" not in answer.headers


async def test_no_credential_is_in_the_log_or_in_the_audit_log(whole, sqlite_url, caplog):
    caplog.set_level(logging.DEBUG)
    async with whole(sqlite_url, KEYS) as office:
        boss = await office.sign_up("boss@example.com")
        key = (await boss.post("/api/v1/keys", {"name": "app"})).json["key"]
        program = await office.program(boss, "owner")
        for caller in (
            Caller(office.app, key),
            Caller(office.app, headers={"x-api-key": key}),
            program,
            boss,
        ):
            for path in ("/v1/models", "/v1/nowhere", "/api/v1/keys", "/api/v1/members?x=\0"):
                await caller.get(path)
        async with office.db.read() as connection:
            written = str((await connection.execute(text("SELECT * FROM audit"))).all())
    secrets = [key, program.token, boss.cookies["xroute_session"], PASSWORD, ADMIN_TOKEN, "sk-bench"]
    assert len(written) > 500
    for secret in secrets:
        assert secret not in caplog.text
        assert secret not in written
