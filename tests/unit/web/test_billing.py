"""Money over the management API: who may do what, what counts once, and what another workspace sees of it."""

from collections.abc import Iterator
from urllib.parse import urlencode

import orjson
import pytest
from sqlalchemy import insert, select
from tests.fixtures.stripe import SECRET, FakeStripe, event, serving
from tests.unit.web.dialogue import ask

from xroute.config.settings import Settings
from xroute.store import billing, tables
from xroute.store.apply import Outcome
from xroute.store.audit import SYSTEM
from xroute.store.ledger import Ledger
from xroute.store.notices import raise_alert
from xroute.store.people import People
from xroute.store.sessions import Sessions
from xroute.store.statements import run
from xroute.store.tokens import Tokens
from xroute.web.access import TABLE
from xroute.web.api.app import create_api
from xroute.web.api.services import Services
from xroute.web.auth import Keyring
from xroute.web.bridge import Bridge
from xroute.web.edge import Edge, Management
from xroute.web.peer import Peers
from xroute.web.reception import Reception
from xroute.wire.record import Record

ROLES = ("owner", "admin", "developer", "viewer", "billing")


class Nobody:
    """No client's key is known here."""

    def find(self, digest: bytes) -> None:
        return None


class Office:
    """The management API with its real reception, and a token for each role."""

    def __init__(self, db, api, tokens, settings) -> None:
        self.db, self._tokens = db, tokens
        services = api.state.services = object.__new__(Services)  # with those parts that the routes work with
        services.db, services.settings = db, settings
        services.billing = self.billing = billing.assemble(db, Ledger(db), b"pepper", settings)
        sessions = Sessions(db, b"pepper", 1)
        reception = Reception(People(db, sessions), sessions, Tokens(db, b"pepper"), Peers())
        bridge = Bridge(lambda: api, 1024 * 1024)
        self._edge = Edge([], Keyring(b"pepper", Nobody()), Management(bridge.handle, reception))

    async def ask(self, who: str | None, method: str, path: str, body=None, **headers: str):
        path, _, query = path.partition("?")
        sent = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        headers = {"content_type": "application/json"} | headers
        if who == "operator":
            headers.setdefault("x_xroute_workspace", "ws_a")

        async def serve(scope, receive, send):
            await self._edge.serve(scope | {"query_string": query.encode()}, receive, send)

        key = {"key": self._tokens[who]} if who else {"key": None}
        return await ask(serve, method, f"/api/v1{path}", sent, **key, **headers)

    async def get(self, who: str, path: str, **query):
        return await self.ask(who, "GET", f"{path}?{urlencode(query)}")

    async def balance(self, who: str = "viewer") -> float:
        return (await self.get(who, "/credits")).json["balance_usd"]


@pytest.fixture(scope="module")
def stripe() -> Iterator[FakeStripe]:
    with serving() as fake:
        yield fake


@pytest.fixture(scope="module")
def api(app):
    return create_api(app.scene.fleet, lambda: 0.0)


@pytest.fixture
async def office(api, database, stripe):
    async with database.write() as connection:
        for id_ in ("ws_main", "ws_a", "ws_b"):
            row = {"id": id_, "name": id_, "slug": id_, "plan": "prepaid", "created": 1}
            await connection.execute(insert(tables.workspaces).values(**row))
    tokens, made = Tokens(database, b"pepper"), {}
    for role in ROLES:
        made[role] = (await tokens.create(SYSTEM, role, role, "ws_a"))[1]
    made["operator"] = (await tokens.create(SYSTEM, "operator", "operator", None))[1]
    made["other"] = (await tokens.create(SYSTEM, "other", "owner", "ws_b"))[1]
    given = {"secret_key": "sk_test_1", "webhook_secret": SECRET, "api_base": stripe.url}
    return Office(
        database, api, made, Settings.model_validate({"stripe": given, "public_url": "https://x.y"})
    )


async def used(office: Office, call: str, nano: int) -> None:
    """A call that was charged."""
    done = Outcome()
    done.settled.append(Record(call, 1_795_000_000_000, workspace="ws_a", charged_nano=nano))
    done.postings.settle(done.settled[0], 0, False)
    await run(office.db, done.write(1_795_000_000_000))


