"""Whatever a process dies under, every call is in the books once, and they agree with the provider's."""

from tests.chaos import killing

ROUNDS = 2


def test_one_process_with_sqlite_may_be_killed_under_200_streams(tmp_path):
    url = f"sqlite:///{tmp_path / 'site/xroute.sqlite3'}"
    killing.rounds(tmp_path / "site", killing.config(), url, 1, ROUNDS)


def test_two_processes_with_postgresql_and_redis_may_be_killed_under_200_streams(tmp_path, shared):
    killing.rounds(tmp_path / "site", killing.config(**shared), shared["database"], 2, ROUNDS)
