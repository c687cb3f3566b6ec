"""However a call ends, it has one row, its entries, and the cost of what was generated."""

from tests.chaos import endings


def test_every_ending_has_its_row_and_its_entries_with_sqlite(tmp_path):
    url = f"sqlite:///{tmp_path / 'site/xroute.sqlite3'}"
    endings.all_of_them(tmp_path / "site", {}, url, 1)


def test_every_ending_has_its_row_and_its_entries_with_postgresql_and_redis(tmp_path, shared):
    endings.all_of_them(tmp_path / "site", shared, shared["database"], 1)
