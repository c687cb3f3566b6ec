"""Stripe, as far as it is needed: a page to pay on, a charge of a saved card, and who signed an event.

Its library is asked in a thread, as it waits for the network. Shapes and statuses:
https://docs.stripe.com/api/checkout/sessions/create, https://docs.stripe.com/api/payment_intents/object and
https://docs.stripe.com/webhooks (read 2026-11-21); what the library does was read in stripe 16.1.0.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from xroute.config.accounts import StripeSettings
from xroute.errors import ConfigError, InvalidRequest, ProviderUnavailable, XrouteError

if TYPE_CHECKING:
    import stripe

TIMEOUT_S: Final = 20.0
RETRIES: Final = 2  # by the library, with the same idempotency key
TOLERANCE_S: Final = 300  # how old a signed event may be
OURS: Final = "xroute_payment"  # the key of our payment's id in Stripe's metadata

Answer = TypeVar("Answer")


class Declined(XrouteError):
    """The card was refused, or its owner has to agree to the payment."""


class Unclear(XrouteError):
    """Stripe did not answer, so nobody knows whether the card was charged: ask again with the same key."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of Stripe's to pay on."""

    session: str
    url: str


@dataclass(frozen=True, slots=True)
class Intent:
    """One payment at Stripe."""

    id: str
    status: str  # succeeded | processing | requires_action | requires_payment_method | canceled | ...
    cents: int
    currency: str


class StripeApi:
    """One account at Stripe. ConfigError where the library is not installed or events cannot be checked."""

    def __init__(self, settings: StripeSettings) -> None:
        try:
            import stripe  # 0.3 s, and an extra: only where cards are taken
        except ImportError:
            raise ConfigError(
                "needs the library of Stripe: pip install 'xroute[stripe]'", where="stripe"
            ) from None
        self._secret = settings.webhook_secret.reveal().strip()
        if not self._secret:
            raise ConfigError(
                "is missing: without it anybody could forge a payment", where="stripe.webhook_secret"
            )
        self._client = stripe.StripeClient(
            settings.secret_key.reveal(),
            base_addresses={"api": settings.api_base} if settings.api_base else None,
            max_network_retries=RETRIES,
            http_client=stripe.RequestsClient(timeout=TIMEOUT_S),
        )

    def __repr__(self) -> str:
        return "<StripeApi>"

    async def page(
        self, payment: str, cents: int, customer: str, returns: tuple[str, str], *, saves: bool
    ) -> Page:
        """A page to pay so much on; `returns` are where it goes after success and after a change of mind.

        With `saves` the card is kept at Stripe for automatic top-ups. ProviderUnavailable without an answer.
        """
        params: dict[str, Any] = {
            "mode": "payment",
            "client_reference_id": payment,
            "metadata": {OURS: payment},
            "success_url": returns[0],
            "cancel_url": returns[1],
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": "usd",
                        "unit_amount": cents,
                        "product_data": {"name": "Credit"},
                    },
                }
            ],
            "payment_intent_data": {"metadata": {OURS: payment}},
        }
        if saves:
            params["payment_intent_data"]["setup_future_usage"] = "off_session"
        if customer:
            params["customer"] = customer
        elif saves:
            params["customer_creation"] = "always"
        create = self._client.v1.checkout.sessions.create
        try:
            made = await _asked(lambda: create(cast(Any, params), {"idempotency_key": f"{payment}:page"}))
        except (Declined, Unclear) as error:
            raise ProviderUnavailable(
                f"Stripe cannot be used now: {error.message} Nothing was charged; try again.",
                code="payment_unavailable",
            ) from error
        return Page(made.id, made.url or "")

    async def charge(self, payment: str, cents: int, customer: str, method: str) -> Intent:
        """Charges a saved card; a repeated call with one payment charges once. Declined, Unclear."""
        params: dict[str, Any] = {
            "amount": cents,
            "currency": "usd",
            "customer": customer,
            "payment_method": method,
            "confirm": True,
            "off_session": True,
            "metadata": {OURS: payment},
        }
        create = self._client.v1.payment_intents.create
        made = await _asked(lambda: create(cast(Any, params), {"idempotency_key": f"{payment}:charge"}))
        return _intent(made)

    async def intent(self, id_: str) -> Intent:
        """How a payment stands. Declined where Stripe does not know it, Unclear without an answer."""
        return _intent(await _asked(lambda: self._client.v1.payment_intents.retrieve(id_)))

    def event(self, body: bytes, signature: str) -> dict[str, Any]:
        """An event that Stripe has signed lately. InvalidRequest for any other."""
        import stripe  # loaded by then

        try:
            text = body.decode()
            verify = cast("Callable[[str, str, str, int], bool]", stripe.WebhookSignature.verify_header)  # pyright: ignore[reportUnknownMemberType]
            verify(text, signature, self._secret, TOLERANCE_S)
            event = json.loads(text)
        except (stripe.SignatureVerificationError, ValueError) as error:
            raise InvalidRequest(
                "This event is not signed by Stripe with this endpoint's secret, or is too old.",
                code="signature_invalid",
            ) from error
        if not isinstance(event, dict):
            raise InvalidRequest("This is no event.", code="event_invalid")
        return cast("dict[str, Any]", event)


async def _asked(ask: Callable[[], Answer]) -> Answer:
    """Stripe's answer; its library's errors in our words, which never hold what was sent."""
    import stripe

    try:
        return await asyncio.to_thread(ask)
    except stripe.CardError as error:
        raise Declined(error.user_message or "The card was declined.") from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise Declined("Stripe refuses stripe.secret_key.") from error
    except (stripe.InvalidRequestError, stripe.IdempotencyError) as error:
        raise Declined(f"Stripe refuses the request ({error.code or 'invalid_request'}).") from error
    except stripe.StripeError as error:
        raise Unclear(f"Stripe gave no usable answer ({type(error).__name__}).") from error


def _intent(made: "stripe.PaymentIntent") -> Intent:
    return Intent(made.id, made.status, made.amount, made.currency)
