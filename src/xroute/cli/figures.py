"""Options of limits and budgets: how much, in which window, and of whom."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

import typer

from xroute.cli.cells import plain
from xroute.cli.remote import Remote
from xroute.errors import ConfigError

Window = Literal["day", "week", "month", "total"]

RpmOption = Annotated[int | None, typer.Option(min=1, help="Requests in any minute.")]
TpmOption = Annotated[int | None, typer.Option(min=1, help="Tokens in any minute.")]
TpmInOption = Annotated[int | None, typer.Option(min=1, help="Tokens in, in any minute.")]
TpmOutOption = Annotated[int | None, typer.Option(min=1, help="Tokens out, in any minute.")]
RpdOption = Annotated[int | None, typer.Option(min=1, help="Requests a day.")]
TpdOption = Annotated[int | None, typer.Option(min=1, help="Tokens a day.")]
ConcurrencyOption = Annotated[int | None, typer.Option(min=1, help="Calls under way at once.")]
CapOption = Annotated[str, typer.Option(help="The most that one call may cost, in dollars.")]
BudgetOption = Annotated[str, typer.Option(help="What it may spend, in dollars.")]
WindowOption = Annotated[Window, typer.Option(help="When the budget begins anew.")]

KeyOption = Annotated[str, typer.Option(help="Of a key: id or name.")]
ProjectOption = Annotated[str, typer.Option(help="Of a project: id or name.")]
MemberOption = Annotated[str, typer.Option(help="Of a member: id or mail.")]
UserOption = Annotated[str, typer.Option(help="Of an end user as requests name them; * = of each.")]


@dataclass(frozen=True, slots=True)
class Figures:
    """What limits; None or "" = not said."""

    rpm: int | None = None
    tpm: int | None = None
    tpm_in: int | None = None
    tpm_out: int | None = None
    rpd: int | None = None
    tpd: int | None = None
    concurrency: int | None = None
    max_call_usd: str = ""

    def given(self) -> dict[str, Any]:
        """As the API takes it."""
        told = {name: getattr(self, name) for name in self.__slots__ if getattr(self, name)}
        return told | ({"max_call_usd": amount(self.max_call_usd)} if self.max_call_usd else {})


@dataclass(frozen=True, slots=True)
class Whose:
    """Whom a limit or budget is of; the workspace, if nobody is named."""

    key: str = ""
    project: str = ""
    member: str = ""
    user: str = ""

    def place(self, remote: Remote) -> dict[str, str]:
        """`scope`, `subject` and `within` as the API takes them."""
        subjects = {
            "key": self.key and remote.find("keys", "key_", self.key, "name"),
            "project": self.project and remote.find("projects", "prj_", self.project, "name"),
            "member": self.member and remote.find("members", "mem_", self.member, "email"),
        }
        named = {scope: id_ for scope, id_ in subjects.items() if id_}
        if self.user == "*" and len(named) == 1 and "member" not in named:
            return {"scope": "user", "subject": "*", "within": next(iter(named.values()))}
        if self.user:
            named["user"] = self.user
        if len(named) > 1:
            raise ConfigError(f"--{' and --'.join(named)}: a limit is of one of them")
        for scope, subject in named.items():
            return {"scope": scope, "subject": subject}
        return {"scope": "workspace"}

    def asked(self, remote: Remote) -> dict[str, str]:
        """The filter of a list: nothing where nobody is named."""
        place = self.place(remote)
        return {} if place["scope"] == "workspace" else place


def amount(text: str) -> str:
    """Dollars as they are sent: a text, so that no digit is lost. ConfigError for what is no amount."""
    try:
        value = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation:
        value = Decimal("nan")
    if not value.is_finite():
        raise ConfigError(f"{text} is no amount of dollars: write 20 or 0.0005")
    return f"{value:f}"


def owner(row: Mapping[str, Any]) -> str:
    """Whose a limit or budget is."""
    if row["scope"] == "workspace":
        return "the workspace"
    if row["subject"] == "*":
        return "each end user" + (f" of {row['within']}" if row["within"] else "")
    return row["subject"] if row["scope"] != "user" else f"end user {plain(row['subject'])}"
