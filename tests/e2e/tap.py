"""A tap in the line between the gateway and an upstream: what goes through is kept for a test to look at."""

import contextlib
import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Passed:
    """One request of the gateway, and what the upstream said of it."""

    path: str
    body: dict[str, Any]
    status: int
    headers: dict[str, str]  # of the answer, names in lower case


@dataclass(slots=True)
class Tap:
    """Everything that passed, in order."""

    port: int
    passed: list[Passed] = field(default_factory=list)


@contextlib.contextmanager
def tapping(upstream: int) -> Iterator[Tap]:
    """Forwards what comes to a free port to the port `upstream`, until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    tap = Tap(server.server_port)
    server.RequestHandlerClass = _handler(tap, upstream)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield tap
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(tap: Tap, upstream: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            body = json.loads(raw)
            headers = {
                "authorization": self.headers["authorization"],
                "content-type": self.headers["content-type"],
                # The upstream decides by this header, OpenAI by the body's field.
                "accept": "text/event-stream" if body.get("stream") else "application/json",
            }
            line = http.client.HTTPConnection("127.0.0.1", upstream, timeout=120)
            with contextlib.closing(line):
                line.request("POST", self.path, raw, headers)
                answer = line.getresponse()
                data = answer.read()
            said = {name.lower(): value for name, value in answer.getheaders()}
            tap.passed.append(Passed(self.path, body, answer.status, said))
            self.send_response(answer.status)
            self.send_header("content-type", said["content-type"])
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            """Nothing: the test says what it misses."""

    return Handler
