"""Telling people of alerts: each once, whichever process is first, and again where a mail did not go out."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import insert, select, update

from xroute.config.settings import Settings
from xroute.errors import NotFound
from xroute.store import billing
from xroute.store.audit import Actor
from xroute.store.db import Database
from xroute.store.ledger import Ledger
from xroute.store.notices import OLD_MS, MailFailed, Notices, raise_alert
from xroute.store.tables import alerts, members, users, workspaces

WHO = Actor("user", id="u", user="u", workspace="ws_1", role="owner")


class Post:
    """A mail server that takes mails, or is away."""

    def __init__(self) -> None:
        self.sent: list[tuple[tuple[str, ...], str, str]] = []
        self.is_away = False

    async def __call__(self, to: Sequence[str], subject: str, text: str) -> None:
        await asyncio.sleep(0)
        if self.is_away:
            raise MailFailed("mail.example.com:587: refused")
        self.sent.append((tuple(to), subject, text))


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
async def notices(database: Database, post: Post) -> Notices:
    """Of a workspace with a person of each role, one of them disabled."""
    people = [("owner", "owner"), ("pay", "billing"), ("dev", "developer"), ("gone", "owner")]
    async with database.write() as connection:
        for id_ in ("ws_1", "ws_2"):
            await connection.execute(insert(workspaces).values(id=id_, name=f"W {id_}", slug=id_, created=0))
        for name, role in people:
            row = {"id": name, "email": f"{name}@b.c", "disabled": name == "gone", "created": 0}
            await connection.execute(insert(users).values(**row))
            row = {"id": f"m_{name}", "workspace": "ws_1", "user": name, "role": role, "created": 0}
            await connection.execute(insert(members).values(**row))
    return Notices(database, post)


async def alert(db: Database, ref: str = "r", workspace: str = "ws_1") -> bool:
    async with db.write() as connection:
        return await raise_alert(connection, workspace, "topup", ref, f"text {ref}")


async def test_owners_and_who_pays_get_one_mail(notices: Notices, database: Database, post: Post):
    assert await alert(database)
    assert await notices.tell() == 1
    assert post.sent == [(("owner@b.c", "pay@b.c"), "xroute: automatic top-up (W ws_1)", "text r")]
    assert await notices.tell() == 0
    assert len(post.sent) == 1


async def test_an_alert_with_the_same_reference_is_there_once(notices: Notices, database: Database):
    assert [await alert(database), await alert(database), await alert(database, "s")] == [True, False, True]
    assert [each.text for each in await notices.page("ws_1", 10)] == ["text s", "text r"]


async def test_several_processes_send_each_mail_once(notices: Notices, database: Database, post: Post):
    for number in range(5):
        await alert(database, f"r{number}")
    others = [Notices(database, post) for _ in range(3)]
    told = await asyncio.gather(notices.tell(), *(other.tell() for other in others))
    assert (sum(told), len(post.sent)) == (5, 5)


async def test_while_the_mail_server_is_away_an_alert_waits(
    notices: Notices, database: Database, post: Post, caplog: pytest.LogCaptureFixture
):
    await alert(database)
    post.is_away = True
    assert await notices.tell() == 0
    assert "could not be mailed, it is tried again: mail.example.com:587: refused" in caplog.text
    post.is_away = False
    assert await notices.tell() == 1
    assert len(post.sent) == 1


async def test_what_is_a_day_old_is_not_mailed_any_more(notices: Notices, database: Database, post: Post):
    await alert(database)
    async with database.write() as connection:
        await connection.execute(update(alerts).values(at=alerts.c.at - OLD_MS - 1000))
    assert await notices.tell() == 1
    assert post.sent == []


async def test_without_a_mail_server_or_people_it_is_in_the_log(
    notices: Notices, database: Database, post: Post, caplog: pytest.LogCaptureFixture
):
    await alert(database, "a")
    assert await Notices(database).tell() == 1
    await alert(database, "b", "ws_2")
    assert await notices.tell() == 1
    assert post.sent == []
    assert "alert (topup) of workspace ws_1: text a" in caplog.text
    assert "alert (topup) of workspace ws_2: text b" in caplog.text


async def test_seeing_an_alert_twice_keeps_the_first_time(notices: Notices, database: Database):
    await alert(database)
    (one,) = await notices.page("ws_1", 10)
    first = await notices.see(WHO, "ws_1", one.id)
    assert (await notices.see(WHO, "ws_1", one.id)).seen == first.seen is not None
    assert await notices.page("ws_1", 10, unseen=True) == []
    with pytest.raises(NotFound):
        await notices.see(WHO, "ws_2", one.id)


async def test_a_round_waits_for_a_database_that_is_away(caplog: pytest.LogCaptureFixture):
    away = Database("postgresql://nobody@127.0.0.1:9/none")
    made = billing.assemble(away, Ledger(away), b"pepper", Settings())
    await made.look()
    assert "top-ups and alerts wait for the database" in caplog.text
    await away.close()


async def test_a_round_does_what_is_due(notices: Notices, database: Database, post: Post):
    made = billing.assemble(database, Ledger(database), b"pepper", Settings(), post)
    await alert(database)
    await made.look()
    assert len(post.sent) == 1
    async with database.read() as connection:
        assert (await connection.execute(select(alerts.c.told))).scalar_one() is not None
