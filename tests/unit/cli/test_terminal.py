"""Keys, people, limits and workspaces from the terminal, on a database of its own and without a server."""

import getpass
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.cli.test_commands import Run, run  # noqa: F401  a fixture


def ok(result):
    assert result.exit_code == 0, result.output
    return result


def told(run, *words):  # noqa: F811
    return json.loads(ok(run(*words, "--json")).stdout)


def test_a_key_is_printed_once_and_alone(run: Run):  # noqa: F811
    made = ok(run("keys", "create", "ci", "--model", "openai/*", "--rpm", 60, "--budget-usd", "0.0005"))
    secret = made.stdout.strip()
    assert secret.startswith("xr-")
    assert made.stdout == f"{secret}\n"
    assert "shown once" in made.stderr
    later = "".join(run(*words).output for words in (["keys", "list"], ["keys", "show", "ci"], ["audit"]))
    assert secret not in later
    assert secret[:10] in later
    assert "60 rpm" in later
    assert "$0 of $0.0005 a month" in later


def test_a_key_lives_and_ends(run: Run):  # noqa: F811
    ok(run("keys", "create", "ci", "--label", "team=web", "--expires", "90d", "--region", "eu"))
    ok(run("keys", "update", "ci", "--name", "cd", "--zdr", "--clear", "regions", "--clear", "labels"))
    changed = told(run, "keys", "show", "cd")
    assert (changed["zdr"], changed["regions"], changed["labels"]) == (True, [], {})
    assert changed["expires"] is not None
    assert told(run, "keys", "disable", "cd")["state"] == "disabled"
    assert told(run, "keys", "enable", "cd")["state"] == "active"
    rotated = told(run, "keys", "rotate", "cd", "--overlap-hours", 1)
    assert rotated["key"].startswith("xr-")
    assert rotated["id"] != changed["id"]
    assert told(run, "keys", "revoke", changed["id"])["state"] == "revoked"
    # the name is that of the new one alone now
    assert told(run, "keys", "show", "cd")["id"] == rotated["id"]


def test_who_is_at_the_terminal_stands_in_the_audit_log(run: Run):  # noqa: F811
    ok(run("keys", "create", "ci"))
    ok(run("keys", "update", "ci", "--name", "cd"))
    changed, made = told(run, "audit", "--action", "key.", "--since", "1h")["data"]
    assert {made["actor_kind"], changed["actor_kind"]} == {"cli"}
    assert made["actor_name"] == getpass.getuser()
    shown = ok(run("audit", "--action", "key.update")).stdout
    assert f"{getpass.getuser()} (cli)" in shown
    assert "name: ci -> cd" in shown


def test_what_is_named_twice_has_to_be_named_by_id(run: Run):  # noqa: F811
    ok(run("keys", "create", "ci"))
    ok(run("keys", "create", "ci"))
    result = run("keys", "revoke", "ci")
    assert result.exit_code == 1
    assert "several of the keys here are 'ci': say which one by its id (key_" in result.stderr
    assert run("keys", "revoke", "cd").stderr == (
        "xroute: none of the keys here is 'cd': `xroute keys list` shows them\n"
    )


