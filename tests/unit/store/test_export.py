"""Exports: a cell is never a formula, and money is exact in every format."""

import csv
import io
import sys
from decimal import Decimal

import pytest

from xroute.errors import InvalidRequest
from xroute.store.export import Column, as_csv, as_parquet, check_parquet, safe

COLUMNS = [
    Column("at", "time"),
    Column("user"),
    Column("calls", "whole"),
    Column("stream", "flag"),
    Column("cost_usd", "usd", "cost_nano"),
]
ROW = {"at": 1_795_219_200_123, "user": "ann", "calls": 3, "stream": True, "cost_nano": 4500}
EMPTY = {"at": None, "user": None, "calls": None, "stream": False, "cost_nano": None}


async def chunks(*some):
    for rows in some:
        yield rows


async def whole(parts):
    return b"".join([part async for part in parts])


async def test_csv_has_names_and_exact_dollars():
    data = await whole(as_csv(COLUMNS, chunks([ROW], [], [EMPTY])))
    assert data.decode().split("\r\n") == [
        "at,user,calls,stream,cost_usd",
        "2026-11-21T00:00:00.123Z,ann,3,true,0.0000045",
        ",,,false,",
        "",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "＝1",
        '=HYPERLINK("http://x";"y")',
        "-2+3+cmd|' /C calc'!A0",
    ],
)
async def test_a_callers_text_is_never_a_formula(text):
    data = await whole(as_csv([Column("user")], chunks([{"user": text}])))
    [_, [cell]] = csv.reader(io.StringIO(data.decode(), newline=""))
    assert cell == f"'{text}"


def test_other_text_stays_as_it_is():
    assert [safe(text) for text in ("openai/gpt-4o", "a=b", "", "1-2", None)] == [
        "openai/gpt-4o",
        "a=b",
        "",
        "1-2",
        "",
    ]


async def test_quotes_commas_and_lines_stay_within_their_cell():
    wild = 'a,"b"\r\nc;d\ud800'
    data = await whole(
        as_csv([Column("user"), Column("calls", "whole")], chunks([{"user": wild, "calls": -1}]))
    )
    [_, cells] = csv.reader(io.StringIO(data.decode(), newline=""))
    assert cells == [wild.replace("\ud800", "?"), "-1"]


async def test_parquet_has_types_and_a_row_group_for_each_chunk():
    import pyarrow
    import pyarrow.parquet

    data = await whole(as_parquet(COLUMNS, chunks([ROW, ROW], [EMPTY])))
    file = pyarrow.parquet.ParquetFile(io.BytesIO(data))
    assert file.num_row_groups == 2
    table = file.read()
    assert table.schema.field("cost_usd").type == pyarrow.decimal128(28, 9)
    rows = table.to_pylist()
    assert rows[0]["cost_usd"] == Decimal("0.0000045")
    assert int(rows[0]["at"].timestamp() * 1000) == ROW["at"]
    assert rows[2] == {"at": None, "user": None, "calls": None, "stream": False, "cost_usd": None}


async def test_parquet_of_nothing_is_a_file_all_the_same():
    import pyarrow.parquet

    data = await whole(as_parquet(COLUMNS, chunks()))
    assert pyarrow.parquet.read_table(io.BytesIO(data)).num_rows == 0


def test_without_pyarrow_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InvalidRequest, match=r"install `xroute\[export\]`, or ask for csv"):
        check_parquet()
