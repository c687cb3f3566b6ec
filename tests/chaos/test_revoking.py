"""What is changed about a key counts everywhere, soon, and for good."""

from tests.chaos import revoking


def test_two_hosts_with_two_processes_each_know_of_a_changed_key(tmp_path, shared):
    revoking.everywhere(tmp_path, shared, hosts=2, workers=2, names=("limited", "revoked"))


def test_a_process_with_sqlite_knows_of_a_key_that_another_changes(tmp_path):
    revoking.everywhere(tmp_path, {}, hosts=1, workers=1, names=("disabled by the terminal",))
