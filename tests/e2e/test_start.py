"""What starting the gateway does, and what it leaves for later; in counts."""

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
import pytest
from tests.e2e.servers import PYTHON, environ, gateway

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


class Counting(BaseHTTPRequestHandler):
    """A provider that says the same to everybody."""

    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.connections += 1

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.server.requests += 1
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Nothing: the counts say it."""


@pytest.fixture
def provider():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    server.connections = server.requests = 0
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_provider_hears_nothing_until_the_first_call_and_then_over_one_connection(provider, tmp_path):
    address = f"http://127.0.0.1:{provider.server_port}/v1"
    config = {"providers": {"openai": {"api_key": "sk-upstream", "base_url": address}}}
    with (
        gateway(tmp_path, config) as server,
        openai.OpenAI(api_key=server.key, base_url=server.url, max_retries=0) as client,
    ):
        client.models.list()
        assert (provider.connections, provider.requests) == (0, 0)
        for _ in range(5):
            client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Hi"}])
        assert (provider.connections, provider.requests) == (1, 5)


def modules(code, folder):
    """Names of the modules that are there once `code` has run."""
    done = subprocess.run(
        [PYTHON, "-c", f"{code}; import sys; print(*sys.modules)"],
        env=environ(folder),
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    return done.stdout.split()


def test_importing_xroute_imports_one_module(tmp_path):
    assert [name for name in modules("import xroute", tmp_path) if name.startswith("xroute")] == ["xroute"]


def test_serving_imports_no_http_client_and_no_management_api(tmp_path):
    roots = {name.partition(".")[0] for name in modules("import xroute.web.serve", tmp_path)}
    assert "pydantic" in roots
    assert not roots & {"granian", "fastapi", "starlette", "httpx", "requests", "aiohttp", "urllib3"}
