"""Two processes that count by themselves are told so."""

from sqlalchemy import update

from xroute.store import tables
from xroute.store.alone import Alone
from xroute.store.journal import Journal
from xroute.store.writer import Writer


async def test_another_process_that_lives_is_found_and_one_that_died_is_not(database, tmp_path, caplog):
    own, other = (Journal(tmp_path / name, 10**6) for name in ("own", "other"))
    writer = Writer(database, other)
    alone = Alone(database, own.id)
    try:
        await writer.turn()
        for _ in range(3):
            await alone.look()
            assert alone.state == "up"
        async with database.write() as connection:
            await connection.execute(update(tables.journals).values(seen=tables.journals.c.seen + 5000))
        await alone.look()
        assert "serves with the same database" in alone.state
        assert "Set `redis`" in caplog.text
        await alone.look()
        assert alone.state == "up"
    finally:
        await writer.stop()
        own.close()
        other.close()
