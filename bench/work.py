"""What a call does, counted: the bytecodes that Python runs for it, by function. `python -m bench.work`.

Unlike microseconds these are the same on every machine and under any load, so that a change of some percent
is seen at once. What C code does for a call (parsing JSON, SQLite, the kernel) is not in them.
"""

import argparse
import asyncio
import json
import os
import socket
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import uvloop

from bench import anew
from bench.process import free_port
from bench.spoken import DIALECTS
from bench.subjects import bounded
from bench.ways import KEY, WAYS, Way, providers
from xroute.config.load import load
from xroute.gateway.compose import compose
from xroute.upstream.client import HttpTransport
from xroute.web.app import create_app
from xroute.web.server import Server
from xroute.web.start import open_parts

WARM = 100  # calls before it is counted
BATCH = 100  # calls that the writer brings into the database at once, as it does at 1,000 a second
LINKS = 8  # a client's connections
Tracer = Callable[[FrameType, str, Any], Any]


class Counting:
    """Bytecodes and entries of each code object, over all threads that it is on in."""

    def __init__(self) -> None:
        self.codes: Counter[CodeType] = Counter()
        self.entries: Counter[CodeType] = Counter()
        self.is_on = False

    def global_(self, frame: FrameType, event: str, arg: Any) -> Tracer | None:
        """For sys.settrace: of frames that begin."""
        if not self.is_on:
            return None
        self.entries[frame.f_code] += 1
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._local

    def _local(self, frame: FrameType, event: str, arg: Any) -> Tracer:
        if event == "opcode" and self.is_on:
            self.codes[frame.f_code] += 1
        return self._local

    def table(self, calls: int, shown: int) -> str:
        """The functions with the most of them, for one call."""
        codes, entries = sum(self.codes.values()) / calls, sum(self.entries.values()) / calls
        lines = [f"{codes:8.0f} bytecodes, {entries:.0f} entries of functions"]
        for code, count in self.codes.most_common(shown):
            name = f"{_place(code.co_filename)} {code.co_qualname}"
            lines.append(f"{count / calls:8.1f} {self.entries[code] / calls:6.2f}  {name}")
        return "\n".join(lines)

    def files(self, calls: int) -> str:
        """The same by file."""
        found: Counter[str] = Counter()
        for code, count in self.codes.items():
            found[_place(code.co_filename)] += count
        return "\n".join(f"{count / calls:8.1f}  {name}" for name, count in found.most_common(40))


