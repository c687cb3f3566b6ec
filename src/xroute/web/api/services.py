"""The parts behind the management API; each is made once, in `web.start`, which does without FastAPI."""

from dataclasses import dataclass, field

from xroute.config.settings import Settings
from xroute.gateway.byok import Byok
from xroute.store.billing import Billing
from xroute.store.bodies import Bodies
from xroute.store.db import Database
from xroute.web.persons import Persons
from xroute.web.tenancy import Tenancy


@dataclass(slots=True)
class Services:
    """What routes of the management API work with."""

    settings: Settings
    db: Database
    persons: Persons
    byok: Byok = field(init=False)  # credentials at providers
    bodies: Bodies | None = None  # requests and answers, where they are kept
    billing: Billing = field(init=False)  # ledger, vouchers, payments, invoices, alerts
    tenancy: Tenancy = field(init=False)  # workspaces, projects, keys, limits, budgets
