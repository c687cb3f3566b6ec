"""Usage over the management API: who sees what, in which format, and what is refused."""

import asyncio
import contextlib
import csv
import io
import sys
from urllib.parse import urlencode

import pytest
from sqlalchemy import insert, text, update
from tests.unit.store.calls import call
from tests.unit.store.records import add, record
from tests.unit.web.dialogue import ask, request

from xroute.store import calls, lines, tables
from xroute.store.audit import SYSTEM
from xroute.store.people import People
from xroute.store.sessions import Sessions
from xroute.store.spans import DAY_MS
from xroute.store.tokens import Tokens
from xroute.web.api.app import create_api
from xroute.web.api.figures import Calls, Usage, WholeCall
from xroute.web.api.services import Services
from xroute.web.auth import Keyring
from xroute.web.bridge import Bridge
from xroute.web.edge import Edge, Management
from xroute.web.peer import Peers
from xroute.web.reception import Reception
from xroute.wire.record import Try

FIRST = 20_755 * DAY_MS  # 2026-10-29
RANGE = {"since": "2026-10-28", "until": "2026-11-02"}
CALL = call(
    7,
    FIRST + 5,
    key="key_a",
    user="=1+1",
    model="openai/gpt-4o",
    provider="openai",
    cost_nano=1_500,
    charged_nano=1_650,
    tries=1,
    price="p1",
    tags='{"team":"x"}',
    attempts=lines.write_attempts([Try("d", "openai", "m", "openai/1", 0, 9, 3, "", 200, "u", None, 1500)]),
)


class Nobody:
    """No client's key is known here."""

    def find(self, digest: bytes) -> None:
        return None


class Desk:
    """The management API with its real reception, and a token for each role."""

    def __init__(self, db, api, made) -> None:
        self.db, self._made = db, made
        api.state.services = object.__new__(Services)  # with the one part that these routes work with
        api.state.services.db = db
        sessions = Sessions(db, b"pepper", 1)
        reception = Reception(People(db, sessions), sessions, Tokens(db, b"pepper"), Peers())
        bridge = Bridge(lambda: api, 1024)
        self._edge = Edge([], Keyring(b"pepper", Nobody()), Management(bridge.handle, reception))

    async def get(self, path: str, who: str = "viewer", **query):
        async def serve(scope, receive, send):
            await self._edge.serve(scope | {"query_string": asked.encode()}, receive, send)

        asked = urlencode(query, doseq=True)
        return await ask(serve, "GET", path, key=self._made[who])

    async def usage(self, who: str = "viewer", **query):
        return await self.get("/api/v1/usage", who, **(RANGE | query))

    async def calls(self, who: str = "viewer", **query):
        return await self.get("/api/v1/usage/calls", who, **(RANGE | query))


@pytest.fixture(scope="module")
def api(app):
    return create_api(app.scene.fleet, lambda: 0.0)


@pytest.fixture
async def office(api, database, monkeypatch):
    monkeypatch.setattr(calls, "SCAN_S", 60.0)  # a machine that is busy would end pages early
    tokens, made = Tokens(database, b"pepper"), {}
    async with database.write() as connection:
        for id_ in ("ws_a", "ws_b"):
            await connection.execute(insert(tables.workspaces).values(id=id_, name=id_, slug=id_, created=1))
        await connection.execute(insert(tables.prices).values(id="p1", data={"input": 5}, first=1))
        await connection.execute(
            insert(tables.calls),
            [CALL, call(8, FIRST + DAY_MS, error_type="server"), call(9, FIRST, workspace="ws_b")],
        )
    unpriced = {"outcome": "failed", "cost_nano": None, "charged_nano": None}
    counted = [
        record(1, at=FIRST + 5, key="key_a", user="ann", tags={"team": "x"}),
        record(2, at=FIRST + DAY_MS, key="key_b", **unpriced),
        record(3, at=FIRST, workspace="ws_b"),
    ]
    await add(database, counted)
    for role in ("owner", "admin", "developer", "viewer", "billing"):
        made[role] = (await tokens.create(SYSTEM, role, role, "ws_a"))[1]
    made["operator"] = (await tokens.create(SYSTEM, "operator", "operator", None))[1]
    made["other"] = (await tokens.create(SYSTEM, "other", "owner", "ws_b"))[1]
    return Desk(database, api, made)


async def test_sums_by_day_are_as_the_document_says(office):
    answer = await office.usage()
    assert answer.status == 200
    found = answer.json
    Usage.model_validate(found)
    assert (found["since"], found["until"]) == ("2026-10-28T00:00:00Z", "2026-11-02T00:00:00Z")
    assert [(point["start"], point["calls"], point["errors"]) for point in found["data"]] == [
        ("2026-10-29T00:00:00Z", 1, 0),
        ("2026-10-30T00:00:00Z", 1, 1),
    ]
    assert found["totals"] == {
        **{"calls": 2, "errors": 1, "streams": 0, "tries": 2, "estimated": 0, "unpriced": 1},
        **{"tokens_in": 20, "tokens_out": 10, "cached": 6, "reasoning": 4, "cost_usd": 7e-7},
        **{"charged_usd": 7.7e-7, "duration_ms": 900.0, "ttft_ms": 120.0, "overhead_us": 80.0},
    }