def upstream(port: int, answers: dict[str, bytes]) -> None:
    """A server in a thread: the answer of each path's first word."""
    listener = socket.create_server(("127.0.0.1", port))

    def serve(link: socket.socket) -> None:
        with link:
            while data := _request(link):
                word = data.split(b" ", 2)[1].split(b"/")[1].decode()
                body = answers[word]
                media = b"text/event-stream" if word.endswith("coalesced") else b"application/json"
                head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (
                    media,
                    len(body),
                )
                link.sendall(head + body)

    def accept() -> None:
        while True:
            link, _ = listener.accept()
            threading.Thread(target=serve, args=(link,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def _request(link: socket.socket) -> bytes:
    """One request's bytes; b"" at the end."""
    held = b""
    while b"\r\n\r\n" not in held:
        if not (data := link.recv(65536)):
            return b""
        held += data
    head, _, body = held.partition(b"\r\n\r\n")
    lower = head.lower()
    if (at := lower.find(b"content-length:")) >= 0:
        left = int(lower[at + 15 :].split(b"\r\n", 1)[0]) - len(body)
        while left > 0:
            left -= len(link.recv(65536))
    return held


async def measure(folder: Path, wanted: argparse.Namespace, counting: Counting) -> None:
    """Serves calls in this thread, which is counted; the client and the provider are in others."""
    there = free_port()
    names = {name: f"http://127.0.0.1:{there}/{name}/v1" for name in _kinds()}
    upstream(there, _kinds())
    config = folder / "xroute.yaml"
    head = f"host: 127.0.0.1\nport: 1\nstate_dir: {folder}\n"
    more = await asyncio.to_thread(anew.make) if wanted.shared else ""
    keys = f"keys: [{{name: bench, key: {KEY}}}]\n" if wanted.key_only else bounded(KEY)
    config.write_text(head + keys + more + providers(names))
    loaded = load(config, {})
    scene = compose(loaded)
    http = HttpTransport(proxy=None)
    transports: dict[str, Any] = {"http": http, "https": http}
    parts = await open_parts(loaded, scene, transports)
    app = create_app(scene, transports, parts.pepper, parts)
    parts.begin(30)
    server = Server(app, "127.0.0.1", 0)
    listener = await server.listen()
    way = {each.name: each for each in (Way("chat", "openai"), *WAYS)}[wanted.way]
    request = way.ask(server.port, "coalesced" if wanted.stream else "whole").encode()
    links = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(LINKS)]
    await parts.writer.stop()  # how many calls a batch of its own has is a matter of time
    try:
        await asyncio.to_thread(ask, links, request, WARM)
        await parts.writer.flush()
        counting.is_on = True
        for done in range(0, wanted.calls, BATCH):
            await asyncio.to_thread(ask, links, request, min(BATCH, wanted.calls - done))
            await parts.writer.flush()
        counting.is_on = False
    finally:
        for link in links:
            link.close()
        listener.close()
        await parts.close()
        await http.close()


def ask(links: list[socket.socket], request: bytes, calls: int) -> None:
    """Calls, one after another."""
    for number in range(calls):
        link = links[number % len(links)]
        link.sendall(request)
        held = b""
        while not _is_whole(held):
            data = link.recv(1 << 20)
            if not data:
                raise RuntimeError(f"the connection ended: {held[:300]!r}")
            held += data
        if not held.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(held[:600].decode("utf-8", "replace"))


def _is_whole(held: bytes) -> bool:
    head, mark, body = held.partition(b"\r\n\r\n")
    if not mark:
        return False
    at = head.lower().find(b"content-length:")
    return len(body) >= int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else body.endswith(b"0\r\n\r\n")


def _kinds() -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for dialect, spoken in DIALECTS.items():
        prefix = "" if dialect == "openai" else f"{dialect}-"
        found |= {
            f"{prefix}whole": spoken.whole.encode(), f"{prefix}coalesced": spoken.stream,
            f"{prefix}paced": spoken.stream,
        }  # fmt: skip
    return found


def _place(path: str) -> str:
    """A file's name, from its package on."""
    for mark in ("/src/", "/site-packages/", "/lib/"):
        if mark in path:
            return path.rpartition(mark)[2]
    return path.rsplit(os.sep, 1)[-1]


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.work", description=__doc__)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--way", default="chat to openai")
    parser.add_argument("--stream", action="store_true", help="a stream of 200 chunks")
    parser.add_argument("--key-only", action="store_true", help="without limits and budgets")
    parser.add_argument("--shared", action="store_true", help="with Redis and PostgreSQL")
    parser.add_argument("--top", type=int, default=60, help="functions shown")
    parser.add_argument("--json", type=Path, help="write the figures by function here")
    wanted = parser.parse_args(argv)
    counting = Counting()
    threading.settrace(counting.global_)
    sys.settrace(counting.global_)
    with (
        tempfile.TemporaryDirectory(prefix="xroute-work-") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(measure(Path(folder), wanted, counting))
    sys.settrace(None)
    threading.settrace(None)  # pyright: ignore[reportArgumentType]
    _drop_own(counting)
    print(counting.table(wanted.calls, wanted.top))
    print("\nby file")
    print(counting.files(wanted.calls))
    if wanted.json:
        rows = {
            f"{_place(c.co_filename)} {c.co_qualname}": n / wanted.calls for c, n in counting.codes.items()
        }
        wanted.json.write_text(json.dumps(rows, indent=1))
    return 0


def _drop_own(counting: Counting) -> None:
    for code in [c for c in counting.codes if c.co_filename == __file__]:
        del counting.codes[code], counting.entries[code]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
