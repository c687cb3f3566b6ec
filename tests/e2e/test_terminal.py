"""The terminal beside a server that runs: on its database, and over HTTP with a token."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from tests.e2e.servers import PYTHON, Server, environ, gateway

Terminal = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("terminal")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    """xroute with its simulator; what it keeps is in the folder."""
    with gateway(folder, {}) as running:
        yield running


@pytest.fixture
def terminal(folder: Path) -> Terminal:
    """`xroute` in a process of its own, with the server's configuration or what else the environment says."""

    def run(*words: Any, **env: str) -> subprocess.CompletedProcess[str]:
        command = [PYTHON, "-m", "xroute", *map(str, words)]
        return subprocess.run(
            command,
            check=False,
            cwd=folder,
            env=environ(folder, env),
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


@pytest.fixture
def remote(server: Server, terminal: Terminal) -> Terminal:
    """`xroute` on another machine: it has an address and a token, and nothing else."""
    token = terminal("tokens", "create", "--role", "owner", "--name", "other machine").stdout.strip()

    def run(*words: Any) -> subprocess.CompletedProcess[str]:
        nothing = {"XROUTE_STATE_DIR": "/nowhere", "XROUTE_CONFIG": "", "HOME": "/nowhere"}
        return terminal(*words, **nothing, XROUTE_URL=server.origin, XROUTE_TOKEN=token)

    return run


def call(server: Server, key: str) -> int:
    """The status of a call with a key."""
    body = json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}).encode()
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    try:
        with urlopen(Request(f"{server.url}/chat/completions", body, headers), timeout=120) as answer:
            answer.read()
            return answer.status
    except HTTPError as error:
        return error.code


def until(done: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_running_server_takes_a_key_made_beside_it_and_lets_go_of_a_revoked_one(server, terminal):
    key = terminal("keys", "create", "beside").stdout.strip()
    until(lambda: call(server, key) == 200)
    assert terminal("keys", "revoke", "beside").returncode == 0
    until(lambda: call(server, key) == 401)


def test_everything_goes_over_http_with_a_token(server, remote):
    made = remote("keys", "create", "afar", "--rpm", 1)
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    assert call(server, key) == 200  # the server itself made it
    assert call(server, key) == 429
    listed = json.loads(remote("keys", "list", "--json").stdout)["data"]
    assert "afar" in [each["name"] for each in listed]
    until(lambda: "afar" in remote("usage", "--by", "key").stdout)
    rows = remote("usage", "calls", "--key", "afar", "--csv").stdout.splitlines()
    assert rows[0].startswith("id,at,project,key")
    assert remote("limits", "list", "--key", "afar").stdout.count("1 rpm") == 1
    last = json.loads(remote("audit", "--action", "key.create", "--json").stdout)["data"][0]
    assert (last["actor_kind"], last["actor_name"]) == ("token", "other machine")


def test_what_the_role_does_not_allow_is_told(server, remote):
    refused = remote("credits", "topup", 5)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "xroute: This needs the role operator: your role here is owner." in refused.stderr
    assert remote("workspaces", "list", "-w", "other").returncode == 1


def test_a_token_that_is_not_known_lets_nobody_in(server, terminal):
    refused = terminal("keys", "list", "--url", server.url, "--token", "xrt-unknown")
    assert (refused.returncode, refused.stderr) == (1, "xroute: This management token is not known here.\n")


def test_the_terminal_works_without_a_server_and_the_next_one_knows_what_it_did(tmp_path, terminal):
    place = {"XROUTE_STATE_DIR": str(tmp_path), "HOME": str(tmp_path)}
    key = terminal("keys", "create", "before", **place).stdout.strip()
    with gateway(tmp_path, {}) as server:
        assert call(server, key) == 200
    after = terminal("keys", "list", **place)
    assert after.returncode == 0, after.stderr
    assert "e2e" in after.stdout  # what the file declares was declared by the server
