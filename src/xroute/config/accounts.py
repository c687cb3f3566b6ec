"""Settings of accounts: keys, budgets, limits, sign-in, accounting, and where all of it is kept."""

from datetime import datetime
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from xroute.config.part import Days, Number, Part, Seconds, Text, Tokens, Url, Usd, Whole
from xroute.config.secret import Secret

Window = Literal["day", "week", "month", "total"]
Plan = Literal["unmetered", "prepaid", "postpaid"]
Role = Literal["owner", "admin", "developer", "viewer", "billing"]


def _zone(value: str) -> str:
    try:
        return ZoneInfo(value).key
    except (KeyError, ValueError, OSError):
        text = "is no time zone: write it as Europe/Berlin or UTC"
        raise PydanticCustomError("time_zone", text) from None


def _network(value: str) -> str:
    try:
        return str(ip_network(value.strip(), strict=False))
    except ValueError:
        text = "is no network: write it as 10.0.0.0/8 or 192.0.2.7"
        raise PydanticCustomError("network", text) from None


Zone = Annotated[str, AfterValidator(_zone)]
Network = Annotated[str, AfterValidator(_network)]
Percent = Annotated[Whole, Field(ge=1, le=1000)]


class BudgetSettings(Part):
    """How much may be spent in a window of time."""

    usd: Usd = Field(description="Dollars.")
    window: Window = Field(default="month", description="When it begins anew; `total` never does.")
    tz: Zone = Field(default="UTC", description="The time zone in which days, weeks and months begin.")
    hard: bool = Field(default=True, description="Refuse what goes beyond it; `false` only warns.")
    alerts: list[Percent] = Field(default=[80, 100], description="Percent spent at which somebody is told.")
    model: str = Field(default="", description="Only calls of models like this: an id, or `openai/*`.")


class RateSettings(Part):
    """How much may be asked for. What is not named is not limited."""

    rpm: Tokens | None = Field(default=None, description="Requests in any minute.")
    tpm: Tokens | None = Field(default=None, description="Tokens, in and out together, in any minute.")
    tpm_in: Tokens | None = Field(default=None, description="Tokens in, in any minute.")
    tpm_out: Tokens | None = Field(default=None, description="Tokens out, in any minute.")
    rpd: Tokens | None = Field(default=None, description="Requests a day.")
    tpd: Tokens | None = Field(default=None, description="Tokens a day.")
    concurrency: Tokens | None = Field(default=None, description="Calls under way at once.")
    max_call_usd: Usd | None = Field(default=None, description="The most that one call may cost, in dollars.")
    tz: Zone = Field(default="UTC", description="The time zone in which days begin.")
    model: str = Field(default="", description="Only calls of models like this: an id, or `openai/*`.")


class Bounded(Part):
    """What can have limits and budgets."""

    budget: BudgetSettings | None = Field(default=None, description="The budget, if it is one.")
    budgets: list[BudgetSettings] = Field(default=[], description="Several budgets; all of them hold.")
    limits: RateSettings | None = Field(default=None, description="Rates and concurrency.")
    each_user: "EachSettings | None" = Field(
        default=None, description="What holds for each end user, as the request's `user` names them."
    )

    @property
    def all_budgets(self) -> tuple[BudgetSettings, ...]:
        """`budget` and `budgets` together."""
        return ((self.budget,) if self.budget else ()) + tuple(self.budgets)


class EachSettings(Part):
    """What holds for each end user by themselves."""

    budget: BudgetSettings | None = Field(default=None, description="The budget of each.")
    limits: RateSettings | None = Field(default=None, description="The rates of each.")


class KeySettings(Bounded):
    """A client's credential."""

    name: Text = Field(description="What it is called in logs and reports.")
    key: Secret = Field(description="What the client sends as `Authorization: Bearer <key>`.")
    workspace: Text = Field(default="main", description="The workspace it belongs to, by its short name.")
    project: str = Field(default="", description="The project it belongs to; made if there is none.")
    models: list[Text] = Field(default=[], description="Models it may use: ids, or `openai/*`. Empty: all.")
    providers: list[Text] = Field(default=[], description="Providers it may use. Empty: all.")
    addresses: list[Text] = Field(default=[], description="Networks it may come from: `10.0.0.0/8`.")
    regions: list[Text] = Field(default=[], description="Where data may be processed: `eu`.")
    zdr: bool = Field(default=False, description="Only providers that keep no data.")
    local_only: bool = Field(default=False, description="Only providers on your own machines.")
    labels: dict[Text, str] = Field(default={}, description="Free words for reports.")
    route: str = Field(default="", description="The model of requests that name none.")
    expires: datetime | None = Field(default=None, description="When it ends: `2027-01-31T00:00:00Z`.")
    disabled: bool = Field(default=False, description="Keep the key and refuse it.")