@pytest.mark.parametrize(
    ("query", "groups"),
    [
        ({"by": "key"}, ["key_a", "key_b"]),
        ({"by": "key", "top": 1}, ["key_a", None]),
        ({"by": "key", "order": "errors"}, ["key_b", "key_a"]),
        ({"by": "key", "step": "total"}, ["key_a", "key_b"]),
        ({"by": "key", "key": ["key_b", "x"]}, ["key_b"]),
        ({"by": "key", "key": "*_a"}, ["key_a"]),
        ({"by": "user"}, ["ann", None]),
        ({"by": "tag", "tag": "team"}, ["x", None]),
        ({"by": "tag", "tag": "team", "step": "total", "since": "2026-10-29T00:00:02Z"}, ["x", None]),
        ({"by": "model", "step": "hour", "tz": "Europe/Berlin"}, ["openai/gpt-4o-mini"]),
        ({"by": "provider", "step": "month", "tz": "Asia/Tokyo"}, ["openai"]),
    ],
)
async def test_usage_is_told_apart_as_asked(office, query, groups):
    answer = await office.usage(**query)
    assert answer.status == 200, answer.json
    assert [group["id"] for group in answer.json["groups"]] == groups
    Usage.model_validate(answer.json)


@pytest.mark.parametrize(
    ("query", "param", "words"),
    [
        ({"by": "colour"}, "by", "Input should be"),
        ({"colour": "red"}, "colour", "no field"),
        ({"tz": "Mars/Olympus"}, "tz", "no time zone"),
        ({"since": "yesterday"}, "since", ""),
        ({"since": "2026-11-02"}, "until", "after"),
        ({"since": "2020-01-01"}, "since", "five years"),
        ({"since": "2024-01-01"}, "step", "400 spans"),
        ({"by": "tag"}, "tag", "needs"),
        ({"by": "tag", "tag": "x", "key": "a"}, "key", "not kept"),
        ({"by": "user", "tz": "Europe/Berlin"}, "step", "whole days of UTC"),
        ({"by": "key", "top": 101}, "top", ""),
        ({"by": "key", "top": 100, "since": "2026-01-01"}, "top", "too much"),
        ({"key": ["a"] * 51}, "key", ""),
        ({"model": "*a*b*c*"}, "model", "more than 3"),
        ({"model": "a" * 300}, "model", ""),
    ],
)
async def test_what_cannot_be_answered_is_said(office, query, param, words):
    answer = await office.usage(**query)
    assert answer.status == 400
    assert answer.error["param"].split(".")[0] == param
    assert words in answer.error["message"]


async def test_thirty_days_are_told_where_nobody_says_since_when(office):
    answer = await office.get("/api/v1/usage")
    assert answer.status == 200
    since, until = answer.json["since"], answer.json["until"]
    assert since.endswith("T00:00:00Z")
    assert until.endswith("T00:00:00Z")


@pytest.mark.parametrize("who", ["owner", "admin", "developer", "viewer", "billing"])
async def test_every_member_sees_the_workspaces_usage(office, who):
    assert (await office.usage(who)).json["totals"]["calls"] == 2
    assert len((await office.calls(who)).json["data"]) == 2


async def test_another_workspace_sees_its_own_alone(office):
    assert (await office.usage("other")).json["totals"]["calls"] == 1
    assert [row["id"] for row in (await office.calls("other")).json["data"]] == [call(9, 1)["id"]]
    theirs = await office.get(f"/api/v1/usage/calls/{CALL['id']}", "other")
    none = await office.get("/api/v1/usage/calls/req-none", "other")
    assert theirs.status == none.status == 404
    assert theirs.error | {"metadata": 0} == none.error | {"metadata": 0}


async def test_nobody_sees_anything_without_saying_who_they_are(office):
    office._made["nobody"] = "xrt-nobody"
    assert (await office.usage("nobody")).status == 401


async def test_one_call_has_everything(office):
    answer = await office.get(f"/api/v1/usage/calls/{CALL['id']}")
    assert answer.status == 200
    WholeCall.model_validate(answer.json)
    assert answer.json["price"] == {"id": "p1", "input": 5}
    assert (answer.json["cost_usd"], answer.json["charged_usd"]) == (1.5e-6, 1.65e-6)
    assert answer.json["tags"] == {"team": "x"}
    [attempt] = answer.json["attempts"]
    assert (attempt["credential"], attempt["cost_usd"], attempt["status"]) == ("openai/1", 1.5e-6, 200)