def test_what_the_api_refuses_is_told_in_its_words_with_exit_code_1(run: Run):  # noqa: F811
    result = run("keys", "show", "key_000000000000000000000000")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "xroute: There is no such key.\n"
    assert "address" in run("keys", "create", "x", "--address", "here").stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("keys create x --label a", "--label a is written as name=value"),
        ("keys create x --expires soon", "--expires soon is no time: write 7d"),
        ("keys create x --budget-usd much", "much is no amount of dollars"),
        ("keys update key_1", "nothing is to be changed"),
        ("keys update key_1 --clear name", "--clear name: use one of models"),
        ("projects update prj_1", "nothing is to be changed"),
        ("workspaces update main", "nothing is to be changed"),
        ("limits set", "say what is limited, as --rpm 60"),
        ("limits set --rpm 5 --key key_1 --project prj_1", "--key and --project: a limit is of one of them"),
        ("limits set --rpm 5 --user a --key key_1", "--key and --user: a limit is of one of them"),
        ("limits set --id lim_1 --rpm 5 --key key_1", "--id is one that is there"),
        ("limits set --lift all", "--lift all: use one of rpm"),
        ("budgets set nan", "nan is no amount of dollars"),
        ("budgets set 5 --id bud_1 --key key_1", "--id is one that is there"),
        ("users update usr_1", "nothing is to be changed"),
        ("credentials update cred_1", "nothing is to be changed"),
        ("credentials add openai a", "there is no secret on standard input"),
        ("usage --json calls", "options stand behind the command: xroute usage calls --..."),
        ("usage --csv --json", "say one of them"),
        ("invoices --csv", "say of which month"),
        ("invoices 2026-11 --csv --json", "say one of them"),
        ("credits auto --usd 5", "say both --below-usd and --usd"),
        ("audit --since 999999w", "is beyond every calendar"),
    ],
)
def test_what_cannot_be_meant_is_exit_code_2(run: Run, words: str, said: str):  # noqa: F811
    result = run(*words.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_projects_group_keys_and_are_archived(run: Run):  # noqa: F811
    ok(run("projects", "create", "web", "--route", "gpt-4o-mini"))
    ok(run("keys", "create", "ci", "--project", "web"))
    ok(run("keys", "create", "other"))
    assert [key["name"] for key in told(run, "keys", "list", "--project", "web")["data"]] == ["ci"]
    assert "gpt-4o-mini" in ok(run("projects", "list")).stdout
    assert "its keys are refused" in ok(run("projects", "archive", "web")).stderr
    assert told(run, "projects", "show", "web")["archived"] is not None
    ok(run("projects", "restore", "web"))
    assert told(run, "projects", "update", "web", "--name", "site", "--route", "")["route"] == ""


def test_workspaces_are_apart_and_named_by_option_or_variable(run: Run, monkeypatch):  # noqa: F811
    ok(run("workspaces", "create", "acme", "--plan", "prepaid", "--markup", "1.1", "--credit-line-usd", 5))
    ok(run("keys", "create", "theirs", "-w", "acme"))
    assert [key["name"] for key in told(run, "keys", "list")["data"]] == []
    assert [key["name"] for key in told(run, "keys", "list", "--workspace", "acme")["data"]] == ["theirs"]
    monkeypatch.setenv("XROUTE_WORKSPACE", "acme")
    assert "theirs" in ok(run("keys", "list")).stdout
    shown = ok(run("workspaces", "list")).stdout
    assert "prepaid" in shown
    assert "$5     1.1" in shown
    assert "is closed" in ok(run("workspaces", "close", "acme")).stderr
    assert "is open again" in ok(run("workspaces", "open", "acme")).stderr
    result = run("keys", "list", "-w", "none")
    assert (result.exit_code, result.stderr) == (1, "xroute: There is no workspace 'none'.\n")


def test_limits_and_budgets_are_set_changed_and_lifted(run: Run):  # noqa: F811
    key = json.loads(run("keys", "create", "ci", "--json").stdout)["id"]
    ok(run("limits", "set", "--key", "ci", "--rpm", 60, "--max-call-usd", "0.25", "--model", "openai/*"))
    (limit,) = told(run, "limits", "list", "--key", "ci")["data"]
    assert (limit["scope"], limit["subject"], limit["rpm"]) == ("key", key, 60)
    assert "60 rpm and $0.25 a call of openai/*" in ok(run("limits", "list")).stdout
    changed = told(run, "limits", "set", "--id", limit["id"], "--lift", "rpm", "--tpm-in", 9000)
    assert (changed["rpm"], changed["tpm_in"]) == (None, 9000)
    assert run("limits", "remove", limit["id"]).stderr == f"limit {limit['id']} is lifted\n"
    ok(run("budgets", "set", "0.000000001", "--user", "*", "--key", "ci", "--window", "day", "--soft"))
    (budget,) = told(run, "budgets", "list")["data"]
    assert (budget["usd"], budget["hard"], budget["within"]) == (1e-09, False, key)
    assert "$0.000000001" in ok(run("budgets", "list")).stdout
    assert told(run, "budgets", "set", 7, "--id", budget["id"], "--window", "total")["window"] == "total"
    ok(run("budgets", "remove", budget["id"]))
    assert told(run, "budgets", "list")["data"] == []


def test_people_are_invited_and_have_a_role(run: Run):  # noqa: F811
    invited = ok(run("members", "invite", "anne@example.com", "--role", "admin"))
    assert invited.stdout.startswith("http")
    assert "anne@example.com is invited as admin; give them this link; it is shown once" in invited.stderr
    assert "anne@example.com" in ok(run("members", "invitations")).stdout
    ok(run("members", "uninvite", "anne@example.com"))
    assert told(run, "members", "invitations")["data"] == []
    assert told(run, "members", "list")["data"] == []
    assert told(run, "users", "list")["data"] == []
    result = run("members", "role", "anne@example.com", "viewer")
    assert (result.exit_code, "none of the members here" in result.stderr) == (1, True)


def test_tokens_are_made_for_programs(run: Run):  # noqa: F811
    made = ok(run("tokens", "create", "--role", "viewer", "--name", "deploy", "--days", 30))
    assert made.stdout.startswith("xrt-")
    ours = ok(run("tokens", "create", "--role", "operator"))
    assert "operator of the whole installation" in ours.stderr
    assert [token["role"] for token in told(run, "tokens", "list")["data"]] == ["viewer"]
    assert [token["name"] for token in told(run, "tokens", "list", "--installation")["data"]] == ["operator"]
    assert told(run, "tokens", "revoke", "deploy")["revoked"] is not None
    ok(run("tokens", "revoke", "operator", "--installation"))


def test_a_long_list_is_read_page_by_page_and_says_that_there_is_more(run: Run):  # noqa: F811
    for number in range(3):
        ok(run("projects", "create", f"p{number}"))
    first = run("projects", "list", "--limit", 2)
    assert first.stderr == "there are more: --limit 20\n"
    assert len(first.stdout.splitlines()) == 3
    page = told(run, "projects", "list", "--limit", 2)
    assert (len(page["data"]), page["next"] is not None) == (2, True)
    assert told(run, "projects", "list")["next"] is None


def test_credentials_are_stored_from_standard_input_and_shown_masked(run: Run):  # noqa: F811
    secret = "sk-canary-0123456789abcdefghij-canary"
    added = ok(run("credentials", "add", "openai", "ours", "--installation", input=f"{secret}\n"))
    assert "is stored, for https://api.openai.com alone" in added.stderr
    shown = ok(run("credentials", "list", "--installation"))
    ok(run("credentials", "update", "ours", "--disable", "--installation"))
    assert told(run, "credentials", "show", "ours", "--installation")["disabled"] is True
    ok(run("credentials", "remove", "ours", "--installation"))
    assert secret not in added.output + shown.output + run("audit", "--installation", "--json").output
    assert told(run, "credentials", "list")["data"] == []


def test_the_database_is_its_owners_alone(run: Run):  # noqa: F811
    ok(run("keys", "list"))
    (file,) = Path("state").rglob("xroute.sqlite3")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_postgresql_of_the_configuration_is_worked_on_alike(run: Run, monkeypatch, postgres_url: str):  # noqa: F811
    monkeypatch.setenv("XROUTE_DATABASE", postgres_url)
    ok(run("keys", "create", "ci", "--rpm", 5))
    ok(run("credits", "topup", "5.000000001"))
    assert told(run, "credits", "show")["balance_usd"] == 5.000000001
    assert [key["name"] for key in told(run, "keys", "list")["data"]] == ["ci"]
    assert "in all" in ok(run("usage", "--by", "key")).stdout
    assert not list(Path().rglob("*.sqlite3"))


def test_help_imports_no_command_of_the_api():
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom xroute.cli import app\n"
        "from xroute.cli.app import API\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print([word for word in (*API, 'remote', 'terminal') if f'xroute.cli.{word}' in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_asking_a_server_imports_neither_the_application_nor_the_database():
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom xroute.cli import app\n"
        "words = ['keys', 'list', '--url', 'http://127.0.0.1:9', '--token', 't']\n"
        "assert CliRunner().invoke(app, words).exit_code == 1\n"
        "print(sorted({'fastapi', 'sqlalchemy', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_reader_that_goes_away_is_no_accident(run: Run, tmp_path: Path):  # noqa: F811
    ok(run("keys", "list"))
    command = f"{sys.executable} -m xroute usage --step day --since 300d --csv | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("start,calls")
    assert "Traceback" not in done.stderr
