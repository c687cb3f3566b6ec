"""Usage as files: their columns, and the answers that carry them."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

from fastapi.responses import StreamingResponse

from xroute.store.export import Column, as_csv, as_parquet, check_parquet
from xroute.store.usage import Usage

Format = Literal["json", "csv", "parquet"]
Chunks = AsyncGenerator[Sequence[Mapping[str, Any]]]
TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
SUMS = [
    *(Column(name, "whole") for name in ("calls", "errors", "streams")),
    Column("tries", "whole"),
    *(Column(name, "whole") for name in ("estimated", "unpriced", "tokens_in", "tokens_out", "cached")),
    Column("reasoning", "whole"),
    Column("cost_usd", "usd", "cost_nano"),
    Column("charged_usd", "usd", "charged_nano"),
]
CALLS = [
    Column("id"),
    Column("at", "time"),
    *(Column(name) for name in ("project", "key", "member", "user", "session", "surface", "operation")),
    *(Column(name) for name in ("asked", "model", "provider")),
    Column("stream", "flag"),
    *(Column(name) for name in ("outcome", "error_type", "finish")),
    *(Column(name, "whole") for name in ("tokens_in", "tokens_out", "cached", "cache_write", "reasoning")),
    *(Column(name, "whole") for name in ("audio_in", "audio_out", "image_in", "image_out")),
    Column("estimated", "flag"),
    Column("cost_usd", "usd", "cost_nano"),
    Column("charged_usd", "usd", "charged_nano"),
    Column("byok", "flag"),
    *(Column(name, "whole") for name in ("duration_ms", "ttft_ms", "overhead_us")),
    Column("tries", "whole"),
    Column("tags"),
]


def seen(columns: Sequence[Column], sees_cost: bool) -> list[Column]:
    """Those that this person may see."""
    return [column for column in columns if sees_cost or column.name != "cost_usd"]


def points(found: Usage, by: str | None, sees_cost: bool) -> tuple[list[Column], Chunks]:
    """Sums as a table: a row for each span and group."""
    names = {group.id: group.name for group in found.groups}

    async def rows() -> Chunks:
        yield [
            {"start": point.start, "group": point.group, "name": names.get(point.group), **asdict(point.sums)}
            for point in found.points
        ]

    told = [Column(by, "text", "group"), Column("name")] if by else []
    return [Column("start", "time"), *told, *seen(SUMS, sees_cost)], rows()


async def file(format: Format, name: str, columns: Sequence[Column], chunks: Chunks) -> StreamingResponse:
    """A file, as it is read from the database. What is wrong is said before it begins."""
    if format == "parquet":
        check_parquet()
    first = await anext(chunks, None)

    async def all_chunks() -> Chunks:
        if first is not None:
            yield first
            async for rows in chunks:
                yield rows

    write = as_parquet if format == "parquet" else as_csv
    headers = {"content-disposition": f'attachment; filename="{name}.{format}"'}
    return StreamingResponse(write(columns, all_chunks()), media_type=TYPES[format], headers=headers)
