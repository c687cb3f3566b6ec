"""Usage of a workspace: sums by time and subject, single calls, and both as files."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import orjson
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from sqlalchemy import select

from xroute.config.accounts import Zone
from xroute.errors import InvalidRequest, NotFound
from xroute.store import calls, tables, usage
from xroute.store.audit import Actor
from xroute.store.db import Database, now_ms
from xroute.store.spans import DAY_MS, LAST_MS, Step, spans
from xroute.store.usage import By, Order
from xroute.web.api.context import ActorOf, ServicesOf, WorkspaceOf
from xroute.web.api.figures import Calls, Usage, WholeCall, figures, shown, whole
from xroute.web.api.files import CALLS, TYPES, Format, file, points, seen
from xroute.web.api.shapes import MOST, PAGE, Usd, from_usd, moment

DAYS = 30  # that are looked back on where nobody says since when
POINTS = 20_000  # of one answer
STARS = 3  # of one pattern: what it costs to compare grows with each


def _few_stars(value: object) -> object:
    if isinstance(value, str) and value.count("*") > STARS:
        raise ValueError(f"has more than {STARS} `*`")
    return value


Value = Annotated[str, BeforeValidator(_few_stars), Field(max_length=256)]
Values = Annotated[
    list[Value],
    Field(max_length=usage.MOST_VALUES, description="One of these; `*` stands for any text."),
]


class Asked(BaseModel):
    """What both lists can be asked for. A name that is not known is an error."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    workspace: str | None = Field(default=None, description="The workspace, where a header does not say it.")
    since: datetime | date | None = Field(
        default=None, description="From then on; a time without a zone is one in `tz`. Default: 30 days ago."
    )
    until: datetime | date | None = Field(default=None, description="Before then. Default: now.")
    tz: Zone = Field(default="UTC", description="Where days begin: `Europe/Berlin`.")
    project: Values = []
    key: Values = []
    member: Values = []
    model: Values = []
    provider: Values = []
    user: Values = []
    format: Format = "json"

    def range(self) -> tuple[int, int]:
        """Milliseconds, the second one not included."""
        zone = ZoneInfo(self.tz)
        until = _ms(self.until, zone) if self.until else now_ms()
        if self.since:
            return _ms(self.since, zone), until
        if not DAYS * DAY_MS < until <= LAST_MS:
            raise InvalidRequest("`until` has to be between 1970 and 2100.", param="until")
        first = datetime.fromtimestamp(until / 1000, zone).date() - timedelta(days=DAYS - 1)
        return min(_ms(first, zone), until - 1), until

    def where(self, *names: str) -> dict[str, Sequence[str]]:
        """The filters that were given."""
        return {name: values for name in names if (values := getattr(self, name))}


class AskedSums(Asked):
    """How usage is added up."""

    step: Step = Field(default="day", description="The spans of time; `total` is all of it.")
    by: By | None = Field(default=None, description="What is told apart.")
    tag: str = Field(default="", max_length=256, description="With `by=tag`: the tag's name.")
    top: int = Field(
        default=10,
        ge=1,
        le=usage.MOST_GROUPS,
        description="How many stand alone; the rest is one group, null.",
    )
    order: Order = Field(default="cost", description="What makes a group great.")


class AskedCalls(Asked):
    """Which calls are listed."""

    session: Values = []
    outcome: Values = []
    error_type: Values = []
    tag: Annotated[list[Annotated[str, Field(max_length=600)]], Field(max_length=16)] = Field(
        default=[], description="Calls with all of these: `name:value`."
    )
    failed: bool | None = Field(
        default=None, description="Only those that failed, or only those that did not."
    )
    min_cost_usd: Usd | None = Field(default=None, description="What they were charged, at least.")
    limit: int = Field(default=PAGE, ge=1, le=MOST, description="Calls of this page.")
    cursor: str | None = Field(default=None, max_length=300, description="`next` of the page before.")


FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind: {"schema": {"type": "string"}} for kind in TYPES.values()}}
}


def router() -> APIRouter:
    """The routes."""
    api = APIRouter(tags=["usage"])
    api.get("/api/v1/usage", response_model=Usage, responses=FILES)(_usage)
    api.get("/api/v1/usage/calls", response_model=Calls, responses=FILES)(_calls)
    api.get("/api/v1/usage/calls/{id}", response_model=WholeCall)(_call)
    return api


