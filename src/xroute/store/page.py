"""Lists in pages: the newest first, each page with a cursor to the next."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, Table, and_, or_
from sqlalchemy.ext.asyncio import AsyncConnection

from xroute.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a list; `next` is None where it is the last."""

    data: list[Any]
    next: str | None


async def page(
    connection: AsyncConnection,
    asked: Select[Any],
    table: Table,
    limit: int,
    cursor: str | None,
    shown: Callable[[Row[Any]], Any],
) -> Page:
    """Rows in the order of `created` and `id`, which `asked` has to select."""
    if cursor is not None:
        created, id_ = read_cursor(cursor)
        older = or_(table.c.created < created, and_(table.c.created == created, table.c.id < id_))
        asked = asked.where(older)
    asked = asked.order_by(table.c.created.desc(), table.c.id.desc()).limit(limit + 1)
    rows = (await connection.execute(asked)).all()
    last = rows[limit - 1] if len(rows) > limit else None
    return Page([shown(row) for row in rows[:limit]], write_cursor(last.created, last.id) if last else None)


def write_cursor(created: int, id_: str) -> str:
    """Where a page ended."""
    return base64.urlsafe_b64encode(f"{created}.{id_}".encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[int, str]:
    """Where the page before ended; InvalidRequest for what none of ours says."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        created, _, id_ = text.partition(".")
        if not (created.isdecimal() and len(created) < 16 and id_.isprintable()):
            raise ValueError(cursor)
        return int(created), id_
    except (ValueError, binascii.Error):
        raise InvalidRequest(
            "`cursor` is none that this list has given.", param="cursor", code="invalid_value"
        ) from None
