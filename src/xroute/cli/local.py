"""The management API in this process: for a terminal on a machine that has the configuration."""

import asyncio
from collections.abc import MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xroute.cli.remote import Refused, Request, Take
from xroute.cli.sources import load_settings

if TYPE_CHECKING:
    from xroute.web.console import Console


class Local:
    """A `Way` without a server; one that runs beside it sees every change within a second."""

    def __init__(self, config: Path | None) -> None:
        self._config = config
        self._console: Console | None = None

    async def send(self, request: Request, take: Take) -> int:
        """ConfigError where the configuration or its database cannot be used."""
        if self._console is None:
            self._console = await self._opened()
        status, ended = 500, False

        said: list[MutableMapping[str, Any]] = [
            {"type": "http.request", "body": request.body, "more_body": False}
        ]

        async def receive() -> MutableMapping[str, Any]:
            if not said:
                await asyncio.Event().wait()  # nobody goes away
            return said.pop()

        async def send(message: MutableMapping[str, Any]) -> None:
            nonlocal status, ended
            if message["type"] == "http.response.start":
                status = message["status"]
            elif piece := message.get("body"):
                take(status, piece)
            ended = message["type"] == "http.response.body" and not message.get("more_body")

        await self._console.serve(_scope(request), receive, send)
        if not ended:
            raise Refused("the answer broke off: what was wrong stands above")
        return status

    async def close(self) -> None:
        """Closes the database."""
        if self._console is not None:
            await self._console.close()

    async def _opened(self) -> "Console":
        # The application takes most of a second to import; a command that asks a server does without it.
        from xroute.web.console import open_console

        return await open_console(load_settings(self._config), _user())


def _scope(request: Request) -> MutableMapping[str, Any]:
    headers = [(name.encode(), value.encode()) for name, value in request.headers]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": request.target.partition("?")[0].encode(),
        "query_string": request.query.encode(),
        "root_path": "",
        "headers": headers,
        "client": None,
        "server": None,
    }


def _user() -> str:
    """Who is at the terminal, as the audit log shows it."""
    try:
        # There is no such module on Windows.
        import os
        import pwd
    except ImportError:
        import getpass

        return getpass.getuser()
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in a container
        return f"uid {os.getuid()}"
