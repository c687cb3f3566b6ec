"""Paying by card against localstripe, which speaks Stripe's API and signs its events as Stripe does.

It has payment intents, saved cards and events, and no pages to pay on (Checkout), so what those do is in
tests/unit/store/test_payments.py. It needs aiohttp, so it has an environment of its own: `make localstripe`.
"""

import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from tests.e2e.servers import Server, gateway, serving
from tests.ports import free_port

pytest.importorskip("stripe", reason="the library of Stripe is not installed")

SECRET = "whsec_of_this_test"
WAIT_S = 30.0  # a round of automatic top-ups is every 10 s, and localstripe waits a second before each event
LISTEN = "from aiohttp import web; from localstripe.server import app; import sys; "
LISTEN += "web.run_app(app, host='127.0.0.1', port=int(sys.argv[1]))"


@dataclass
class Shop:
    """xroute and localstripe, which know each other."""

    server: Server
    stripe: Any  # a client of Stripe's library
    database: Path

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        request = Request(f"{self.server.origin}/api/v1{path}", method=method)
        request.add_header("authorization", "Bearer admin-of-this-test")
        request.add_header("x-xroute-workspace", "acme")
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            request.add_header("content-type", "application/json")
        try:
            with urlopen(request, data, timeout=20) as answer:
                return json.load(answer)
        except HTTPError as error:
            return json.load(error)

    def card(self, number: str) -> dict[str, str]:
        """A saved card, by Stripe's ids."""
        customer = self.stripe.v1.customers.create({"email": "a@example.com"})
        details = {"number": number, "exp_month": 12, "exp_year": 2039, "cvc": "123"}
        method = self.stripe.v1.payment_methods.create({"type": "card", "card": details})
        self.stripe.v1.payment_methods.attach(method.id, {"customer": customer.id})
        return {"customer": customer.id, "method": method.id}

    def save(self, card: dict[str, str]) -> None:
        """What the event of a page with a saved card leaves behind."""
        with sqlite3.connect(self.database, timeout=10) as connection:
            connection.execute("UPDATE workspaces SET topup = ? WHERE slug = 'acme'", (json.dumps(card),))

    def balance(self) -> float:
        return self.ask("GET", "/credits")["balance_usd"]

    def until(self, is_done: Any, path: str) -> Any:
        end = time.monotonic() + WAIT_S
        while not is_done(found := self.ask("GET", path)):
            assert time.monotonic() < end, f"{found}\n{self.server.log.read_text()[-4000:]}"
            time.sleep(0.1)
        return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    import stripe

    found = shutil.which("localstripe")
    if found is None:
        pytest.skip("localstripe is not on the PATH: make localstripe")
    folder, port = tmp_path_factory.mktemp("shop"), free_port()
    python = Path(found).resolve().parent / "python"
    with serving([str(python), "-c", LISTEN, str(port)], port, folder / "stripe") as local:
        config = {
            "admin_token": "admin-of-this-test",
            "workspaces": [{"slug": "acme", "plan": "prepaid"}],
            "stripe": {"secret_key": "sk_test_1", "webhook_secret": SECRET, "api_base": local.origin},
        }
        with gateway(folder / "xroute", config) as server:
            hook = {"url": f"{server.origin}/api/v1/stripe/webhook", "secret": SECRET}
            request = Request(f"{local.origin}/_config/webhooks/x", json.dumps(hook).encode())
            request.add_header("content-type", "application/json")
            urlopen(request, timeout=10).close()
            client = stripe.StripeClient("sk_test_1", base_addresses={"api": local.origin})
            yield Shop(server, client, folder / "xroute" / "xroute.sqlite3")


def test_a_signed_event_of_a_paid_intent_becomes_credit_once(shop: Shop):
    refused = shop.ask("POST", "/billing/checkout", {"amount_usd": 20})  # localstripe has no such pages
    assert refused["error"]["code"] == "payment_unavailable"
    payment = shop.ask("GET", "/billing/payments")["data"][0]
    before = shop.balance()
    card = shop.card("4242424242424242")
    shop.stripe.v1.payment_intents.create(
        {
            "amount": 2000,
            "currency": "usd",
            "customer": card["customer"],
            "payment_method": card["method"],
            "confirm": True,
            "metadata": {"xroute_payment": payment["id"]},
        }
    )
    shop.until(lambda found: found["balance_usd"] == before + 20, "/credits")
    entry = shop.ask("GET", "/ledger")["data"][0]
    assert (entry["kind"], entry["amount_usd"], entry["by"]) == ("topup", 20, "xroute")


def test_an_automatic_top_up_charges_the_saved_card_once(shop: Shop):
    shop.save(shop.card("4242424242424242"))
    before = shop.balance()
    rule = {"below_usd": before + 1, "amount_usd": 100}
    assert shop.ask("PUT", "/billing/topup", rule)["has_card"] is True
    shop.until(lambda found: found["balance_usd"] == before + 100, "/credits")
    time.sleep(2)  # localstripe sends its event a second after the charge
    assert shop.balance() == before + 100
    automatic = [each for each in shop.ask("GET", "/billing/payments")["data"] if each["automatic"]]
    assert [each["state"] for each in automatic] == ["paid"]


def test_a_card_that_is_declined_is_told_by_an_alert(shop: Shop):
    shop.save(shop.card("4000000000000341"))  # can be saved, and not charged
    before = shop.balance()
    shop.ask("PUT", "/billing/topup", {"below_usd": before + 1, "amount_usd": 100})
    (alert,) = shop.until(lambda found: found["data"], "/alerts")["data"]
    assert alert["kind"] == "topup"
    assert alert["text"].startswith("The automatic top-up of $100 failed: ")
    assert shop.balance() == before
