"""The whole application with a database, and people and programs that call its management API."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import insert, select
from tests.unit.web.dialogue import Answer, request

from xroute.store import tables
from xroute.web.persons import Persons

PASSWORD = "a horse that counts"
ADMIN_TOKEN = "the-operators-own-token"
MAIN = "ws_main"


@dataclass
class Caller:
    """A browser or a program. Its cookies are its own."""

    app: Any
    token: str | None = None
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    address: str = "127.0.0.1"

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, **headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.ask("POST", path, body, **headers)

    async def patch(self, path: str, body: Any, **headers: str) -> Answer:
        return await self.ask("PATCH", path, body, **headers)

    async def put(self, path: str, body: Any, **headers: str) -> Answer:
        return await self.ask("PUT", path, body, **headers)

    async def delete(self, path: str, **headers: str) -> Answer:
        return await self.ask("DELETE", path, **headers)

    async def ask(self, method: str, target: str, body: Any = None, **headers: str) -> Answer:
        """One request. A header is left out where its value is ""."""
        path, _, query = target.partition("?")
        named = {"host": "localhost:8790", "x-xroute-csrf": "1", "content-type": "application/json"}
        if self.token:
            named["authorization"] = f"Bearer {self.token}"
        if self.cookies:
            named["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        named |= self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        scope = request(method, path, {name: value for name, value in named.items() if value})
        scope |= {"query_string": query.encode(), "client": (self.address, 1)}
        sent = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        answer = await converse(self.app, scope, sent)
        self._keep(answer)
        return answer

    def _keep(self, answer: Answer) -> None:
        [start] = [m for m in answer.messages if m["type"] == "http.response.start"]
        for name, value in start["headers"]:
            if name == b"set-cookie":
                cookie, *attributes = value.decode().split("; ")
                called, _, content = cookie.partition("=")
                if "Max-Age=0" in attributes:
                    self.cookies.pop(called, None)
                else:
                    self.cookies[called] = content.strip('"')


async def converse(app: Any, scope: dict[str, Any], body: bytes) -> Answer:
    said = [{"type": "http.request", "body": body, "more_body": False}]
    answer = Answer()

    async def receive() -> dict[str, Any]:
        if said:
            return said.pop(0)
        await asyncio.Event().wait()  # the client waits for its answer
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        answer.messages.append(message)

    await app(scope, receive, send)
    return answer


class Office:
    """An application whose database has the main workspace in it."""

    def __init__(self, app: Any, persons: Persons) -> None:
        self.app = app
        self.persons = persons
        self.db = persons.db

    def nobody(self) -> Caller:
        return Caller(self.app)

    def operator(self) -> Caller:
        return Caller(self.app, ADMIN_TOKEN)

    async def sign_up(self, email: str, workspace: str = "Acme") -> Caller:
        """Somebody with a workspace of their own."""
        caller = self.nobody()
        body = {"email": email, "password": PASSWORD, "name": "N", "workspace": workspace}
        answer = await caller.post("/api/v1/signup", body)
        assert answer.status == 201, answer.body
        return caller

    async def invite(self, inviter: Caller, email: str, role: str) -> Caller:
        """A new member, who has accepted."""
        made = await inviter.post("/api/v1/invitations", {"email": email, "role": role})
        assert made.status == 201, made.body
        caller = self.nobody()
        body = {"code": made.json["code"], "password": PASSWORD, "name": "M"}
        answer = await caller.post("/api/v1/auth/invitation", body)
        assert answer.status == 200, answer.body
        return caller

    async def program(self, maker: Caller, role: str) -> Caller:
        """A management token of that role."""
        made = await maker.post("/api/v1/tokens", {"name": role, "role": role})
        assert made.status == 201, made.body
        return Caller(self.app, made.json["token"])

    async def member_id(self, caller: Caller, email: str) -> str:
        rows = (await caller.get("/api/v1/members")).json["data"]
        [id_] = [row["id"] for row in rows if row["email"] == email]
        return id_

    async def rows(self, table: Any) -> list[dict[str, Any]]:
        async with self.db.read() as connection:
            return [dict(row) for row in (await connection.execute(select(table))).mappings()]

    async def put(self, table: Any, **values: Any) -> None:
        async with self.db.write() as connection:
            await connection.execute(insert(table).values(**values))


async def main_workspace(db: Any) -> None:
    async with db.write() as connection:
        row = {"id": MAIN, "name": "main", "slug": "main", "created": 1}
        await connection.execute(insert(tables.workspaces).values(**row))
