"""What a person sees of each command: its output, its one clear message, its exit code."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from xroute import __version__
from xroute.cli import app
from xroute.config import schema

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command in an empty folder, with an environment of its own."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("XROUTE_") or name.endswith(("_KEY", "_TOKEN")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    runner = CliRunner()
    return lambda *words, **kept: runner.invoke(app, [str(word) for word in words], **kept)


OWN = """\
providers:
  mine: {base_url: "http://127.0.0.1:9/v1", models: [{id: x, serves: me/x}, {id: y, serves: me/y}]}
prices: {me/x: {input: 0.25, output: 1.5}}
"""


def write(text: str) -> Path:
    path = Path("xroute.yaml")
    path.write_text(text, "utf-8")
    return path


def test_the_version_is_printed(run: Run):
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"xroute {__version__}\n")


def test_help_lists_every_command(run: Run):
    shown = run("--help").stdout
    assert all(
        f"  {name}" in shown
        for name in ("serve", "models", "providers", "config", "doctor", "catalog", "sim", "bench")
    )


def test_version_and_help_load_nothing_heavy():
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom xroute.cli import app\n"
        "CliRunner().invoke(app, ['--version']); CliRunner().invoke(app, ['--help'])\n"
        "heavy = {'pydantic', 'yaml', 'granian', 'fastapi', 'genai_prices', 'orjson'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_package_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "xroute", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"xroute {__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        ["serve"],
        ["models"],
        ["providers"],
        ["config"],
        ["sim"],
        ["catalog", "revert"],
        ["serve", "--port", "0"],
    ],
)
def test_a_broken_configuration_is_a_message_and_exit_code_2(run: Run, words: list[str]):
    write("prot: 1\nkeys: 5\n")
    result = run(*words)
    assert result.exit_code == 2
    assert "xroute: xroute.yaml:1 prot: unknown setting; did you mean port or projects?\n" in result.stderr
    assert "xroute: xroute.yaml:2 keys: expected a list" in result.stderr
    assert "Traceback" not in result.output


def test_a_missing_file_is_a_message(run: Run):
    result = run("config", "--config", "nope.yaml")
    assert (result.exit_code, result.stderr) == (
        2,
        "xroute: nope.yaml: cannot be read: No such file or directory\n",
    )


def test_an_unknown_model_of_a_route_is_named_with_its_line(run: Run):
    write("models:\n  smart: {fallback: [openai/gpt-4oo]}\n")
    result = run("models")
    assert result.exit_code == 2
    assert "xroute.yaml:2 models.smart.fallback[0]: " in result.stderr
    assert "openai/gpt-4o" in result.stderr


def test_config_shows_every_value_and_its_origin(run: Run, monkeypatch: pytest.MonkeyPatch):
    write(
        "port: 9\nkeys:\n- {name: a, key: sk-verysecret-1234}\nproviders: {p: {query: {h: sk-verysecret-5}}}"
    )
    monkeypatch.setenv("XROUTE_LOG_LEVEL", "debug")
    result = run("config")
    rows = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines()}
    assert result.stderr == "file: xroute.yaml\n"
    assert rows["port"] == ["9", "xroute.yaml:1"]
    assert rows["keys[0].key"] == ["***1234", "xroute.yaml:3"]
    assert rows["log_level"] == ["debug", "XROUTE_LOG_LEVEL"]
    assert rows["host"] == ["127.0.0.1", "default"]
    assert "verysecret" not in result.output


def test_config_as_json_has_types_and_no_secrets(run: Run):
    write("keys: [{name: a, key: sk-verysecret-12}]\nprices: {m: {input: 0.1}}\ntimeouts: {total: null}")
    result = run("config", "--json")
    shown = json.loads(result.stdout)
    assert shown["port"] == {"value": 8790, "origin": "default"}
    assert shown["prices.m.input"] == {"value": "0.1", "origin": "xroute.yaml:2"}
    assert shown["timeouts.total"] == {"value": None, "origin": "xroute.yaml:3"}
    assert "verysecret" not in result.output


def test_config_without_origins_has_two_columns(run: Run):
    assert "default" not in run("config", "--no-show-origin").stdout


@pytest.mark.parametrize("words", [["config", "schema"], ["config", "--schema"]])
def test_config_prints_the_schema(run: Run, words: list[str]):
    assert json.loads(run(*words).stdout) == schema.schema()


def test_models_shows_prices_and_unknown_as_unknown(run: Run):
    write(OWN)
    lines = {line.split()[0]: line.split() for line in run("models").stdout.splitlines()}
    assert lines["me/x"][-2:] == ["0.25", "1.5"]
    assert lines["me/y"][-2:] == ["unknown", "unknown"]
    assert set(lines) == {"model", "me/x", "me/y"}


def test_models_as_json_has_a_null_for_an_unknown_price(run: Run):
    write(OWN)
    shown = {model["id"]: model["deployments"] for model in json.loads(run("models", "--json").stdout)}
    (known,), (unknown,) = shown["me/x"], shown["me/y"]
    assert (known["price"]["input"], known["price"]["output"]) == ("0.25", "1.5")
    assert known["in_use"] is True
    assert unknown["price"] is None


def test_models_shows_what_the_found_providers_serve(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GROQ_API_KEY", "gsk-0123456789")
    lines = run("models").stdout.splitlines()[1:]
    assert lines
    assert {line.split()[1] for line in lines} == {"groq"}


def test_models_searches_names_and_aliases(run: Run):
    ids = {
        model["id"]
        for model in json.loads(run("models", "--all", "--search", "GPT-4o-Mini", "--json").stdout)
    }
    assert "openai/gpt-4o-mini" in ids
    assert all("gpt-4o-mini" in name for name in ids)


def test_a_provider_that_nobody_knows_gets_near_names(run: Run):
    result = run("models", "--provider", "grog")
    assert result.exit_code == 2
    assert "near it: groq" in result.stderr


def test_retired_models_say_what_to_use(run: Run):
    lines = run("models", "--all", "--search", "o1-preview").stdout
    assert "retired " in lines
    assert ", use openai/" in lines


def test_providers_shows_which_key_was_found(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GROQ_API_KEY", "gsk-verysecret-0123456789")
    result = run("providers")
    used = result.stdout.splitlines()[1]
    assert used.split()[0] == "groq"
    assert "yes (GROQ_API_KEY)" in used
    assert "verysecret" not in result.output


def test_providers_as_json_counts_models(run: Run):
    entries = {entry["id"]: entry for entry in json.loads(run("providers", "--json").stdout)}
    assert entries["openai"]["models"] > 10
    assert entries["openai"]["in_use"] is False
    assert entries["openai"]["variables"] == ["OPENAI_API_KEY"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("warp", "'warp' is no fault"),
        ("status_500:evry=2", "--fault.evry: unknown key"),
    ],
)
def test_sim_refuses_what_is_no_fault(run: Run, text: str, expected: str):
    result = run("sim", "--fault", text)
    assert result.exit_code == 2
    assert expected in result.stderr


def test_sim_refuses_a_section_of_the_file_that_it_does_not_know(run: Run):
    write("sim: {sped: 1}")
    result = run("sim")
    assert result.exit_code == 2
    assert "sim.sped" in result.stderr


LIST = {
    "newhost": {
        "id": "newhost",
        "name": "New Host",
        "api": "https://api.newhost.example/v1",
        "env": ["NEWHOST_API_KEY"],
        "npm": "@ai-sdk/openai-compatible",
        "doc": "https://newhost.example/docs",
        "models": {
            "tiny-1": {
                "id": "tiny-1",
                "name": "Tiny 1",
                "limit": {"context": 4096, "output": 1024},
                "modalities": {"input": ["text"], "output": ["text"]},
            }
        },
    }
}


def test_an_import_is_shown_asked_about_and_taken_back(run: Run):
    Path("list.json").write_text(json.dumps(LIST))
    refused = run("catalog", "import", "models.dev", "--file", "list.json", input="n\n")
    assert "+ provider newhost" in refused.stdout
    assert refused.exit_code == 1
    assert "newhost" not in run("providers").stdout
    taken = run("catalog", "import", "models.dev", "--file", "list.json", input="y\n")
    assert taken.exit_code == 0
    assert "newhost" in run("providers").stdout
    assert run("catalog", "revert").exit_code == 0
    assert "newhost" not in run("providers").stdout
    again = run("catalog", "revert")
    assert (again.exit_code, "no import to take back" in again.stderr) == (1, True)


def test_an_import_without_questions_needs_a_yes_beforehand(run: Run):
    Path("list.json").write_text(json.dumps(LIST))
    assert run("catalog", "import", "models.dev", "--file", "list.json", "--yes").exit_code == 0
    second = run("catalog", "import", "models.dev", "--file", "list.json", "--yes")
    assert second.exit_code == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "list.json: is not JSON"), ("[]", "expected a JSON object")],
)
def test_an_import_of_something_else_is_refused(run: Run, content: str, message: str):
    Path("list.json").write_text(content)
    result = run("catalog", "import", "models.dev", "--file", "list.json")
    assert result.exit_code == 2
    assert message in result.stderr


def test_an_import_names_what_cannot_be_read_and_what_it_does_not_know(run: Run):
    missing = run("catalog", "import", "models.dev", "--file", "nope.json")
    assert missing.exit_code == 2
    assert "nope.json: cannot be read: No such file" in missing.stderr
    assert run("catalog", "import", "models.com").exit_code == 2


def test_bench_without_an_endpoint_says_so(run: Run):
    result = run("bench", "--url", "http://127.0.0.1:9/v1", "--calls", 2, "--concurrency", 1)
    assert result.exit_code == 1
    assert "2 x 127.0.0.1:9 cannot be connected to" in result.stderr
    assert "calls answered" in result.stdout


def test_doctor_offline_finds_what_is_wrong(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", '"sk-verysecret-0123"')
    monkeypatch.setenv("GROQ_API_KEY", "gsk-verysecret-0123")
    result = run("doctor", "--offline")
    assert "warn  provider openai, key OPENAI_API_KEY: has quotes around it" in result.stdout
    assert "ok    provider groq, key GROQ_API_KEY: present" in result.stdout
    assert "verysecret" not in result.output


def test_doctor_fails_for_a_broken_configuration(run: Run):
    write("prot: 1\nport: x\n")
    result = run("doctor", "--offline")
    assert result.exit_code == 1
    assert "fail  config: xroute.yaml:1 prot: unknown setting" in result.stdout
    assert "fail  config: xroute.yaml:2 port: expected a whole number" in result.stdout


def test_doctor_fails_for_a_provider_that_cannot_be_reached(run: Run):
    write("providers: {mine: {base_url: 'http://127.0.0.1:9/v1', api_key: sk-verysecret-0123}}")
    result = run("doctor")
    assert result.exit_code == 1
    assert "fail  provider mine, key 1: 127.0.0.1:9 cannot be reached" in result.stdout
    assert "verysecret" not in result.output
