"""Shapes of limits and budgets, alone and within a key or project."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from xroute.config.accounts import Window, Zone
from xroute.limits.rules import gate_key
from xroute.store import purse, terms
from xroute.store.bounds import EACH, Row
from xroute.store.db import now_ms
from xroute.web.api.shapes import Body, Name, Text, Usd, from_usd, moment, usd
from xroute.web.tenancy import Tenancy

Scope = Literal["workspace", "project", "member", "key", "user"]
Figure = Annotated[int, Field(ge=1, le=10**15, strict=True)]
Percent = Annotated[int, Field(ge=1, le=1000, strict=True)]
RATES = ("rpm", "tpm", "tpm_in", "tpm_out", "rpd", "tpd", "concurrency")


def _pattern(text: str) -> str:
    try:
        return terms.pattern("model", text) if text else ""
    except terms.Wrong as wrong:
        raise ValueError(wrong.text) from None


Pattern = Annotated[Text, AfterValidator(_pattern)]


class LimitFields(Body):
    """How much may be asked for. What is null is not limited."""

    rpm: Figure | None = Field(default=None, description="Requests in any minute.")
    tpm: Figure | None = Field(default=None, description="Tokens, in and out together, in any minute.")
    tpm_in: Figure | None = Field(default=None, description="Tokens in, in any minute.")
    tpm_out: Figure | None = Field(default=None, description="Tokens out, in any minute.")
    rpd: Figure | None = Field(default=None, description="Requests a day.")
    tpd: Figure | None = Field(default=None, description="Tokens a day.")
    concurrency: Figure | None = Field(default=None, description="Calls under way at once.")
    max_call_usd: Usd | None = Field(default=None, description="The most that one call may cost.")
    model: Pattern = Field(default="", description="Only calls of models like this: an id, or `openai/*`.")
    tz: Zone = Field(default="UTC", description="The time zone in which days begin.")

    def columns(self) -> Row:
        """What was sent, as columns of table `limits`."""
        row = {name: value for name, value in self.given().items() if name in (*RATES, "model", "tz")}
        if "max_call_usd" in self.model_fields_set:
            row["max_call_nano"] = None if self.max_call_usd is None else from_usd(self.max_call_usd)
        return row


class BudgetFields(Body):
    """How much may be spent in a window of time."""

    usd: Usd = Field(description="Dollars.")
    window: Window = Field(default="month", description="When it begins anew; `total` never does.")
    tz: Zone = Field(default="UTC", description="The time zone in which days, weeks and months begin.")
    hard: bool = Field(default=True, description="Refuse what goes beyond it; false only warns.")
    alerts: list[Percent] = Field(
        default=[80, 100], max_length=20, description="Percent spent at which somebody is told."
    )
    model: Pattern = Field(default="", description="Only calls of models like this: an id, or `openai/*`.")

    def columns(self) -> Row:
        """What was sent, as columns of table `budgets`."""
        return budget_columns(self)


class Shown(Body):
    """What is shown of a limit or budget and may be sent back with it, where it changes nothing."""

    id: Text = Field(default="", description="Changes that one; without it a new one is made.")
    scope: Any = None
    subject: Any = None
    within: Any = None
    created: Any = None
    managed: Any = None


class LimitAgain(LimitFields, Shown):
    """A limit within a key or project."""


class BudgetAgain(BudgetFields, Shown):
    """A budget within a key or project."""

    spent_usd: Any = None
    left_usd: Any = None
    percent: Any = None
    ends: Any = None
    users: Any = None


class Bounding(Body):
    """What bounds a key or project. What is sent takes the place of what was there."""

    limits: Annotated[list[LimitAgain], Field(max_length=50)] | LimitAgain | None = Field(
        default=None, description="One limit, or several: all of them hold."
    )
    budget: BudgetAgain | None = Field(default=None, description="The budget, if it is one.")
    budgets: Annotated[list[BudgetAgain], Field(max_length=50)] | None = Field(
        default=None, description="Several budgets; all of them hold."
    )

    def bounds(self) -> dict[str, list[Row]]:
        """`limits` and `budgets` as columns, where they were sent; null removes them."""
        found: dict[str, list[Row]] = {}
        if "limits" in self.model_fields_set:
            limits = [self.limits] if isinstance(self.limits, LimitAgain) else self.limits or []
            found["limits"] = [_identified(each.columns(), each.id) for each in limits]
        if self.model_fields_set & {"budget", "budgets"}:
            budgets = [self.budget] if self.budget else []
            every = [*budgets, *(self.budgets or [])]
            found["budgets"] = [_identified(each.columns(), each.id) for each in every]
        return found


BOUNDING = ("limits", "budget", "budgets")


class Limit(BaseModel):
    """A limit as it is shown."""

    id: str
    scope: Scope
    subject: str = Field(description="The id of what is limited; the end user; `*` for each end user.")
    within: str | None = Field(description="Of each end user: the project or key; null: the workspace.")
    rpm: int | None
    tpm: int | None
    tpm_in: int | None
    tpm_out: int | None
    rpd: int | None
    tpd: int | None
    concurrency: int | None
    max_call_usd: float | None
    model: str
    tz: str
    created: str
    managed: bool = Field(description="Declared in the config, and changed there.")


class UserSpent(BaseModel):
    """What one end user has spent."""

    user: str
    spent_usd: float


class Budget(BaseModel):
    """A budget as it is shown, with what is spent of it."""

    id: str
    scope: Scope
    subject: str = Field(description="The id of what it is of; the end user; `*` for each end user.")
    within: str | None = Field(description="Of each end user: the project or key; null: the workspace.")
    usd: float
    window: Window
    tz: str
    hard: bool
    alerts: list[int]
    model: str
    spent_usd: float | None = Field(description="In this window. Null where each end user has their own.")
    left_usd: float | None
    percent: float | None
    ends: str | None = Field(description="When the window ends; null: never.")
    users: list[UserSpent] | None = Field(
        default=None, description="Of each end user: those that have spent most. For one budget alone."
    )
    created: str
    managed: bool = Field(description="Declared in the config, and changed there.")


class Place(Body):
    """What is to be bounded."""

    scope: Scope = Field(description="What kind of thing is bounded.")
    subject: Name | None = Field(
        default=None,
        description="Its id, of a project also its name; of an end user what requests name them, `*` each of "
        "them. Not needed for the workspace.",
    )
    within: Name | None = Field(default=None, description="Of each end user: of this project or key alone.")


def budget_columns(fields: Body) -> Row:
    """What was sent of a budget's fields, as columns."""
    given = fields.given()
    row = {name: given[name] for name in ("window", "tz", "hard", "alerts", "model") if name in given}
    return row | ({"nano": from_usd(given["usd"])} if "usd" in given else {})


