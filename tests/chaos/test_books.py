"""What compares the books finds whatever is wrong with them."""

import asyncio
import shutil
import sqlite3

from tests.chaos import books
from tests.chaos.crowd import Crowd
from tests.chaos.killing import config
from tests.chaos.site import KEY, site

FIRST = "(SELECT id FROM calls WHERE user = 'u-0')"
WRONG = {  # what is done to the database, and what is said of it
    "DELETE FROM calls WHERE user = 'u-0'": "there is no call of it",
    "UPDATE calls SET user = 'u-1' WHERE user = 'u-0'": "u-1 has 2 calls",
    "UPDATE calls SET charged_nano = charged_nano + 1 WHERE user = 'u-0'": "its entries say",
    "UPDATE calls SET cost_nano = cost_nano - 1 WHERE user = 'u-0'": "cost 20",
    "UPDATE calls SET outcome = 'lost' WHERE user = 'u-0'": "has its answer, and is lost",
    f"DELETE FROM entries WHERE kind = 'release' AND call = {FIRST}": "was held",
    f"UPDATE entries SET nano = nano + 1 WHERE kind = 'hold' AND call = {FIRST}": "its entries make",
    "UPDATE purses SET spent = spent + 1 WHERE key LIKE 'bud%total'": "purse bud",
    "UPDATE purses SET spent = spent - 1 WHERE key LIKE '%:requests:%'": "purse lim",
    "UPDATE daily SET calls = calls + 1": "roll-up daily",
    "UPDATE hourly SET charged_nano = charged_nano - 1": "roll-up hourly",
    "INSERT INTO holds (id, journal, at, data) VALUES ('req-9', 'jrn', 1, '{}')": "req-9 is held still",
}


def differences(folder, seen):
    found = books.read(f"sqlite:///{folder / 'xroute.sqlite3'}")
    return books.differences(found, books.sales(folder / "served.jsonl"), seen)


def tampered(folder, other, statement):
    """A copy in which a statement has changed something."""
    for name in ("xroute.sqlite3", "served.jsonl"):
        shutil.copy(folder / name, other / name)
    connection = sqlite3.connect(other / "xroute.sqlite3", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = OFF")
    assert connection.execute(statement).rowcount > 0, statement
    connection.close()
    return other


def test_books_that_agree_have_no_difference_and_a_row_that_is_wrong_is_found(tmp_path):
    folder = tmp_path / "site"
    with site(folder, config(), {"output_tokens": 20}) as place:
        crowd = Crowd(place.port, KEY)
        for number in range(3):
            asyncio.run(crowd.call(f"u-{number}", stream=number == 0))
        place.stop()
    assert differences(folder, crowd.seen) == []
    for statement, found in WRONG.items():
        said = differences(tampered(folder, tmp_path, statement), crowd.seen)
        assert any(found in each for each in said), (statement, said)
    lines = (folder / "served.jsonl").read_text()
    (folder / "served.jsonl").write_text(lines.replace('"tokens":20,"how"', '"tokens":21,"how"'))
    assert len([each for each in differences(folder, crowd.seen) if "cost" in each]) == 3
