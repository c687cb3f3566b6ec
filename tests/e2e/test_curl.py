"""The first minute of a new user: start without any settings, paste the curl line of the banner."""

import json
import shutil
import subprocess

import pytest
from tests.e2e.servers import environ, gateway


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A gateway that knows nothing and looks for nothing, so that the simulator answers."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    with gateway(tmp_path_factory.mktemp("curl") / "xroute", XROUTE_DISCOVER="false") as server:
        yield server


def banner_line(server):
    """The curl command of the banner, as one line."""
    text = server.log.read_text().replace("\\\n", " ")
    return next(line.strip() for line in text.splitlines() if line.strip().startswith("curl "))


def shell(line, folder):
    done = subprocess.run(
        line, shell=True, env=environ(folder), capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


def test_the_line_of_the_banner_answers_and_says_that_it_is_a_simulator(fresh, tmp_path):
    head, _, body = shell(banner_line(fresh) + " -s -i", tmp_path).partition("\n\n")
    answer = json.loads(body)
    assert head.startswith("HTTP/1.1 200")
    assert "x-xroute-provider: sim" in head
    assert "x-xroute-model: openai/gpt-5" in head
    assert answer["choices"][0]["message"]["content"].startswith("This is the xroute simulator")


def test_the_same_line_streams(fresh, tmp_path):
    line = banner_line(fresh).replace('{"model"', '{"stream": true, "model"')
    events = shell(line + " -s -N", tmp_path).strip().split("\n\n")
    assert events[-1] == "data: [DONE]"
    chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-1]]
    assert "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks).startswith("This is the")
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_without_the_key_there_is_no_answer(fresh, tmp_path):
    line = banner_line(fresh).replace("Bearer ", "Bearer not-")
    body = json.loads(shell(line + " -s", tmp_path))
    assert body["error"]["code"] == "invalid_api_key"


def test_the_key_is_shown_once_and_kept_as_a_hash(fresh):
    key = banner_line(fresh).partition("Bearer ")[2].partition('"')[0]
    files = [file for file in fresh.log.parent.rglob("*") if file.is_file() and file != fresh.log]
    stored = [file.read_bytes() for file in files]
    assert len(key) > 20
    assert stored
    assert not any(key.encode() in data for data in stored)
