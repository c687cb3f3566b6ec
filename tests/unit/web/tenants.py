"""The management API's real application with somebody who acts, for tests of tenants and their keys."""

from dataclasses import dataclass, replace
from typing import Any

import httpx2
from sqlalchemy import insert

from xroute.errors import PermissionDenied
from xroute.store import tables
from xroute.store.audit import Actor
from xroute.store.db import Database, note_change
from xroute.store.directory import Directory
from xroute.store.opening import ensure_main
from xroute.store.pepper import digest
from xroute.web import tenancy
from xroute.web.access import TABLE
from xroute.web.api.app import create_api
from xroute.web.api.services import Services
from xroute.wire.who import Who

PEPPER = b"p" * 32
OPERATOR = Actor("admin_token", "admin_token", "admin token", "ws_main", "owner", operator=True)
ROLES = ("owner", "admin", "developer", "viewer", "billing")


def template(method: str, path: str) -> str:
    """The line of the table that a request is let in by."""
    said = path.partition("?")[0].split("/")
    for line in TABLE:
        given, wanted = line.split(" ")
        parts = wanted.split("/")
        if given == method and len(parts) == len(said) and all(map(_fits, parts, said)):
            return line
    raise LookupError(f"{method} {path} is not in the table")


def _fits(part: str, said: str) -> bool:
    return part.startswith("{") or part == said


@dataclass
class Tenants:
    """Two workspaces, `ws_main` and `ws_other`, with a member of each role in both."""

    db: Database
    api: Any
    directory: Directory
    spent: dict[str, int]  # what the engine has counted, by purse

    async def ask(self, who: Actor | str, method: str, path: str, body: Any = None) -> httpx2.Response:
        """A request by somebody, who is let in as the table says."""
        actor = self.actor(who) if isinstance(who, str) else who
        line = template(method, path)
        roles = {"signed_in", actor.role, *(("operator", "owner") if actor.operator else ())}
        if not TABLE[line] & roles:
            raise PermissionDenied(f"{actor.role} may not {line}")
        app = self.api

        async def served(scope: Any, receive: Any, send: Any) -> None:
            state = {"actor": replace(actor, request_id="req-1"), "request_id": "req-1", "route": line}
            await app({**scope, "state": state}, receive, send)

        transport = httpx2.ASGITransport(served)
        async with httpx2.AsyncClient(transport=transport, base_url="http://xroute") as client:
            return await client.request(method, path, json=body)

    async def json(self, who: Actor | str, method: str, path: str, body: Any = None) -> Any:
        """The answer of a request that goes well."""
        answer = await self.ask(who, method, path, body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    async def error(self, who: Actor | str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """(status, error) of one that does not."""
        answer = await self.ask(who, method, path, body)
        assert answer.status_code >= 400, answer.text
        return answer.status_code, answer.json()["error"]

    @staticmethod
    def actor(role: str, workspace: str = "ws_main") -> Actor:
        """The member of a role: "admin", or "other admin" in the other workspace."""
        if role == "operator":
            return OPERATOR
        other, _, role = role.rpartition(" ")
        space = "ws_other" if other else workspace
        name = f"{space}_{role}"
        return Actor("user", f"usr_{name}", name, space, role, member=f"mem_{name}", user=f"usr_{name}")

    def find(self, secret: str) -> Who | None:
        """As the data plane finds a key."""
        return self.directory.find(digest(PEPPER, secret))


async def tenants_of(db: Database, fleet: Any) -> Tenants:
    """The application on a database with the schema in it."""
    async with db.write() as connection:
        await ensure_main(connection)
        other = {"id": "ws_other", "name": "Other", "slug": "other", "created": 1}
        await connection.execute(insert(tables.workspaces).values(other))
        for space in ("ws_main", "ws_other"):
            for role in ROLES:
                name = f"{space}_{role}"
                user = {"id": f"usr_{name}", "email": f"{name}@example.com", "created": 1}
                await connection.execute(insert(tables.users).values(user))
                member = {"id": f"mem_{name}", "workspace": space, "user": user["id"], "role": role}
                await connection.execute(insert(tables.members).values(**member, created=1))
                await note_change(connection, "members", member["id"])
    directory, spent = Directory(db), dict[str, int]()
    await directory.load()
    services = object.__new__(Services)  # with the one part that these routes work with
    services.tenancy = tenancy.make(db, PEPPER, directory, spent.get)
    return Tenants(db, create_api(fleet, lambda: 0.0, services), directory, spent)
