"""What can be done over the management API can be done from the terminal, route by route."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.unit.cli.test_commands import Run, run  # noqa: F401  a fixture

from xroute.web.access import KEY, TABLE
from xroute.web.addresses import Addresses

API = "/api/v1/"
COUNTS = ("calls", "errors", "tokens_in", "tokens_out", "cached", "unpriced", "duration_ms", "ttft_ms")
FIGURES = dict.fromkeys(COUNTS, 1)
AMOUNTS = dict.fromkeys(("usd", "spent_usd", "left_usd", "amount_usd", "cost_usd", "charged_usd"), 0.5)
# One thing that is a key, a member, a budget and all else, so that one answer serves for every question.
THING: dict[str, Any] = {
    **{name: name for name in ("name", "email", "role", "shown", "key", "token", "code", "link", "url")},
    **{"id": "x_1", "slug": "acme", "host": "https://h", "verdict": "ok", "text": "t", "kind": "topup"},
    **{"markup": 1.0, "mailed": False, "scope": "workspace", "subject": "ws_1", "within": None},
    **{"window": "month", "percent": 1.0, "balance_usd": 1.5, "below_usd": 1, "group": None, "tz": "UTC"},
    **{
        "before": None,
        "after": None,
        "actor_name": "anne",
        "actor_kind": "cli",
        "grants": [],
        "attempts": [],
    },
    **{"since": "2026-11-01T00:00:00Z", "until": "2026-11-02T00:00:00Z", "start": "2026-11-01T00:00:00Z"},
    **{"groups": [], "movements": [], "usage": [], "voucher": "v"},
    **{"totals": FIGURES | AMOUNTS},
    **FIGURES,
    **AMOUNTS,
}
ANSWER = json.dumps(THING | {"data": [THING], "next": None}).encode()

# command -> what it asks, beside looking up a name
COMMANDS: dict[str, str] = {
    "keys list": "GET /api/v1/keys",
    "keys create ci": "POST /api/v1/keys",
    "keys show key_1": "GET /api/v1/keys/{id}",
    "keys update key_1 --name b": "PATCH /api/v1/keys/{id}",
    "keys revoke key_1": "DELETE /api/v1/keys/{id}",
    "keys rotate key_1": "POST /api/v1/keys/{id}/rotate",
    "keys disable key_1": "POST /api/v1/keys/{id}/disable",
    "keys enable key_1": "POST /api/v1/keys/{id}/enable",
    "projects list": "GET /api/v1/projects",
    "projects create web": "POST /api/v1/projects",
    "projects show prj_1": "GET /api/v1/projects/{id}",
    "projects update prj_1 --name b": "PATCH /api/v1/projects/{id}",
    "projects archive prj_1": "POST /api/v1/projects/{id}/archive",
    "projects restore prj_1": "POST /api/v1/projects/{id}/restore",
    "workspaces list": "GET /api/v1/workspaces",
    "workspaces create acme --plan prepaid": "POST /api/v1/workspaces",
    "workspaces show acme": "GET /api/v1/workspaces/{id}",
    "workspaces update acme --markup 1.1": "PATCH /api/v1/workspaces/{id}",
    "workspaces close acme": "POST /api/v1/workspaces/{id}/close",
    "workspaces open acme": "POST /api/v1/workspaces/{id}/open",
    "members list": "GET /api/v1/members",
    "members show mem_1": "GET /api/v1/members/{id}",
    "members role mem_1 admin": "PATCH /api/v1/members/{id}",
    "members remove mem_1": "DELETE /api/v1/members/{id}",
    "members reset mem_1": "POST /api/v1/members/{id}/reset",
    "members invitations": "GET /api/v1/invitations",
    "members invite a@b.c": "POST /api/v1/invitations",
    "members uninvite inv_1": "DELETE /api/v1/invitations/{id}",
    "users list": "GET /api/v1/installation/users",
    "users show usr_1": "GET /api/v1/installation/users/{id}",
    "users update usr_1 --disable": "PATCH /api/v1/installation/users/{id}",
    "users reset usr_1": "POST /api/v1/installation/users/{id}/reset",
    "tokens list": "GET /api/v1/tokens",
    "tokens create --role owner --days 3": "POST /api/v1/tokens",
    "tokens revoke tok_1": "DELETE /api/v1/tokens/{id}",
    "tokens list --installation": "GET /api/v1/installation/tokens",
    "tokens create --role operator": "POST /api/v1/installation/tokens",
    "tokens revoke tok_1 --installation": "DELETE /api/v1/installation/tokens/{id}",
    "limits list": "GET /api/v1/limits",
    "limits set --rpm 5": "POST /api/v1/limits",
    "limits show lim_1": "GET /api/v1/limits/{id}",
    "limits set --id lim_1 --rpm 5": "PATCH /api/v1/limits/{id}",
    "limits remove lim_1": "DELETE /api/v1/limits/{id}",
    "budgets list": "GET /api/v1/budgets",
    "budgets set 5": "POST /api/v1/budgets",
    "budgets show bud_1": "GET /api/v1/budgets/{id}",
    "budgets set 5 --id bud_1": "PATCH /api/v1/budgets/{id}",
    "budgets remove bud_1": "DELETE /api/v1/budgets/{id}",
    "credentials list": "GET /api/v1/credentials",
    "credentials add openai a": "POST /api/v1/credentials",
    "credentials show cred_1": "GET /api/v1/credentials/{id}",
    "credentials update cred_1 --disable": "PATCH /api/v1/credentials/{id}",
    "credentials remove cred_1": "DELETE /api/v1/credentials/{id}",
    "credentials confirm cred_1 https://h": "POST /api/v1/credentials/{id}/confirm",
    "credentials test cred_1": "POST /api/v1/credentials/{id}/test",
    "credentials list --installation": "GET /api/v1/installation/credentials",
    "credentials add openai a --installation": "POST /api/v1/installation/credentials",
    "credentials show cred_1 --installation": "GET /api/v1/installation/credentials/{id}",
    "credentials update cred_1 --secret --installation": "PATCH /api/v1/installation/credentials/{id}",
    "credentials remove cred_1 --installation": "DELETE /api/v1/installation/credentials/{id}",
    "credentials confirm cred_1 h --installation": "POST /api/v1/installation/credentials/{id}/confirm",
    "credentials test cred_1 --installation": "POST /api/v1/installation/credentials/{id}/test",
    "credits entries": "GET /api/v1/ledger",
    "credits show": "GET /api/v1/credits",
    "credits topup 5": "POST /api/v1/credits/topup",
    "credits grant 5 --expires 9d": "POST /api/v1/credits/grant",
    "credits adjust -- -5": "POST /api/v1/credits/adjust",
    "credits refund req-1": "POST /api/v1/credits/refund",
    "credits voucher list": "GET /api/v1/vouchers",
    "credits voucher create 5": "POST /api/v1/vouchers",
    "credits voucher revoke vch_1": "DELETE /api/v1/vouchers/{id}",
    "credits voucher redeem abc": "POST /api/v1/vouchers/redeem",
    "credits checkout 5": "POST /api/v1/billing/checkout",
    "credits payments": "GET /api/v1/billing/payments",
    "credits auto": "GET /api/v1/billing/topup",
    "credits auto --below-usd 1 --usd 5": "PUT /api/v1/billing/topup",
    "credits auto --off": "DELETE /api/v1/billing/topup",
    "credits low 5": "PUT /api/v1/billing/low-balance",
    "invoices": "GET /api/v1/invoices",
    "invoices 2026-11": "GET /api/v1/invoices/{month}",
    "alerts --unseen": "GET /api/v1/alerts",
    "alerts seen 1": "POST /api/v1/alerts/{id}/seen",
    "audit": "GET /api/v1/audit",
    "audit --installation": "GET /api/v1/installation/audit",
    "usage --by model": "GET /api/v1/usage",
    "usage calls": "GET /api/v1/usage/calls",
    "usage call req-1": "GET /api/v1/usage/calls/{id}",
    "usage body req-1": "GET /api/v1/usage/calls/{id}/body",
}
# What nobody wants from a terminal, and why.
ELSEWHERE = {
    "/api/v1/signup": "people sign up in a browser",
    "/api/v1/auth/": "people sign in in a browser, and get a cookie there",
    "/api/v1/me": "who has signed in, of which a terminal has nobody: it acts by a token, or as an operator",
    "/api/v1/stripe/webhook": "Stripe calls it, and signs",
}


def wanted() -> set[str]:
    """Every route that a person at a terminal may want."""
    managed = [line for line, access in TABLE.items() if f" {API}" in line and access is not KEY]
    return {line for line in managed if not line.split(" ")[1].startswith(tuple(ELSEWHERE))}


class Listener(BaseHTTPRequestHandler):
    """Answers everything alike, and remembers what it was asked."""

    asked: list[tuple[str, str, bytes]]

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.asked.append((self.command, self.path, body))
        self.send_response(200)
        self.send_header("content-length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, run: Run) -> Iterator[list[tuple[str, str, bytes]]]:  # noqa: F811
    """What a server was asked, which the commands find by their variables."""
    handler = type("Remembering", (Listener,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("XROUTE_URL", f"http://127.0.0.1:{server.server_address[1]}/v1")
    monkeypatch.setenv("XROUTE_TOKEN", "xrt-1")
    yield handler.asked
    server.shutdown()
    thread.join()
    server.server_close()


def routed(asked: list[tuple[str, str, bytes]]) -> list[str]:
    """The lines of the table that these requests are."""
    addresses = Addresses[str]()
    for line in TABLE:
        addresses.add(*line.split(" "), line)
    return [addresses.find(path.partition("?")[0])[0][method] for method, path, _ in asked]


@pytest.mark.parametrize(("command", "line"), COMMANDS.items())
def test_a_command_asks_its_route_and_shows_the_answer(run, asked, command, line):  # noqa: F811
    result = run(*command.split(), input="sk-secret\n")
    assert result.exit_code == 0, (result.output, result.exception)
    assert line in routed(asked)
    assert result.output


@pytest.mark.parametrize(
    "command", [word for word in COMMANDS if word.startswith(("keys", "usage", "credits"))]
)
def test_with_json_a_command_prints_the_answer_and_nothing_else(run, asked, command):  # noqa: F811
    first, dashes, rest = command.partition(" -- ")
    result = run(*f"{first} --json{dashes}{rest}".split())
    assert result.exit_code == 0, result.output
    json.loads(result.stdout)
    assert result.stderr == ""


def test_every_route_has_a_command_or_a_reason():
    assert wanted() - set(COMMANDS.values()) == set()
    assert set(COMMANDS.values()) - set(TABLE) == set()


def test_no_reason_is_for_a_route_that_is_gone():
    managed = [line.split(" ")[1] for line in TABLE]
    assert [path for path in ELSEWHERE if not any(each.startswith(path) for each in managed)] == []


def test_what_is_named_is_looked_up_and_then_meant_by_its_id(run, asked):  # noqa: F811
    run("keys", "revoke", "name")
    assert [(method, path.partition("?")[0]) for method, path, _ in asked] == [
        ("GET", "/api/v1/keys"),
        ("DELETE", "/api/v1/keys/x_1"),
    ]


@pytest.mark.parametrize(
    ("command", "body"),
    [
        (
            "keys create ci --project p --model a/* --model b --rpm 5 --budget-usd 0.000000001 --label x=y",
            {
                **{"name": "ci", "project": "p", "models": ["a/*", "b"], "labels": {"x": "y"}},
                **{"limits": [{"rpm": 5}], "budget": {"usd": "0.000000001", "window": "month"}},
            },
        ),
        ("keys update key_1 --clear models --clear expires", {"models": [], "expires": None}),
        ("budgets set 1e3 --user * --key key_1 --soft --alert 50", {
            **{"scope": "user", "subject": "*", "within": "key_1"},
            **{"usd": "1000", "hard": False, "alerts": [50]},
        }),
        ("limits set --id lim_1 --lift rpm --max-call-usd $0.5", {"rpm": None, "max_call_usd": "0.5"}),
        ("credits auto --below-usd 1 --usd 5", {"below_usd": "1", "amount_usd": "5", "per_day": 3}),
        ("credits low never", {"below_usd": None}),
        ("users update usr_1 --operator --enable", {"operator": True, "disabled": False}),
        ("credentials add openai a --weight 0", {
            "provider": "openai", "name": "a", "secret": "sk-secret", "weight": 0.0,
        }),
    ],
)  # fmt: skip
def test_a_body_has_what_was_said_and_nothing_else(run, asked, command, body):  # noqa: F811
    result = run(*command.split(), input="sk-secret\n")
    assert result.exit_code == 0, result.output
    assert json.loads(asked[0][2]) == body


def test_words_of_the_user_are_quoted_in_an_address(run, asked):  # noqa: F811
    run("workspaces", "show", "a b?x=1#ü")
    assert asked[0][1] == "/api/v1/workspaces/a%20b%3Fx%3D1%23%C3%BC"
