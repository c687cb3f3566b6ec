"""Limits and budgets: of a workspace, project, member, key or end user, as rows that people change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Never

from sqlalchemy import Select, Table, and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.errors import Conflict, InvalidRequest, NotFound
from xroute.store import audit, ids, purse, tables
from xroute.store.audit import Actor
from xroute.store.db import Database, lock_workspace, note_change, now_ms
from xroute.store.page import Page, page
from xroute.store.purse import EACH

Row = dict[str, Any]
MOST = 50  # of one subject
FIGURES = ("rpm", "tpm", "tpm_in", "tpm_out", "rpd", "tpd", "concurrency", "max_call_nano")
FIELDS = {
    "limits": (*FIGURES, "model", "tz"),
    "budgets": ("nano", "window", "tz", "hard", "alerts", "model"),
}
DEFAULTS: dict[str, Row] = {
    "limits": {**dict.fromkeys(FIGURES), "model": "", "tz": "UTC"},
    "budgets": {"window": "month", "tz": "UTC", "hard": True, "alerts": [80, 100], "model": ""},
}
PREFIXES = {"limits": "lim", "budgets": "bud"}
NAMES = {"limits": "limit", "budgets": "budget"}
MANAGED = "This is declared in xroute.yaml: change it there."


@dataclass(frozen=True, slots=True)
class Subject:
    """What is bounded."""

    workspace: str
    scope: str  # workspace | project | member | key | user
    id: str  # of scope user: the user as the request names it, `*`, or `*` and the id of a project or key


class Bounds:
    """Table `limits` or `budgets`. Every change is one transaction with its line in the audit log."""

    def __init__(self, db: Database, table: Table) -> None:
        self.db = db
        self.table = table

    async def page(
        self, workspace: str, limit: int, cursor: str | None, scope: str = "", subject: str = ""
    ) -> Page:
        """Rows of a workspace, the newest first."""
        columns = self.table.c
        query = select(self.table).where(columns.workspace == workspace)
        if scope:
            query = query.where(columns.scope == scope)
        if subject:
            query = query.where(columns.subject == subject)
        names = [column.name for column in columns]
        async with self.db.read() as connection:
            return await page(
                connection,
                query,
                self.table,
                limit,
                cursor,
                lambda row: {name: getattr(row, name) for name in names},
            )

    async def find(self, workspace: str, id_: str) -> Row:
        """NotFound, the same whether it is not there or another workspace's."""
        async with self.db.read() as connection:
            return await find(connection, self.table, workspace, id_)

    async def create(self, actor: Actor, subject: Subject, values: Mapping[str, Any]) -> Row:
        """Adds one; NotFound for a subject that is not there."""
        async with self.db.write() as connection:
            await lock_workspace(connection, subject.workspace)
            subject = await check(connection, subject)
            await _refuse_many(connection, self.table, subject)
            return await add(connection, actor, self.table, subject, values)

    async def change(self, actor: Actor, workspace: str, id_: str, values: Mapping[str, Any]) -> Row:
        """Sets some of its fields."""
        async with self.db.write() as connection:
            row = await locked(connection, self.table, workspace, id_)
            _refuse_managed(row)
            return await alter(connection, actor, self.table, row, values)

    async def remove(self, actor: Actor, workspace: str, id_: str) -> None:
        """Deletes it."""
        async with self.db.write() as connection:
            row = await locked(connection, self.table, workspace, id_)
            _refuse_managed(row)
            await drop(connection, actor, self.table, row)

    async def spent(self, rows: Sequence[Row]) -> dict[str, int]:
        """Nano-dollars of budgets as far as the database knows, by id."""
        async with self.db.read() as connection:
            return await purse.read(connection, rows, now_ms())

    async def top(self, row: Row) -> list[tuple[str, int]]:
        """End users and what they have spent of a budget of each."""
        async with self.db.read() as connection:
            return await purse.top(connection, row, now_ms())


async def find(connection: AsyncConnection, table: Table, workspace: str, id_: str) -> Row:
    """A row of a workspace; raises NotFound."""
    return await _one(connection, table, _asked(table, workspace, id_))


async def locked(connection: AsyncConnection, table: Table, workspace: str, id_: str) -> Row:
    """A row that nobody else changes until this transaction is through; raises NotFound."""
    return await _one(connection, table, _asked(table, workspace, id_).with_for_update())


def _asked(table: Table, workspace: str, id_: str) -> Select[Any]:
    return select(table).where(table.c.id == id_, table.c.workspace == workspace)


async def _one(connection: AsyncConnection, table: Table, query: Select[Any]) -> Row:
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        name = NAMES[table.name]
        raise NotFound(f"There is no such {name}.", code=f"{name}_not_found")
    return dict(row)


async def of_subjects(
    connection: AsyncConnection, table: Table, subjects: Sequence[str]
) -> dict[str, list[Row]]:
    """Rows by the id of their subject, oldest first; not those of end users."""
    found: dict[str, list[Row]] = {subject: [] for subject in subjects}
    query = select(table).where(table.c.subject.in_(list(subjects)), table.c.scope != "user")
    for row in (await connection.execute(query.order_by(table.c.created, table.c.id))).mappings():
        found[row["subject"]].append(dict(row))
    return found


async def check(connection: AsyncConnection, subject: Subject) -> Subject:
    """The subject by its id, where a project may be given by its name; NotFound where there is none such."""
    if subject.scope == "workspace" and subject.id == subject.workspace:
        return subject
    if subject.scope != "user":
        id_ = await _owner(connection, subject.workspace, subject.scope, subject.id)
        return Subject(subject.workspace, subject.scope, id_) if id_ else _missing(subject)
    if not subject.id.startswith(EACH) or subject.id == EACH:
        return subject
    for kind in ("project", "key"):
        if id_ := await _owner(connection, subject.workspace, kind, subject.id[1:]):
            return Subject(subject.workspace, "user", EACH + id_)
    return _missing(subject)