async def test_what_providers_bill_is_private_where_another_price_is_paid(office):
    async with office.db.write() as connection:
        await connection.execute(update(tables.workspaces).values(markup_ppm=1_100_000))
    one = (await office.get(f"/api/v1/usage/calls/{CALL['id']}")).json
    assert (one["cost_usd"], one["charged_usd"], one["price"]) == (None, 1.65e-6, None)
    assert (one["attempts"][0]["cost_usd"], one["attempts"][0]["credential"]) == (None, None)
    assert (await office.usage()).json["totals"]["cost_usd"] is None
    assert (await office.calls()).json["data"][0]["cost_usd"] is None
    for file in (await office.usage(format="csv"), await office.calls(format="csv")):
        assert b"cost_usd" not in file.body
    operator = await office.usage("operator", workspace="ws_a")
    assert operator.json["totals"]["cost_usd"] == 7e-7


async def test_calls_come_in_pages(office):
    first = await office.calls(limit=1)
    Calls.model_validate(first.json)
    second = await office.calls(limit=1, cursor=first.json["next"])
    ids = [page.json["data"][0]["id"] for page in (first, second)]
    assert ids == [call(8, 1)["id"], CALL["id"]]
    assert second.json["next"] is None


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"user": "=1*"}, 1),
        ({"failed": "true"}, 1),
        ({"failed": "false"}, 1),
        ({"tag": "team:x"}, 1),
        ({"tag": "team:y"}, 0),
        ({"min_cost_usd": "0.00000165"}, 1),
        ({"min_cost_usd": "0.000001651"}, 0),
        ({"since": "2026-10-30T00:00:00+00:00"}, 1),
        ({"outcome": "completed", "provider": "openai"}, 1),
    ],
)
async def test_calls_are_found_by_what_is_asked(office, query, count):
    answer = await office.calls(**query)
    assert answer.status == 200, answer.json
    assert len(answer.json["data"]) == count


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"tag": "team"}, "tag"),
        ({"cursor": "!"}, "cursor"),
        ({"limit": 501}, "limit"),
        ({"until": "2020-01-01"}, "until"),
    ],
)
async def test_calls_that_cannot_be_listed_are_refused(office, query, param):
    answer = await office.calls(**query)
    assert (answer.status, answer.error["param"]) == (400, param)


async def test_usage_as_csv_has_exact_dollars_and_names(office):
    answer = await office.usage(by="key", format="csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="usage.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert [(row["start"], row["key"], row["cost_usd"]) for row in rows] == [
        ("2026-10-29T00:00:00.000Z", "key_a", "0.0000007"),
        ("2026-10-30T00:00:00.000Z", "key_b", "0"),
    ]


async def test_calls_as_csv_are_all_of_them_and_no_formulas(office, monkeypatch):
    monkeypatch.setattr(calls, "CHUNK", 1)
    answer = await office.calls(format="csv")
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert [row["id"] for row in rows] == [call(8, 1)["id"], CALL["id"]]
    assert (rows[1]["user"], rows[1]["cost_usd"], rows[1]["tags"]) == ("'=1+1", "0.0000015", '{"team":"x"}')


async def test_parquet_has_decimals(office):
    import pyarrow.parquet

    for answer in (await office.calls(format="parquet"), await office.usage(by="key", format="parquet")):
        assert answer.headers["content-type"] == "application/vnd.apache.parquet"
        rows = pyarrow.parquet.read_table(io.BytesIO(answer.body)).to_pylist()
        assert len(rows) == 2
    assert {row["key"] for row in rows} == {"key_a", "key_b"}


async def test_parquet_without_its_library_is_refused_before_anything_is_sent(office, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for answer in (await office.calls(format="parquet"), await office.usage(format="parquet")):
        assert (answer.status, answer.error["code"]) == (400, "not_installed")


async def test_a_cursor_that_is_none_is_refused_before_a_file_begins(office):
    answer = await office.calls(format="csv", tag="x")
    assert answer.status == 400


async def test_a_file_that_the_database_cuts_never_looks_complete(office, monkeypatch):
    monkeypatch.setattr(calls, "CHUNK", 1)
    messages = []

    async def send(message):
        messages.append(message)
        if message.get("body", b"").startswith(b"id,"):
            async with office.db.write() as connection:
                await connection.execute(text("ALTER TABLE calls RENAME TO hidden"))

    said = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive():
        return said.pop() if said else await asyncio.Event().wait()

    scope = request("GET", "/api/v1/usage/calls", {"authorization": f"Bearer {office._made['viewer']}"})
    query = urlencode(RANGE | {"format": "csv"}).encode()
    with contextlib.suppress(Exception):
        await office._edge.serve(scope | {"query_string": query}, receive, send)
    assert messages[0]["status"] == 200
    assert messages[-1].get("more_body", True), messages[-1]