class ProjectSettings(Bounded):
    """What keys are grouped by."""

    name: Text = Field(description="What it is called.")
    workspace: Text = Field(default="main", description="The workspace it belongs to, by its short name.")
    route: str = Field(default="", description="The model of requests that name none.")


class WorkspaceSettings(Bounded):
    """A tenant: people, projects, keys and money of its own."""

    slug: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")] = Field(description="Its short name.")
    name: str = Field(default="", description="What people call it.")
    plan: Plan = Field(
        default="unmetered", description="`prepaid` spends credits, `postpaid` goes below zero."
    )
    credit_line_usd: Usd = Field(default=Decimal(0), description="How far below zero it may go.")
    markup: Annotated[Number, Field(gt=0, le=100)] = Field(
        default=1.0, description="Price for it, as a multiple of ours: 1.1 is ten percent more."
    )


class RedisSettings(Part):
    """What several processes share."""

    url: Secret = Field(description="`redis://host:6379/0`, or `rediss://` with TLS.")
    prefix: Text = Field(default="xroute", description="What its keys begin with.")
    when_down: Literal["closed", "open"] = Field(
        default="closed", description="While it is away: refuse calls (503), or let them in and count later."
    )
    timeout_s: Seconds = Field(default=0.5, description="How long an answer is waited for.")


class AccountingSettings(Part):
    """How calls are paid for and recorded."""

    output_tokens: Tokens = Field(
        default=16_384, description="Output that is held for a request which names no maximum."
    )
    tokens_per_byte: Annotated[Number, Field(gt=0, le=1)] = Field(
        default=0.5, description="Input that is held per byte of text; what models count is 0.2 to 0.4."
    )
    hold_wait_s: Annotated[Number, Field(ge=0, le=60)] = Field(
        default=5.0, description="How long a call waits for money that calls under way hold."
    )
    lost: Literal["free", "input", "held"] = Field(
        default="input",
        description="What is charged for a call whose process died: nothing, its input, all that was held.",
    )
    spool_mib: Whole = Field(default=1024, ge=16, description="Disk for records the database has not got.")
    spool_full: Literal["answer", "refuse"] = Field(
        default="answer", description="With the disk full: answer and count what is lost, or refuse (503)."
    )
    retention_days: Days = Field(default=90, description="How long single calls are kept.")


class BodiesSettings(Part):
    """Whether requests and answers are kept."""

    keep: Literal["none", "errors", "all"] = Field(default="none", description="Which calls' bodies.")
    folder: Path | None = Field(default=None, description="Where. Default `bodies` in `state_dir`.")
    s3: Url | None = Field(
        default=None, description="Or an S3 bucket: `https://bucket.s3.eu-west-1.amazonaws.com`."
    )
    region: Text = Field(default="us-east-1", description="The bucket's region.")
    days: Days = Field(default=7, description="How long they are kept.")
    max_kib: Whole = Field(default=256, ge=1, description="The most of one body; more is cut.")
    redact: list[Text] = Field(default=[], description="Regular expressions; what they find is masked.")