async def _usage(
    asked: Annotated[AskedSums, Query()], actor: ActorOf, services: ServicesOf, workspace: WorkspaceOf
) -> Response:
    """Sums of calls by span of time, and by project, key, member, model, provider, tag or end user."""
    sees_cost = await _sees_cost(services.db, actor, workspace)
    since, until = asked.range()
    if asked.by == "tag" and not asked.tag:
        raise InvalidRequest("`by=tag` needs `tag`, its name.", param="tag", code="missing_field")
    if asked.by in {"tag", "user"} and asked.step == "total":
        since, until = since // DAY_MS * DAY_MS, -(-until // DAY_MS) * DAY_MS
    times = spans(since, until, asked.step, ZoneInfo(asked.tz))
    if len(times.starts) * (asked.top + 1) > POINTS and asked.by:
        raise InvalidRequest("That is too much for one answer: ask for less `top`.", param="top")
    order = "charged" if asked.order == "cost" and not sees_cost else asked.order
    where = asked.where(*usage.ROLLED, "user")
    question = usage.Question(workspace, times, asked.by, asked.tag, asked.top, order, where)
    found = await usage.usage(services.db, question)
    if asked.format != "json":
        return await file(asked.format, "usage", *points(found, asked.by, sees_cost))
    answer = {
        "since": moment(times.since),
        "until": moment(times.end),
        "step": asked.step,
        "tz": asked.tz,
        "by": asked.by,
        "data": [
            {"start": moment(point.start), "group": point.group, **figures(point.sums, sees_cost)}
            for point in found.points
        ],
        "groups": [
            {"id": group.id, "name": group.name, **figures(group.sums, sees_cost)} for group in found.groups
        ],
        "totals": figures(found.totals, sees_cost),
        "next": None,
    }
    return _json(answer)


async def _calls(
    asked: Annotated[AskedCalls, Query()], actor: ActorOf, services: ServicesOf, workspace: WorkspaceOf
) -> Response:
    """Single calls, the newest first. As a file: all of them."""
    sees_cost = await _sees_cost(services.db, actor, workspace)
    question = calls.Question(
        workspace,
        *asked.range(),
        where=asked.where(*calls.FILTERS),
        tags=dict(_tag(text) for text in asked.tag),
        min_nano=None if asked.min_cost_usd is None else from_usd(asked.min_cost_usd),
        is_failed=asked.failed,
    )
    if question.since >= question.until:
        raise InvalidRequest("`until` has to be after `since`.", param="until", code="invalid_value")
    if asked.format != "json":
        return await file(asked.format, "calls", seen(CALLS, sees_cost), calls.export(services.db, question))
    page = await calls.calls(services.db, question, asked.limit, asked.cursor)
    return _json({"data": [shown(row, sees_cost) for row in page.calls], "next": page.next})


async def _call(id: str, actor: ActorOf, services: ServicesOf, workspace: WorkspaceOf) -> Response:
    """Everything about one call: its attempts, timings, tokens, price and cost."""
    found = await calls.call(services.db, workspace, id)
    if found is None:
        raise NotFound("There is no such call, or it is not recorded yet.", code="call_not_found")
    return _json(whole(found, await _sees_cost(services.db, actor, workspace)))


async def _sees_cost(db: Database, actor: Actor, workspace: str) -> bool:
    """What providers bill is the operator's to know where a workspace pays another price."""
    if actor.operator:
        return True
    column = tables.workspaces.c.markup_ppm
    async with db.read() as connection:
        found = await connection.execute(select(column).where(tables.workspaces.c.id == workspace))
        return found.scalar_one_or_none() == 1_000_000


def _tag(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise InvalidRequest("`tag` is written as `name:value`.", param="tag", code="invalid_value")
    return name, value


def _ms(value: datetime | date, zone: ZoneInfo) -> int:
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    local = value if value.tzinfo else value.replace(tzinfo=zone)
    return int(local.timestamp() * 1000)


def _json(answer: Any) -> Response:
    # a model would look at each of thousands of points once more
    return Response(orjson.dumps(answer), media_type="application/json")
