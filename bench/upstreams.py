"""The constant upstreams: nginx for whole answers and coalesced streams, bench.paced for paced ones."""

import json
import shutil
import sys
import time
from pathlib import Path

from bench.load import fetch
from bench.process import Process, free_port
from bench.spoken import DIALECTS
from bench.ways import KINDS, provider

NGINX = """worker_processes 1; daemon off; pid {dir}/nginx.pid; error_log {dir}/nginx.err;
events {{ worker_connections 16384; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_buffer_size 64k;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
{locations}
  }}
}}
"""
LOCATIONS = """    location /{whole_name}/ {{
      default_type application/json; error_page 405 =200 $uri; return 200 '{whole}'; }}
    location /{stream_name}/ {{ error_page 405 =200 /{dialect}.stream; return 405; }}
    location = /{dialect}.stream {{ internal; root {dir}; types {{}}
      default_type text/event-stream; open_file_cache max=4; }}"""


class Upstreams:
    """Three upstreams of each dialect: `bases` are their base URLs by `ways.provider`, so that OpenAI's are
    `whole`, `coalesced` and `paced`."""

    def __init__(self, folder: Path) -> None:
        port, self._paced_port = free_port(), free_port()
        for dialect, spoken in DIALECTS.items():
            (folder / f"{dialect}.stream").write_bytes(spoken.stream)
        folder.chmod(0o755)  # nginx's worker is another user when the master is root
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(dir=folder, port=port, locations=_locations(folder)))
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        self._nginx = Process(
            [nginx, "-c", str(config), "-p", str(folder), "-e", str(folder / "nginx.err")],
            folder / "nginx.log",
        )
        self._paced = Process(
            [sys.executable, "-m", "bench.paced", str(self._paced_port)], folder / "paced.log"
        )
        self.port = port
        ports = {"whole": port, "coalesced": port, "paced": self._paced_port}
        names = {provider(dialect, kind): ports[kind] for dialect in DIALECTS for kind in KINDS}
        self.bases = {name: f"http://127.0.0.1:{of}/{name}/v1" for name, of in names.items()}

    def wait(self) -> None:
        """Returns when they answer; RuntimeError says what they wrote."""
        for process, port, path in (
            (self._nginx, self.port, "/whole/v1"),
            (self._paced, self._paced_port, "/control"),
        ):
            end = time.perf_counter() + 10
            while not _answers(port, path):
                if not process.is_alive() or time.perf_counter() > end:
                    raise RuntimeError(f"an upstream did not start: {process.tail()}")
                time.sleep(0.02)

    def pace(self, interval_s: float | None = None, chunks: int | None = None) -> dict[str, int]:
        """Sets the pace of streams that begin later; the counts of chunks written and streams open."""
        wanted = {"interval": interval_s, "chunks": chunks}
        query = "&".join(f"{name}={value}" for name, value in wanted.items() if value is not None)
        return json.loads(
            fetch(self._paced_port, f"GET /control?{query} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        )

    def stop(self) -> None:
        """Ends them."""
        self._nginx.stop()
        self._paced.stop()


def _locations(folder: Path) -> str:
    return "\n".join(
        LOCATIONS.format(
            dir=folder,
            dialect=dialect,
            whole=spoken.whole,
            whole_name=provider(dialect, "whole"),
            stream_name=provider(dialect, "coalesced"),
        )
        for dialect, spoken in DIALECTS.items()
    )


def _answers(port: int, path: str) -> bool:
    try:
        fetch(port, f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    except OSError:
        return False
    return True
