"""Load: one request over a raw socket, and wrk."""

import re
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = """
wrk.method = "POST"
wrk.body = {body}
{headers}
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d\\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.timeout, e.status))
end
"""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as the load sends it."""

    port: int
    path: str
    headers: dict[str, str]
    body: bytes

    def encode(self) -> bytes:
        """Its bytes on the wire."""
        fields = {"host": f"127.0.0.1:{self.port}", **self.headers, "content-length": str(len(self.body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"POST {self.path} HTTP/1.1\r\n{head}\r\n".encode() + self.body


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk counted."""

    requests: int
    seconds: float


class HttpError(OSError):
    """An answer came, and it is no 200."""


def fetch(port: int, request: bytes, timeout_s: float = 10.0) -> bytes:
    """The body of one answer; OSError where there is none, HttpError for another status than 200."""
    with socket.create_connection(("127.0.0.1", port), timeout_s) as sock:
        sock.sendall(request)
        held = b""
        while not is_whole(held):
            data = sock.recv(65536)
            if not data:
                break
            held += data
    head, _, body = held.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise HttpError(f"answered {held[:600].decode('utf-8', 'replace')!r}")
    return body


def is_whole(held: bytes) -> bool:
    """Whether an answer has come to its end."""
    head, mark, body = held.partition(b"\r\n\r\n")
    if not mark:
        return False
    found = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    return len(body) >= int(found[1]) if found else body.endswith(b"0\r\n\r\n")


def start_wrk(ask: Ask, folder: Path, *, connections: int, seconds: float) -> "subprocess.Popen[str]":
    """wrk under way, with one thread."""
    script = folder / "wrk.lua"
    headers = "\n".join(f"wrk.headers[ {_lua(name)} ] = {_lua(value)}" for name, value in ask.headers.items())
    script.write_text(_SCRIPT.format(body=_lua(ask.body.decode()), headers=headers))
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "20s", "-s", str(script)]
    return subprocess.Popen(
        [*argv, f"http://127.0.0.1:{ask.port}{ask.path}"], stdout=subprocess.PIPE, text=True
    )


def result(wrk: "subprocess.Popen[str]") -> Load:
    """What a finished wrk counted; RuntimeError if a request failed, as a failure is no measurement."""
    out, _ = wrk.communicate()
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+)", out)
    if found is None:
        raise RuntimeError(f"wrk gave no result: {out}")
    requests, micros, broken, refused = map(int, found.groups())
    if refused or broken > requests / 1000:
        raise RuntimeError(f"{refused} requests were answered badly and {broken} not at all, of {requests}")
    return Load(requests, micros / 1e6)


def _lua(text: str) -> str:
    return "[==[" + text + "]==]"