async def test_an_operator_puts_money_in_and_everybody_sees_it(office):
    answer = await office.ask(
        "operator", "POST", "/credits/topup", {"amount_usd": "12.000000001", "note": "bank"}
    )
    assert answer.status == 201
    entry = answer.json
    assert (
        entry["kind"],
        entry["debit"],
        entry["credit"],
        entry["amount_usd"],
        entry["by"],
        entry["note"],
    ) == (
        *("topup", "funding", "credit"),
        *(12.000000001, "operator", "bank"),
    )
    assert await office.balance() == 12.000000001
    assert [each["id"] for each in (await office.get("billing", "/ledger")).json["data"]] == [entry["id"]]
    assert await office.balance("other") == 0
    assert (await office.get("other", "/ledger")).json == {"data": [], "next": None}


@pytest.mark.parametrize("path", ["/credits/topup", "/credits/grant", "/credits/adjust"])
async def test_a_repeated_request_with_its_idempotency_key_counts_once(office, path: str):
    first, again = [
        await office.ask("operator", "POST", path, {"amount_usd": 5}, idempotency_key="k1") for _ in range(2)
    ]
    assert (first.status, again.status, first.json) == (201, 201, again.json)
    assert await office.balance() == 5
    other = await office.ask("operator", "POST", path, {"amount_usd": 6}, idempotency_key="k1")
    assert (other.status, other.error["code"]) == (409, "reference_used")
    await office.ask("operator", "POST", path, {"amount_usd": 5}, idempotency_key="k2")
    await office.ask("operator", "POST", path, {"amount_usd": 5})
    assert await office.balance() == 15


async def test_a_grant_that_ends_is_shown_with_its_end(office):
    body = {"amount_usd": 3, "expires": "2099-01-01T00:00:00Z", "note": "welcome"}
    assert (await office.ask("operator", "POST", "/credits/grant", body)).status == 201
    found = (await office.get("viewer", "/credits")).json
    (grant,) = found["grants"]
    assert (grant["left_usd"], grant["expires"], grant["note"]) == (3, "2099-01-01T00:00:00Z", "welcome")
    assert (found["plan"], found["held_usd"], found["funded_usd"]) == ("prepaid", 0, 3)


async def test_a_correction_may_be_negative(office):
    assert (await office.ask("operator", "POST", "/credits/adjust", {"amount_usd": -2.5})).status == 201
    assert await office.balance() == -2.5


async def test_a_call_is_refunded_once_and_never_beyond_what_it_cost(office):
    await used(office, "req-1", 2_000_000_000)
    part = await office.ask("operator", "POST", "/credits/refund", {"call": "req-1", "amount_usd": 0.5})
    rest = await office.ask("operator", "POST", "/credits/refund", {"call": "req-1"})
    more = await office.ask("operator", "POST", "/credits/refund", {"call": "req-1"})
    none = await office.ask("operator", "POST", "/credits/refund", {"call": "req-9"})
    assert [part.status, rest.status, more.status, none.status] == [201, 201, 409, 404]
    assert (part.json["amount_usd"], rest.json["amount_usd"]) == (0.5, 1.5)
    assert await office.balance() == 0
    found = (await office.get("owner", "/ledger", call="req-1", kind="refund")).json["data"]
    assert [entry["amount_usd"] for entry in found] == [1.5, 0.5]


async def test_the_ledger_is_paged_and_filtered(office):
    for number in range(5):
        await office.ask("operator", "POST", "/credits/topup", {"amount_usd": number + 1})
    await office.ask("operator", "POST", "/credits/adjust", {"amount_usd": -1})
    seen, cursor = [], {}
    while cursor is not None:
        found = (await office.get("owner", "/ledger", limit=2, kind="topup", **cursor)).json
        seen += [entry["amount_usd"] for entry in found["data"]]
        cursor = {"cursor": found["next"]} if found["next"] else None
    assert seen == [5, 4, 3, 2, 1]
    assert (await office.get("owner", "/ledger", kind="loan")).status == 400
    assert (await office.get("owner", "/ledger", cursor="nonsense")).status == 400


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/credits/topup", {"amount_usd": 0}, "amount_usd"),
        ("/credits/topup", {"amount_usd": -1}, "amount_usd"),
        ("/credits/topup", {"amount_usd": "0.0000000001"}, "amount_usd"),
        ("/credits/topup", {"amount_usd": "NaN"}, "amount_usd"),
        ("/credits/topup", {"amount_usd": "1_000"}, "amount_usd"),
        ("/credits/adjust", {"amount_usd": "\u0661"}, "amount_usd"),
        ("/credits/topup", {"amount_usd": 1, "workspace": "ws_b"}, "workspace"),
        ("/credits/topup", {}, "amount_usd"),
        ("/credits/adjust", {"amount_usd": 0}, "amount_usd"),
        ("/credits/grant", {"amount_usd": 1, "expires": "2020-01-01T00:00:00Z"}, "expires"),
        ("/vouchers", {"amount_usd": 1, "uses": 0}, "uses"),
        ("/vouchers", {"amount_usd": 1, "uses": True}, "uses"),
        ("/vouchers", {"amount_usd": 1, "credit_days": "5"}, "credit_days"),
        ("/billing/checkout", {"amount_usd": 1}, "amount_usd"),
    ],
)
async def test_what_cannot_be_is_a_400_that_names_the_field(office, path: str, body, param: str):
    answer = await office.ask("operator", "POST", path, body)
    assert (answer.status, answer.error["param"]) == (400, param)


