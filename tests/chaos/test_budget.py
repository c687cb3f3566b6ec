"""300 calls at once against $0.01."""

from tests.chaos import budget


def test_two_processes_never_pass_a_budget_and_use_nearly_all_of_it(tmp_path, shared):
    budget.rush(tmp_path / "site", budget.config(**shared), shared["database"], workers=2)


def test_one_process_with_sqlite_never_passes_a_budget_and_uses_nearly_all_of_it(tmp_path):
    url = f"sqlite:///{tmp_path / 'site/xroute.sqlite3'}"
    budget.rush(tmp_path / "site", budget.config(), url, workers=1)
