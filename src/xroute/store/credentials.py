"""Credentials at providers that are kept in the database: ours, and those that a workspace brings along."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.config.secret import Secret
from xroute.errors import InvalidRequest, NotFound
from xroute.store import audit, ids, tables
from xroute.store.audit import Actor
from xroute.store.db import Database, note_change, now_ms
from xroute.store.masks import is_masked, shown
from xroute.store.page import Page, page
from xroute.store.vault import MasterKey, Place, Vault

OURS = ""  # the workspace of those that serve everybody
MOST = 200  # of one workspace
PPM = 1_000_000

_T = tables.credentials


@dataclass(frozen=True, slots=True)
class Stored:
    """A credential as people may see it."""

    id: str
    workspace: str  # OURS, or the workspace that brought it
    provider: str
    name: str
    host: str  # the only ones it is sent to: "https://api.openai.com"
    shown: str
    weight: float
    fallback: bool  # of a workspace's own: where it fails, ours at the same provider may be tried
    disabled: bool
    by: str
    created: int
    changed: int | None

    @property
    def place(self) -> Place:
        return Place(self.id, self.workspace, self.provider, self.host)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A credential with its secret, which is still sealed."""

    stored: Stored
    sealed: bytes
    master: str

    def __repr__(self) -> str:
        return f"Sealed({self.stored.id})"


class Credentials:
    """The table `credentials`. Every change is one transaction with its line in the audit log."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self.db = db
        self.vault = vault

    async def create(self, actor: Actor, wanted: Stored, secret: Secret) -> Stored:
        """Stores a credential; `id`, `shown`, `by` and the times of `wanted` are set here.

        InvalidRequest for a masked one; ConfigError where there is no master key.
        """
        _refuse_masked(secret)
        made = replace(
            wanted, id=ids.new("cred"), shown=shown(secret), by=actor.name, created=now_ms(), changed=None
        )
        async with self.db.write() as connection:
            await _lock(connection)
            await self._refuse_many(connection, made.workspace)
            sealed, master = self.vault.seal(secret, made.place, await _masters(connection))
            await connection.execute(
                insert(_T).values(
                    id=made.id,
                    workspace=made.workspace or None,
                    provider=made.provider,
                    name=made.name,
                    host=made.host,
                    sealed=sealed,
                    master=master,
                    shown=made.shown,
                    weight_ppm=round(made.weight * PPM),
                    fallback=made.fallback,
                    disabled=made.disabled,
                    by=made.by,
                    created=made.created,
                )
            )
            await _noted(connection, actor, "credential.create", made, None, _plain(made))
        return made

    async def page(self, workspace: str, limit: int, cursor: str | None = None) -> Page:
        """Credentials of a workspace, or ours, the newest first: each is a `Stored`."""
        async with self.db.read() as connection:
            return await page(connection, _of(workspace), _T, limit, cursor, _stored)

    async def find(self, workspace: str, id_: str) -> Sealed:
        """One of a workspace, or of ours; NotFound, the same whether it is not there or another's."""
        async with self.db.read() as connection:
            return _sealed(await _row(connection, workspace, id_))

    async def everything(self) -> list[Sealed]:
        """All that are not disabled."""
        async with self.db.read() as connection:
            rows = await connection.execute(
                select(_T).where(_T.c.disabled.is_(False)).order_by(_T.c.created, _T.c.id)
            )
            return [_sealed(row) for row in rows]

    def open(self, sealed: Sealed) -> Secret:
        """The secret; ConfigError says why it cannot be had."""
        return self.vault.open(sealed.sealed, sealed.master, sealed.stored.place)

    async def change(
        self, actor: Actor, workspace: str, id_: str, changes: Mapping[str, Any], secret: Secret | None = None
    ) -> Stored:
        """Sets `name`, `weight`, `fallback`, `disabled`, and the secret if there is a new one.

        A secret that is just what was shown leaves the stored one as it is; another masked one is refused.
        """
        async with self.db.write() as connection:
            await _lock(connection)
            before = _sealed(await _row(connection, workspace, id_))
            after = replace(before.stored, **changes, changed=_later(before.stored))
            values: dict[str, Any] = {}
            if secret is not None and secret.reveal() != before.stored.shown:
                _refuse_masked(secret)
                after = replace(after, shown=shown(secret))
                values = await self._resealed(connection, secret, after)
            await self._write(connection, actor, "credential.change", before.stored, after, values)
        return after

    async def confirm(self, actor: Actor, workspace: str, id_: str, host: str) -> Stored:
        """Lets a credential be sent to another host from now on."""
        async with self.db.write() as connection:
            await _lock(connection)
            before = _sealed(await _row(connection, workspace, id_))
            after = replace(before.stored, host=host, changed=_later(before.stored))
            values = await self._resealed(connection, self.open(before), after)
            await self._write(connection, actor, "credential.confirm", before.stored, after, values)
        return after

    async def remove(self, actor: Actor, workspace: str, id_: str) -> None:
        """Deletes it for good."""
        async with self.db.write() as connection:
            gone = _stored(await _row(connection, workspace, id_))
            await connection.execute(delete(_T).where(_T.c.id == id_))
            await _noted(connection, actor, "credential.delete", gone, _plain(gone), None)

    async def rotate(self, actor: Actor, new: MasterKey) -> int:
        """Seals every secret under another master key, all or none; how many there are.

        The keys they are sealed under now must be in the vault.
        """
        async with self.db.write() as connection:
            await _lock(connection)
            rows = [_sealed(row) for row in await connection.execute(select(_T))]
            for row in rows:
                sealed = new.seal(self.open(row), row.stored.place)
                values = {"sealed": sealed, "master": new.id}
                await connection.execute(update(_T).where(_T.c.id == row.stored.id).values(values))
            told = {"credentials": len(rows), "key_id": new.id}
            actor = replace(actor, workspace=None)
            await audit.note(connection, actor, "credential.rotate_master", "", None, told)
        return len(rows)

    async def _resealed(self, connection: AsyncConnection, secret: Secret, row: Stored) -> dict[str, Any]:
        sealed, master = self.vault.seal(secret, row.place, await _masters(connection))
        return {"sealed": sealed, "master": master}

    async def _write(
        self,
        connection: AsyncConnection,
        actor: Actor,
        action: str,
        before: Stored,
        after: Stored,
        values: dict[str, Any],
    ) -> None:
        values |= {
            "name": after.name,
            "host": after.host,
            "shown": after.shown,
            "weight_ppm": round(after.weight * PPM),
            "fallback": after.fallback,
            "disabled": after.disabled,
            "changed": after.changed,
        }
        await connection.execute(update(_T).where(_T.c.id == after.id).values(values))
        told = _plain(after) | ({"secret": "new"} if "sealed" in values else {})
        await _noted(connection, actor, action, after, _plain(before), told)

    async def _refuse_many(self, connection: AsyncConnection, workspace: str) -> None:
        query = _of(workspace).with_only_columns(func.count())
        if (await connection.execute(query)).scalar_one() >= MOST:
            raise InvalidRequest(
                f"There are {MOST} credentials already, and no more can be stored: delete some.",
                code="too_many_credentials",
            )


