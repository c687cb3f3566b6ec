"""The gateway as a process: what it prints, what it answers, and how it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

import httpx2
import pytest
from tests.gateway.wires import SOON_S
from tests.ports import free_port

RUN = """
import os
from xroute.config.load import load
from xroute.web.serve import run
run(load(None, dict(os.environ)))
"""
ASK = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hi"}]}


def start(folder, **more):
    """A gateway without any settings but its port; its address, the process and the file of its output."""
    port = free_port()
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "XROUTE_PORT": str(port)}
    output = folder / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", RUN],
            cwd=folder,
            env=environ | {"XROUTE_DISCOVER": "false"} | more,
            stdout=file,
            stderr=file,
        )
    return f"http://127.0.0.1:{port}", process, output


def wait(url, process):
    """Until it answers."""
    until = time.monotonic() + SOON_S
    while True:
        assert process.poll() is None and time.monotonic() < until
        try:
            return httpx2.get(f"{url}/readyz", trust_env=False, timeout=SOON_S)
        except httpx2.TransportError:
            time.sleep(0.02)


def test_with_nothing_set_the_simulator_answers_the_key_that_was_made_and_a_signal_ends_it(tmp_path):
    keys = []
    for _ in range(2):
        url, process, output = start(tmp_path)
        try:
            assert wait(url, process).json()["status"] == "ready"
            banner = output.read_text()
            keys += re.findall(r"^  key +(xr-\S+)$", banner, re.MULTILINE)
            assert "SIMULATOR" in banner and f"{url}/v1" in banner
            headers = {"authorization": f"Bearer {keys[0]}"}
            reply = httpx2.post(
                f"{url}/v1/chat/completions", json=ASK, headers=headers, trust_env=False, timeout=SOON_S
            )
            assert (reply.status_code, reply.headers["x-xroute-provider"]) == (200, "sim")
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(SOON_S) == 0
        assert "Traceback" not in output.read_text()
    assert len(keys) == 1  # shown at the first start, known and not shown at the second
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "output"]
    assert kept and not any(keys[0].encode() in path.read_bytes() for path in kept)


@pytest.mark.parametrize("server", ["own", "granian"])
def test_either_server_answers_and_streams(tmp_path, server):
    url, process, output = start(tmp_path, XROUTE_SERVER=server)
    try:
        assert wait(url, process).headers["server"] == {"own": "xroute"}.get(server, server)
        [key] = re.findall(r"^  key +(xr-\S+)$", output.read_text(), re.MULTILINE)
        with httpx2.Client(
            headers={"authorization": f"Bearer {key}"}, trust_env=False, timeout=SOON_S
        ) as client:
            for _ in range(2):
                assert client.post(f"{url}/v1/chat/completions", json=ASK).status_code == 200
            streamed = client.post(f"{url}/v1/chat/completions", json=ASK | {"stream": True})
            assert streamed.text.endswith("data: [DONE]\n\n")
            assert client.post(f"{url}/v1/chat/completions", content=b"{").status_code == 400
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(SOON_S) == 0
    assert "Traceback" not in output.read_text()


def test_what_libraries_say_of_secrets_is_not_logged_at_debug_either(tmp_path):
    url, process, output = start(tmp_path, XROUTE_LOG_LEVEL="debug")
    person = {"email": "eve@example.com", "password": "a horse that counts", "name": "E", "workspace": "W"}
    try:
        wait(url, process)
        assert (
            httpx2.post(f"{url}/api/v1/signup", json=person, trust_env=False, timeout=SOON_S).status_code
            == 201
        )
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(SOON_S) == 0
    written = output.read_text()
    assert "argon2" not in written
    assert "eve@example.com" not in written


def test_a_port_that_is_taken_is_a_message_and_exit_code_2(tmp_path):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "xroute", "serve", "--port", str(port)],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XROUTE_DISCOVER": "false"},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr
