"""Everything about money beside calls, put together: what the API works with, and what is done each round."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from xroute.config.settings import Settings
from xroute.money.nano import from_dollars
from xroute.store.db import AWAY, Database, now_ms, why
from xroute.store.invoices import Invoices
from xroute.store.ledger import Ledger
from xroute.store.notices import Mail, Notices
from xroute.store.payments import Payments
from xroute.store.stripe_api import StripeApi
from xroute.store.topups import TopUps
from xroute.store.vouchers import Vouchers

log = logging.getLogger("xroute.store")

EVERY_S: Final = 10.0  # a round


@dataclass(slots=True)
class Billing:
    """The services about money. `payments` and `topups` are None where no Stripe is set up."""

    ledger: Ledger
    vouchers: Vouchers
    invoices: Invoices
    notices: Notices
    payments: Payments | None = None
    topups: TopUps | None = None

    async def look(self) -> None:
        """One round: credit that ended, automatic top-ups, mails of new alerts. It waits for a database."""
        try:
            await self.ledger.expire_due()
            if self.topups is not None:
                await self.topups.look()
            await self.notices.tell()
        except AWAY as error:
            log.warning("top-ups and alerts wait for the database: %s", why(error))


def assemble(
    db: Database,
    ledger: Ledger,
    secret: bytes,
    settings: Settings,
    mail: Mail | None = None,
    now: Callable[[], int] = now_ms,
) -> Billing:
    """The services; `secret` is the pepper of codes. ConfigError for a Stripe that cannot be used."""
    made = Billing(
        ledger=ledger,
        vouchers=Vouchers(db, ledger, secret, now),
        invoices=Invoices(db, now),
        notices=Notices(db, mail),
    )
    if settings.stripe is not None:
        api = StripeApi(settings.stripe)
        least = from_dollars(settings.stripe.min_usd)
        made.payments = Payments(db, ledger, api, least, now)
        made.topups = TopUps(db, made.payments, api, least, now)
    return made