async def test_a_voucher_is_made_by_an_operator_and_redeemed_by_who_pays(office):
    made = (await office.ask("operator", "POST", "/vouchers", {"amount_usd": 5, "uses": 2})).json
    assert made["code"].startswith(made["shown"])
    (listed,) = (await office.get("operator", "/vouchers")).json["data"]
    assert "code" not in listed
    answer = await office.ask("billing", "POST", "/vouchers/redeem", {"code": made["code"]})
    assert (answer.status, answer.json["amount_usd"]) == (201, 5)
    assert (await office.ask("owner", "POST", "/vouchers/redeem", {"code": made["code"]})).status == 409
    assert (await office.ask("other", "POST", "/vouchers/redeem", {"code": made["code"]})).status == 201
    assert (await office.ask("owner", "POST", "/vouchers/redeem", {"code": "xrv-none"})).status == 404
    assert (await office.balance(), await office.balance("other")) == (5, 5)
    revoked = await office.ask("operator", "DELETE", f"/vouchers/{made['id']}")
    assert (revoked.status, revoked.json["uses"]) == (200, 0)


async def test_paying_by_card_from_the_page_to_the_credit(office, stripe):
    page = (await office.ask("owner", "POST", "/billing/checkout", {"amount_usd": 20})).json
    assert page["url"].startswith("https://checkout.stripe.com/")
    found = {"object": "checkout.session", "client_reference_id": page["id"], "payment_status": "paid"}
    found |= {"amount_total": 2000, "currency": "usd", "payment_intent": "pi_1"}
    body, signature = stripe.signed(event("checkout.session.completed", found, "evt_1"))
    for expected in ("applied", "repeated"):
        answer = await office.ask(None, "POST", "/stripe/webhook", body, stripe_signature=signature)
        assert (answer.status, answer.json) == (200, {"result": expected})
    assert await office.balance() == 20
    (payment,) = (await office.get("billing", "/billing/payments")).json["data"]
    assert (payment["id"], payment["state"], payment["amount_usd"]) == (page["id"], "paid", 20)
    assert (await office.get("other", "/billing/payments")).json["data"] == []


async def test_an_event_that_nobody_signed_is_refused_without_a_word_more(office, stripe):
    body, _ = stripe.signed(event("checkout.session.completed", {"object": "x"}, "evt_2"))
    for headers in ({}, {"stripe_signature": "t=1,v1=ab"}):
        answer = await office.ask(None, "POST", "/stripe/webhook", body, **headers)
        assert (answer.status, answer.error["code"]) == (400, "signature_invalid")


async def test_a_top_up_rule_needs_a_saved_card(office):
    body = {"below_usd": 1, "amount_usd": 20}
    assert (await office.ask("owner", "PUT", "/billing/topup", body)).error["code"] == "card_missing"
    assert (await office.get("owner", "/billing/topup")).json == {
        "below_usd": None,
        "amount_usd": None,
        "per_day": 3,
        "has_card": False,
    }
    async with office.db.write() as connection:
        rule = {"customer": "cus_secret", "method": "pm_secret"}
        await connection.execute(tables.workspaces.update().values(topup=rule))
    answer = await office.ask("owner", "PUT", "/billing/topup", body)
    assert (answer.status, answer.json["below_usd"], answer.json["has_card"]) == (200, 1, True)
    assert b"secret" not in answer.body
    assert (await office.ask("owner", "DELETE", "/billing/topup")).json["has_card"] is False
    async with office.db.read() as connection:
        log = str((await connection.execute(select(tables.audit))).all())
    assert "pm_secret" not in log


