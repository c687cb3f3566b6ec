"""A database or a Redis that is away: calls go on as configured, and the figures are right afterwards."""

import pytest
from tests.chaos import outage
from tests.chaos.outage import Outage

SECONDS = 3.0


def test_a_postgresql_that_is_frozen_and_one_that_crashes_fail_no_call(tmp_path, postgres, shared):
    happens = outage.of_postgres(postgres)
    outage.of_database(tmp_path / "site", shared, shared["database"], 2, happens, SECONDS)


def test_a_sqlite_file_that_somebody_locks_fails_no_call(tmp_path):
    path, held = tmp_path / "site/xroute.sqlite3", []
    happens = [Outage("locked", lambda: outage.lock(path, held), lambda: held.pop().close())]
    outage.of_database(tmp_path / "site", {}, f"sqlite:///{path}", 1, happens, SECONDS)


@pytest.mark.parametrize(("when_down", "first"), [("closed", 0), ("open", 1)])
def test_a_redis_that_is_frozen_and_one_that_comes_back_empty(
    tmp_path, shared, redis_server, when_down, first
):
    settings = {**shared, "redis": {"url": redis_server.url, "when_down": when_down}}
    happens = outage.of_server(redis_server)[first:]
    outage.of_redis(tmp_path / "site", settings, shared["database"], redis_server, happens, SECONDS)
