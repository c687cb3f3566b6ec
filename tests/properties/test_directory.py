"""Whatever people change in whatever order, following the changes gives what reading everything gives."""

import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from xroute.errors import CallError
from xroute.store import migrate, tables
from xroute.store.audit import Actor
from xroute.store.bounds import Bounds, Subject
from xroute.store.db import Database, now_ms
from xroute.store.directory import Directory
from xroute.store.keys import Keys, Wish
from xroute.store.opening import ensure_main
from xroute.store.pepper import digest
from xroute.store.projects import Projects
from xroute.store.workspaces import MAIN, Workspaces

PEPPER = b"p" * 32
OPERATOR = Actor("admin_token", operator=True)
STEPS, LOOKS = 60, 6


class People:
    """Does something that is allowed or not, at random."""

    def __init__(self, db: Database, chance: random.Random) -> None:
        self.chance = chance
        self.keys, self.projects, self.workspaces = Keys(db, PEPPER), Projects(db), Workspaces(db)
        self.limits, self.budgets = Bounds(db, tables.limits), Bounds(db, tables.budgets)
        self.spaces, self.secrets = [MAIN], list[str]()
        self.ids: dict[str, list[tuple[str, str]]] = {"key": [], "project": [], "limit": [], "budget": []}

    async def act(self) -> None:
        acts = [
            *(self.make_key, self.make_key, self.rotate, self.switch, self.move, self.revoke),
            *(self.make_project, self.archive, self.price, self.close, self.bound, self.bound, self.rebound),
        ]
        with suppress(CallError):  # some of it cannot be: to rotate a revoked key, to use an archived project
            await self.chance.choice(acts)()

    def one(self, kind: str) -> tuple[str, str]:
        return self.chance.choice(self.ids[kind] or [(MAIN, "none")])

    def figures(self, name: str) -> dict[str, Any]:
        some = self.chance.randrange(1, 9)
        return (
            {"rpm": some}
            if name == "limits"
            else {"nano": some, "window": self.chance.choice(["day", "total"])}
        )

    async def make_key(self) -> None:
        space = self.chance.choice(self.spaces)
        mine = [id_ for of, id_ in self.ids["project"] if of == space]
        wish = Wish(
            f"key {len(self.secrets)}",
            project=self.chance.choice([*mine, ""]),
            policy={"models": ["a/*"]} if self.chance.random() < 0.3 else {},
            expires=now_ms() + 10**9 if self.chance.random() < 0.3 else None,
            limits=[self.figures("limits")] if self.chance.random() < 0.5 else [],
            budgets=[self.figures("budgets")] if self.chance.random() < 0.5 else [],
        )
        row, secret = await self.keys.create(OPERATOR, space, wish)
        self.ids["key"].append((space, row["id"]))
        self.secrets.append(secret)

    async def rotate(self) -> None:
        space, id_ = self.one("key")
        row, secret = await self.keys.rotate(OPERATOR, space, id_, self.chance.choice([0, 10**9]))
        self.ids["key"].append((space, row["id"]))
        self.secrets.append(secret)

    async def switch(self) -> None:
        await self.chance.choice([self.keys.disable, self.keys.enable])(OPERATOR, *self.one("key"))

    async def revoke(self) -> None:
        await self.keys.revoke(OPERATOR, *self.one("key"))

    async def move(self) -> None:
        values = {"project": self.one("project")[1], "route": self.chance.choice(["", "fast"])}
        values |= {"limits": [self.figures("limits") for _ in range(self.chance.randrange(3))]}
        await self.keys.change(OPERATOR, *self.one("key"), values)

    async def make_project(self) -> None:
        space = self.chance.choice(self.spaces)
        values = {"name": f"project {self.chance.randrange(99)}", "limits": [self.figures("limits")]}
        row = await self.projects.create(OPERATOR, space, values)
        self.ids["project"].append((space, row["id"]))

    async def archive(self) -> None:
        await self.projects.archive(OPERATOR, *self.one("project"), self.chance.choice([None, 1]))

    async def price(self) -> None:
        plan = self.chance.choice(["unmetered", "prepaid", "postpaid"])
        values = {"plan": plan, "credit_line_nano": 5, "markup_ppm": self.chance.choice([900_000, 1_100_000])}
        await self.workspaces.change(OPERATOR, self.chance.choice(self.spaces), values)

    async def close(self) -> None:
        if len(self.spaces) < 3:
            self.spaces.append(
                (await self.workspaces.create(OPERATOR, {"slug": f"s{len(self.spaces)}"}))["id"]
            )
        act = self.chance.choice([self.workspaces.close, self.workspaces.open, self.workspaces.open])
        await act(OPERATOR, self.chance.choice(self.spaces))

    async def bound(self) -> None:
        owner = self.one("key")
        scope, (space, id_) = self.chance.choice(
            [
                ("workspace", (MAIN, MAIN)),
                ("key", self.one("key")),
                ("project", self.one("project")),
                ("user", (MAIN, "*")),
                ("user", (MAIN, "eve")),
                ("user", (owner[0], f"*{owner[1]}")),
            ]
        )
        bounds, kind = self.chance.choice([(self.limits, "limit"), (self.budgets, "budget")])
        row = await bounds.create(OPERATOR, Subject(space, scope, id_), self.figures(bounds.table.name))
        self.ids[kind].append((space, row["id"]))

    async def rebound(self) -> None:
        bounds, kind = self.chance.choice([(self.limits, "limit"), (self.budgets, "budget")])
        if self.chance.random() < 0.5:
            await bounds.remove(OPERATOR, *self.one(kind))
        else:
            await bounds.change(OPERATOR, *self.one(kind), self.figures(bounds.table.name))


def told(directory: Directory, secret: str) -> Any:
    """All that the data plane learns of a key."""
    try:
        who = directory.find(digest(PEPPER, secret))
    except CallError as error:
        return error.code
    if who is None:
        return None
    fields = (who.name, who.id, who.workspace, who.project, who.member, who.policy, who.route)
    users = [sorted(map(repr, who.rules.gates("a/b", user, 1.8e9))) for user in ("", "eve")]
    return *fields, dict(who.labels), who.markup_ppm, who.expires, users


@pytest.mark.parametrize("seed", range(8))
async def test_who_followed_knows_what_who_reads_everything_knows(tmp_path: Path, seed: int):
    db = Database(f"sqlite:///{tmp_path / 'x.sqlite3'}")
    await migrate.ready(db)
    async with db.write() as connection:
        await ensure_main(connection)
    following = Directory(db)
    await following.load()
    people = People(db, random.Random(seed))
    for _ in range(4):
        await people.make_key()
    seen = set()
    for step in range(STEPS):
        await people.act()
        if step % LOOKS == 0:
            await following.refresh()
            fresh = Directory(db)
            await fresh.load()
            for secret in people.secrets:
                known = told(following, secret)
                assert known == told(fresh, secret)
                seen.add(known if isinstance(known, str) else "good")
    assert "good" in seen
    await db.close()