async def test_an_invoice_comes_in_three_forms(office):
    await office.ask("operator", "POST", "/credits/topup", {"amount_usd": 20, "note": "bank"})
    ((month,),) = [each.values() for each in (await office.get("owner", "/invoices")).json["data"]]
    plain = await office.get("owner", f"/invoices/{month}")
    assert (plain.json["closing_usd"], plain.json["movements"][0]["note"]) == (20, "bank")
    text = await office.get("billing", f"/invoices/{month}", format="csv")
    assert "Closing balance,,,,,,20" in text.body.decode()
    assert text.headers["content-disposition"] == f'attachment; filename="invoice-ws_a-{month}.csv"'
    printed = await office.get("owner", f"/invoices/{month}", format="pdf")
    assert (printed.headers["content-type"], printed.body[:5]) == ("application/pdf", b"%PDF-")
    assert (await office.get("owner", f"/invoices/{month}", format="docx")).status == 400
    assert (await office.get("owner", "/invoices/2020-13")).status == 400
    assert (await office.get("owner", "/invoices/2199-01")).status == 404


async def test_alerts_are_listed_and_marked_as_seen(office):
    async with office.db.write() as connection:
        for number in range(3):
            await raise_alert(connection, "ws_a", "topup", f"r{number}", f"text {number}")
    first = (await office.get("viewer", "/alerts", limit=2)).json
    assert [each["text"] for each in first["data"]] == ["text 2", "text 1"]
    rest = (await office.get("viewer", "/alerts", limit=2, cursor=first["next"])).json
    assert ([each["text"] for each in rest["data"]], rest["next"]) == (["text 0"], None)
    id_ = first["data"][0]["id"]
    seen = await office.ask("admin", "POST", f"/alerts/{id_}/seen")
    assert (seen.status, seen.json["id"]) == (200, id_)
    assert seen.json["seen"] is not None
    assert len((await office.get("viewer", "/alerts", unseen="true")).json["data"]) == 2


async def test_a_low_balance_is_told_once_until_money_comes_in(office):
    assert (await office.ask("billing", "PUT", "/billing/low-balance", {"below_usd": 3})).json == {
        "below_usd": 3
    }
    assert (await office.get("viewer", "/credits")).json["low_usd"] == 3
    await office.ask("operator", "POST", "/credits/topup", {"amount_usd": 4})
    texts = []
    for number, topup in enumerate((0, 0, 4)):
        if topup:
            await office.ask("operator", "POST", "/credits/topup", {"amount_usd": topup})
        await used(office, f"req-{number}", 2_000_000_000)
        texts.append(len((await office.get("viewer", "/alerts")).json["data"]))
    assert texts == [1, 1, 2]
    (alert, _) = (await office.get("viewer", "/alerts")).json["data"]
    assert (alert["kind"], alert["text"]) == ("low_balance", "The credit of workspace ws_a is $2, below $3")
    await office.ask("owner", "PUT", "/billing/low-balance", {"below_usd": None})
    assert (await office.get("viewer", "/credits")).json["low_usd"] is None


async def test_another_workspaces_things_are_not_there(office):
    async with office.db.write() as connection:
        await raise_alert(connection, "ws_a", "topup", "r", "text")
    (alert,) = (await office.get("owner", "/alerts")).json["data"]
    theirs = await office.ask("other", "POST", f"/alerts/{alert['id']}/seen")
    none = await office.ask("other", "POST", "/alerts/999999/seen")
    assert theirs.status == none.status == 404
    assert theirs.error["message"] == none.error["message"]


SUBJECTS = {"ledger", "credits", "vouchers", "billing", "invoices", "alerts"}
LINES = [line for line in TABLE if line.partition("/api/v1/")[2].split("/")[0] in SUBJECTS]


@pytest.mark.parametrize("line", LINES)
async def test_each_role_gets_what_the_table_says(office, line: str):
    method, path = line.split()
    path = path.removeprefix("/api/v1").replace("{month}", "2026-01").replace("{id}", "1")
    for role in ROLES:
        status = (await office.ask(role, method, path, {} if method in ("POST", "PUT") else None)).status
        assert (status == 403) == (role not in TABLE[line]), (role, status)
    assert (await office.ask(None, method, path)).status == 401


async def test_without_stripe_its_routes_say_that_it_is_not_set_up(office):
    office.billing.payments = office.billing.topups = None
    answer = await office.ask("owner", "POST", "/billing/checkout", {"amount_usd": 20})
    assert (answer.status, answer.error["code"]) == (404, "payments_off")
    assert (await office.ask(None, "POST", "/stripe/webhook", b"{}")).status == 404