def _of(workspace: str) -> Select[Any]:
    mine = _T.c.workspace == workspace if workspace else _T.c.workspace.is_(None)
    return select(_T).where(mine)


async def _row(connection: AsyncConnection, workspace: str, id_: str) -> Row[Any]:
    row = (await connection.execute(_of(workspace).where(_T.c.id == id_))).one_or_none()
    if row is None:
        raise NotFound("There is no such credential.", code="credential_not_found")
    return row


async def _masters(connection: AsyncConnection) -> Sequence[str]:
    """The ids of the master keys in use."""
    return (await connection.execute(select(_T.c.master).distinct())).scalars().all()


async def _lock(connection: AsyncConnection) -> None:
    """Nobody seals under the old master key while a rotation runs; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("LOCK TABLE credentials IN SHARE ROW EXCLUSIVE MODE"))


async def _noted(
    connection: AsyncConnection,
    actor: Actor,
    action: str,
    row: Stored,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
) -> None:
    actor = replace(actor, workspace=row.workspace or None)  # ours are no workspace's business
    await audit.note(connection, actor, action, row.id, before, after)
    await note_change(connection, "credentials", row.id)


def _later(row: Stored) -> int:
    """Now, and never what it was before: a change is known by it."""
    return max(now_ms(), (row.changed or row.created) + 1)


def _refuse_masked(secret: Secret) -> None:
    if is_masked(secret):
        raise InvalidRequest(
            "This is a credential with its middle masked: send the whole of it, or leave `secret` out to "
            "keep the one that is stored.",
            code="secret_masked",
            param="secret",
        )


def _plain(row: Stored) -> dict[str, Any]:
    """For the audit log."""
    names = ("provider", "name", "host", "shown", "weight", "fallback", "disabled")
    return {name: getattr(row, name) for name in names}


def _stored(row: Row[Any]) -> Stored:
    return Stored(
        id=row.id,
        workspace=row.workspace or OURS,
        provider=row.provider,
        name=row.name,
        host=row.host,
        shown=row.shown,
        weight=row.weight_ppm / PPM,
        fallback=row.fallback,
        disabled=row.disabled,
        by=row.by,
        created=row.created,
        changed=row.changed,
    )


def _sealed(row: Row[Any]) -> Sealed:
    return Sealed(_stored(row), bytes(row.sealed), row.master)