async def _owner(connection: AsyncConnection, workspace: str, kind: str, wanted: str) -> str | None:
    table = {"project": tables.projects, "member": tables.members, "key": tables.keys}.get(kind)
    if table is None:
        return None
    named = table.c.id == wanted
    if kind == "project":
        named = or_(named, table.c.name == wanted)
    query = select(table.c.id).where(table.c.workspace == workspace, named)
    found = (await connection.execute(query)).scalars().all()
    return wanted if wanted in found else next(iter(found), None)


def _missing(subject: Subject) -> Never:
    field = "within" if subject.scope == "user" else "subject"
    text = f"There is no such {'project or key' if field == 'within' else subject.scope}."
    raise NotFound(text, code="subject_not_found", param=field)


async def add(
    connection: AsyncConnection,
    actor: Actor,
    table: Table,
    subject: Subject,
    values: Mapping[str, Any],
    *,
    id_: str = "",
    managed: bool = False,
) -> Row:
    """A new row. A budget begins with what was spent in its window before."""
    row: Row = {
        "id": id_ or ids.new(PREFIXES[table.name]),
        "workspace": subject.workspace,
        "scope": subject.scope,
        "subject": subject.id,
        **_complete(table, DEFAULTS[table.name] | dict(values)),
        "created": now_ms(),
        "managed": managed,
    }
    await connection.execute(insert(table).values(row))
    if table is tables.budgets:
        await purse.begin(connection, row, row["created"])
    await _noted(connection, actor, table, "create", None, row)
    return row


async def alter(
    connection: AsyncConnection, actor: Actor, table: Table, row: Row, values: Mapping[str, Any]
) -> Row:
    """Changes a row where it differs. A budget of another window begins anew."""
    after = row | dict(values)
    if after == row:
        return row
    after |= _complete(table, after)
    changed = {name: value for name, value in after.items() if row[name] != value}
    await connection.execute(update(table).where(table.c.id == row["id"]).values(changed))
    if table is tables.budgets and changed.keys() & {"window", "tz", "model", "subject"}:
        await purse.begin(connection, after, now_ms())
    await _noted(connection, actor, table, "update", row, after)
    return after


async def drop(connection: AsyncConnection, actor: Actor, table: Table, row: Row) -> None:
    """Deletes a row, and the purses of a budget."""
    await connection.execute(delete(table).where(table.c.id == row["id"]))
    if table is tables.budgets:
        await purse.forget(connection, row["id"])
    await _noted(connection, actor, table, "delete", row, None)


async def replace(
    connection: AsyncConnection,
    actor: Actor,
    table: Table,
    subject: Subject,
    wanted: Sequence[Mapping[str, Any]],
) -> list[Row]:
    """Makes these the subject's rows. One with an `id`, or else for the same model and window, is changed
    in its place, so that what was spent of it stays counted; NotFound for an id that is not there."""
    if len(wanted) > MOST:
        raise InvalidRequest(f"`{table.name}` has more than {MOST} entries.", param=table.name)
    left = (await of_subjects(connection, table, [subject.id]))[subject.id]
    if any(row["managed"] for row in left):
        raise Conflict(MANAGED, code="managed", param=table.name)
    pairs: list[tuple[Row | None, Row]] = []
    for each in sorted(
        wanted, key=lambda each: not each.get("id")
    ):  # who is named goes before who is like it
        values = DEFAULTS[table.name] | {name: value for name, value in each.items() if name != "id"}
        pairs.append((_taken(table, left, each.get("id"), values), values))
    for row in left:
        await drop(connection, actor, table, row)
    return [
        await add(connection, actor, table, subject, values)
        if row is None
        else await alter(connection, actor, table, row, values)
        for row, values in pairs
    ]


def _taken(table: Table, left: list[Row], id_: str | None, values: Row) -> Row | None:
    """The row that an entry is for, which is then nobody else's."""
    same = ("model", "window") if table is tables.budgets else ("model",)
    for row in left:
        if row["id"] == id_ if id_ else all(row[name] == values[name] for name in same):
            left.remove(row)
            return row
    if id_:
        name = NAMES[table.name]
        raise NotFound(f"There is no such {name}.", code=f"{name}_not_found", param=table.name)
    return None


def _complete(table: Table, values: Mapping[str, Any]) -> Row:
    """The columns of a row; InvalidRequest where it would bound nothing."""
    row = {name: values[name] for name in FIELDS[table.name]}
    if table is tables.limits and all(row[name] is None for name in FIGURES):
        raise InvalidRequest(
            "A limit needs a figure: rpm, tpm, tpm_in, tpm_out, rpd, tpd, concurrency or max_call_usd.",
            code="limit_empty",
        )
    return row


def _refuse_managed(row: Row) -> None:
    if row["managed"]:
        raise Conflict(MANAGED, code="managed")


async def _refuse_many(connection: AsyncConnection, table: Table, subject: Subject) -> None:
    mine = and_(table.c.workspace == subject.workspace, table.c.subject == subject.id)
    if (await connection.execute(select(func.count()).where(mine))).scalar_one() >= MOST:
        raise InvalidRequest(f"There are {MOST} {table.name} of this subject already.", code="too_many")


async def _noted(
    connection: AsyncConnection,
    actor: Actor,
    table: Table,
    verb: str,
    before: Row | None,
    after: Row | None,
) -> None:
    row = after or before or {}
    name, workspace = NAMES[table.name], row["workspace"]
    await audit.note(connection, actor, f"{name}.{verb}", row["id"], before, after, workspace=workspace)
    await note_change(connection, table.name, row["id"])
