"""The command `llm`, to which our models are named in its file extra-openai-models.yaml."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from llm.cli import cli
from tests.e2e.conftest import MODELS
from tests.e2e.servers import environ

TEXT = "This is the xroute simulator"
TOOL = 'def weather(city: str) -> str:\n    "The weather of a city."\n    return "4 degrees, rain"\n'


@pytest.fixture
def home(gateway, tmp_path):
    """Its folder, in which models are named by the ways that they are asked, each of another provider."""
    entry = {
        "api_base": gateway.url,
        "api_key_name": "xroute",
        "supports_tools": True,
        "supports_schema": True,
    }
    models = [
        {"model_id": "chat", "model_name": MODELS["anthropic"], **entry},
        {"model_id": "responses", "model_name": MODELS["openai"], "responses": True, **entry},
        {"model_id": "lost", "model_name": "nobody/nothing", **entry},
    ]
    (tmp_path / "extra-openai-models.yaml").write_text(json.dumps(models))  # JSON is YAML too
    (tmp_path / "keys.json").write_text(json.dumps({"xroute": gateway.key}))
    return tmp_path


@pytest.fixture
def llm(home, monkeypatch):
    """Runs the command inside this process: importing it takes longer than all that it does."""
    monkeypatch.setenv("LLM_USER_PATH", str(home))
    return lambda *args: CliRunner().invoke(cli, list(args))


@pytest.fixture(params=["chat", "responses"])
def ask(llm, request):
    def ask(*args):
        done = llm("-m", request.param, *args)
        assert done.exit_code == 0, (done.output, done.exception)
        return done

    return ask


def usage(done):
    """(input, output) tokens, as it shows them."""
    return [int(found.replace(",", "")) for found in re.findall(r"([\d,]+) (?:in|out)put", done.stderr)]


def test_the_command_itself_answers(home):
    env = environ(home, {"LLM_USER_PATH": str(home)})
    command = [str(Path(sys.executable).with_name("llm")), "-m", "chat", "Hello"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=180, check=False)
    assert done.stdout.startswith(TEXT), done.stderr


def test_an_answer_is_the_same_streamed_or_not_and_the_talk_goes_on(ask):
    streamed, whole = ask("Hello", "-u"), ask("Hello", "-u", "--no-stream")
    assert streamed.stdout.startswith(TEXT)
    assert streamed.stdout == whole.stdout
    assert min(usage(streamed)) > 0
    assert usage(streamed) == usage(whole)
    assert usage(ask("And?", "-u", "-c"))[0] > usage(whole)[0]


@pytest.mark.parametrize("more", [(), ("--no-stream",)])
def test_a_function_is_called_and_its_result_answered(ask, more):
    done = ask("What is the weather in Oslo?", "--functions", TOOL, "--td", *more)
    assert "Tool call: weather(" in done.stderr
    assert "4 degrees, rain" in done.stderr
    assert done.stdout.strip()


def test_a_schema_is_kept_by_the_answer(ask):
    made = json.loads(ask("A dog", "--schema", "name, age int").stdout)
    assert made.keys() == {"name", "age"}
    assert isinstance(made["age"], int)


def test_an_error_is_told_in_our_words(llm):
    done = llm("-m", "lost", "Hello")
    assert done.exit_code == 1
    assert "No model `nobody/nothing` is known." in done.stderr
