"""Millions of calls, made within the database itself: the same statements for SQLite and PostgreSQL."""

from collections.abc import AsyncIterator

from sqlalchemy import text

from xroute.store import retention, tables
from xroute.store.db import Database

DAY_MS = 24 * 3600 * 1000
DAYS = 90
KEYS, SMALL_KEYS, MODELS, USERS = 200, 20, 30, 5_000
STEP = 250_000  # rows of one statement

ATTEMPT = (
    '[["provider-1/model","provider-1","vendor/model-1","p/1",1,900,210,"",200,"chatcmpl-0123456789",'
    "[900,200,0,0,0,0,0,0,0,0,0,false],120000]]"
)


def _chance(multiplier: int, most: int) -> str:
    """A number below `most` that looks random and depends on the row's number `n` alone."""
    return f"((n * {multiplier} / 4096) % {most})"


SPACE = f"(CASE WHEN {_chance(2654435761, 10)} < 6 THEN 0 ELSE 1 + {_chance(2654435761, 4)} END)"
KEY = f"(CASE WHEN space = 0 THEN {_chance(2246822519, KEYS)} ELSE {_chance(2246822519, SMALL_KEYS)} END)"
MODEL = f"((key_number * 7 + {_chance(3266489917, 4)}) % {MODELS})"
TAGS = f"""'{{"team":"t' || {_chance(31337, 10)} || '"}}'"""
VALUES = {  # of columns; what is not here is 0, '' or false
    "day": f"at / {DAY_MS}",
    "at": "at",
    "workspace": "'ws_' || space",
    "project": "'prj_' || space || '_' || (key_number % 12)",
    "key": "'key_' || space || '_' || key_number",
    "member": "'mem_' || space || '_' || (key_number % 20)",
    "user": f"CASE WHEN {_chance(668265263, 10)} < 3 THEN 'user-' || {_chance(374761393, USERS)} ELSE '' END",
    "session": f"'s-' || {_chance(374761393, 1_000_000)}",
    "surface": "'openai'",
    "operation": "'chat'",
    "asked": "'vendor/model-' || model_number",
    "model": "'vendor/model-' || model_number",
    "provider": "'provider-' || (model_number % 8)",
    "outcome": f"CASE WHEN {_chance(1640531527, 50)} = 0 THEN 'failed' ELSE 'completed' END",
    "error_type": f"CASE WHEN {_chance(1640531527, 50)} = 0 THEN 'server' ELSE '' END",
    "finish": "'stop'",
    "tokens_in": f"200 + {_chance(97531, 3000)}",
    "tokens_out": f"20 + {_chance(86421, 800)}",
    "cached": f"{_chance(97531, 200)}",
    "cost_nano": f"20000 + {_chance(75319, 5_000_000)}",
    "charged_nano": f"20000 + {_chance(75319, 5_000_000)}",
    "price": "'p-' || (model_number % 8)",
    "duration_ms": f"300 + {_chance(64297, 9000)}",
    "ttft_ms": f"100 + {_chance(64297, 900)}",
    "overhead_us": f"60 + {_chance(53191, 60)}",
    "tries": "1",
    "tags": f"CASE WHEN {_chance(48611, 2)} = 0 THEN {TAGS} ELSE '' END",
    "attempts": f"'{ATTEMPT}'",
}
ROLL_UPS = (
    *("hourly", "hourly_keys", "hourly_models", "daily", "daily_keys", "daily_models"),
    *("tagged", "ended"),
)
FLAGS = ("stream", "estimated", "byok")
ROLLED = {
    "calls": "count(*)",
    "errors": "sum(CASE WHEN error_type <> '' THEN 1 ELSE 0 END)",
    "streams": "0",
    "estimated": "0",
    "unpriced": "0",
    "ttfts": "count(*)",
}


async def fill(db: Database, rows: int, last_day: int) -> AsyncIterator[str]:
    """Writes the calls of the days up to this one, oldest first, then their sums; says what it did."""
    first = (last_day - DAYS + 1) * DAY_MS
    if not db.is_sqlite:
        async with db.write() as connection:
            await retention.ensure_partitions(connection, range(last_day - DAYS + 1, last_day + 1))
    for begin in range(0, rows, STEP):
        end = min(begin + STEP, rows)
        async with db.write() as connection:
            await connection.exec_driver_sql(_calls(db, begin, end, first, DAYS * DAY_MS // rows))
        yield f"{end:,} calls"
    for name in ROLL_UPS:
        async with db.write() as connection:
            await connection.exec_driver_sql(_sums(name))
        yield name
    await _look(db, last_day)
    yield "swept"


async def _look(db: Database, last_day: int) -> None:
    """What the hourly sweep does, and PostgreSQL by itself when it is idle."""
    await retention.sweep(db, last_day * DAY_MS, DAYS)
    if not db.is_sqlite:
        async with db.engine.connect() as connection:
            plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await plain.execute(text("VACUUM ANALYZE"))


def _calls(db: Database, begin: int, end: int, first: int, apart: int) -> str:
    values = [_value(db, column.name) for column in tables.calls.columns]
    names = ", ".join(f'"{column.name}"' for column in tables.calls.columns)
    if db.is_sqlite:
        more = f"SELECT n + 1 FROM numbers WHERE n < {end - 1}"
        numbers = f"WITH RECURSIVE numbers(n) AS (SELECT {begin} UNION ALL {more})"
    else:
        numbers = f"WITH numbers AS (SELECT n FROM generate_series({begin}::bigint, {end - 1}::bigint) AS n)"
    return (
        f"INSERT INTO calls ({names}) {numbers} SELECT {', '.join(values)} FROM "
        f"(SELECT *, {MODEL} AS model_number FROM (SELECT *, {KEY} AS key_number FROM "
        f"(SELECT n, {first} + n * {apart} AS at, {SPACE} AS space FROM numbers) AS a) AS b) AS c"
    )


def _value(db: Database, name: str) -> str:
    if name == "id":
        return "'req-' || " + ("printf('%024x', n)" if db.is_sqlite else "lpad(to_hex(n), 24, '0')")
    if name in FLAGS:
        return "false"
    empty = "''" if name == "asked" else "0"
    return VALUES.get(name, empty)


def _sums(name: str) -> str:
    table = tables.metadata.tables[name]
    spans = {"hour": "at / 3600000", "day": "day", "tag": "'team'", "value": "substr(tags, 10, 2)"}
    key = [column.name for column in table.primary_key]
    groups = [spans.get(column, f'"{column}"') for column in key]
    sums = [ROLLED.get(column, f"sum({column})") for column in tables.SUMS]
    where = {"tagged": "WHERE tags <> ''", "ended": "WHERE \"user\" <> ''"}.get(name, "")
    names = ", ".join(f'"{column}"' for column in (*key, *tables.SUMS))
    numbers = ", ".join(str(number) for number in range(1, len(key) + 1))
    return (
        f"INSERT INTO {name} ({names}) SELECT {', '.join(groups)}, {', '.join(sums)} "
        f"FROM calls {where} GROUP BY {numbers} ORDER BY 2"  # as time writes them
    )