class OidcSettings(Part):
    """Who signs people in."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] = Field(description="Its short name, in addresses.")
    issuer: Url | None = Field(
        default=None, description="Its address. `google`, `github` and `microsoft` are known by name."
    )
    client_id: Text = Field(description="Ours there.")
    client_secret: Secret = Field(description="Ours there.")
    domains: list[Text] = Field(default=[], description="Mail domains that may sign in. Empty: invited only.")
    workspace: Text = Field(default="main", description="The workspace that people of these domains join.")
    role: Role = Field(default="developer", description="Their role there.")


class SmtpSettings(Part):
    """How mail is sent."""

    host: Text = Field(description="The mail server.")
    port: Whole = Field(default=587, ge=1, le=65535, description="Its port.")
    user: str = Field(default="", description="Ours there.")
    password: Secret | None = Field(default=None, description="Ours there.")
    sender: Text = Field(description="Whom the mail is from.")
    tls: Literal["starttls", "tls", "none"] = Field(default="starttls", description="How it is encrypted.")


class SignInSettings(Part):
    """How people get in."""

    signup: Literal["open", "invite"] = Field(
        default="open",
        description="Who may make a workspace: everybody (it is prepaid, with no credit), or the invited.",
    )
    session_hours: Whole = Field(
        default=24 * 14, ge=1, le=24 * 36_500, description="How long a sign-in lasts."
    )
    oidc: list[OidcSettings] = Field(default=[], description="Sign-in by Google, GitHub, Keycloak, ...")


class StripeSettings(Part):
    """Paying by card."""

    secret_key: Secret = Field(description="`sk_...`")
    webhook_secret: Secret = Field(description="`whsec_...`: without it nobody may say that money has come.")
    api_base: Url | None = Field(default=None, description="Another address of Stripe's API, for tests.")
    min_usd: Usd = Field(default=Decimal(5), description="The least that is paid at once.")

    @model_validator(mode="after")
    def _signed(self) -> "StripeSettings":
        if not self.webhook_secret.reveal().strip():
            raise PydanticCustomError(
                "stripe_secret", "needs webhook_secret, or anybody could forge a payment"
            )
        return self


class AccountSettings(Part):
    """What the sections above add to the file, after the address."""

    host: Text = Field(default="127.0.0.1", description="The address to listen on; `0.0.0.0` for every one.")
    port: Annotated[Whole, Field(ge=1, le=65535)] = Field(default=8790, description="The port to listen on.")
    keys: list[KeySettings] = Field(
        default=[], description="Clients' credentials, besides those xroute made itself."
    )
    admin_token: Secret | None = Field(
        default=None, description="Lets its bearer do everything in the management API."
    )
    workspaces: list[WorkspaceSettings] = Field(default=[], description="Tenants; `main` is always there.")
    projects: list[ProjectSettings] = Field(default=[], description="What keys are grouped by.")
    database: Secret | None = Field(
        default=None,
        description="`postgresql://user:password@host/name`. Default: SQLite in `state_dir`.",
    )
    pool: Whole = Field(default=8, ge=1, le=100, description="Connections to PostgreSQL, per process.")
    redis: RedisSettings | None = Field(default=None, description="What several processes share.")
    workers: Whole = Field(default=1, ge=1, le=256, description="Processes that serve.")
    accounting: AccountingSettings = Field(
        default=AccountingSettings(), description="How calls are paid for and recorded."
    )
    bodies: BodiesSettings = Field(
        default=BodiesSettings(), description="Whether requests and answers are kept."
    )
    sign_in: SignInSettings = Field(default=SignInSettings(), description="How people get in.")
    smtp: SmtpSettings | None = Field(
        default=None, description="How mail is sent; without it links are shown."
    )
    stripe: StripeSettings | None = Field(default=None, description="Paying by card.")
    trusted_proxies: list[Network] = Field(
        default=[],
        description="Proxies in front of xroute, by network: their `X-Forwarded-For` is believed.",
    )
    public_url: Url | None = Field(default=None, description="How people reach xroute, for links in mails.")
    master_key: Secret | None = Field(
        default=None,
        description="Encrypts stored credentials: 32 bytes in hex or base64. Default: a file in `state_dir`.",
    )
    master_key_file: Path | None = Field(default=None, description="A file with that key.")
    pepper: Secret | None = Field(
        default=None,
        description="Clients' keys are hashed under it: 32 bytes in hex, the same on every host. "
        "Default: a file in `state_dir`.",
    )

    @field_validator("keys")
    @classmethod
    def _keys_differ(cls, keys: list[KeySettings]) -> list[KeySettings]:
        for field in ("name", "key"):
            if len({getattr(key, field) for key in keys}) < len(keys):
                raise PydanticCustomError("keys_same", "has the same {field} twice", {"field": field})
        return keys

    @model_validator(mode="before")
    @classmethod
    def _redis_by_url(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        given = cast("dict[str, Any]", value)
        return {**given, "redis": {"url": given["redis"]}} if isinstance(given.get("redis"), str) else given