def shown_limit(row: Mapping[str, Any]) -> Limit:
    """A row of table `limits`."""
    cap = row["max_call_nano"]
    return Limit(
        **_common(row),
        **{name: row[name] for name in RATES},
        max_call_usd=None if cap is None else usd(cap),
        model=row["model"],
        tz=row["tz"],
    )


def shown_budget(row: Mapping[str, Any], spent: Mapping[str, int]) -> Budget:
    """A row of table `budgets`, and what is spent of budgets by id."""
    nano: int = row["nano"]
    used = None if purse.is_each(row) else spent.get(row["id"], 0)
    return Budget(
        **_common(row),
        usd=usd(nano),
        **{name: row[name] for name in ("window", "tz", "hard", "alerts", "model")},
        spent_usd=None if used is None else usd(used),
        left_usd=None if used is None else usd(max(nano - used, 0)),
        percent=None if used is None else round(100 * used / nano, 2) if nano else 100.0,
        ends=moment(purse.span(row, now_ms()).end_ms),
    )


async def shown_budgets(tenancy: Tenancy, rows: Sequence[Row]) -> list[Budget]:
    """Budgets with what is spent of them."""
    spent = await tenancy.spent(rows)
    return [shown_budget(row, spent) for row in rows]


async def top(tenancy: Tenancy, row: Row) -> list[UserSpent]:
    """The end users that have spent most of a budget of each."""
    label = purse.span(row, now_ms()).label
    found: dict[str, int] = {}
    for user, nano in await tenancy.budgets.top(row):
        newer = tenancy.newer(gate_key(row["id"], "money", user, label)) or 0
        found[user] = max(nano, newer)
    return [UserSpent(user=user, spent_usd=usd(nano)) for user, nano in found.items()]


def _common(row: Mapping[str, Any]) -> Row:
    subject: str = row["subject"]
    is_within = row["scope"] == "user" and subject.startswith(EACH) and subject != EACH
    return {
        "id": row["id"],
        "scope": row["scope"],
        "subject": EACH if is_within else subject,
        "within": subject[1:] if is_within else None,
        "created": moment(row["created"]) or "",
        "managed": row["managed"],
    }


def _identified(columns: Row, id_: str) -> Row:
    return columns | ({"id": id_} if id_ else {})
