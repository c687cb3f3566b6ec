"""Connections to Redis, by the URL of the settings."""

import asyncio
import logging
from typing import Any, cast

from redis.asyncio.connection import AbstractConnection, Connection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AskError, RedisError, ResponseError
from redis.exceptions import ConnectionError as Lost
from redis.exceptions import TimeoutError as Late

from xroute.config.secret import Secret
from xroute.errors import ConfigError
from xroute.store.scripts import Scripts

log = logging.getLogger("xroute.store")

CONNECT_S = 5.0
FORGETS = b"maxmemory_policy:"


class Address:
    """One Redis, or the nodes of a cluster: who does not have our keys says who does."""

    def __init__(self, url: Secret) -> None:
        try:
            self._given: dict[str, Any] = {**parse_url(url.reveal().strip())}
        except ValueError:
            raise ConfigError(
                "`redis` is no URL that can be used: write redis://user:password@host:6379/0, "
                "rediss:// with TLS, or unix:///path/to/socket"
            ) from None
        self._class = cast("type[AbstractConnection]", self._given.pop("connection_class", Connection))
        self._moved: dict[str, Any] = {}
        self._has_warned = False

    def __repr__(self) -> str:
        return f"<Address {self.shown}>"

    @property
    def shown(self) -> str:
        """For people, without the password."""
        where = {**self._given, **self._moved}
        if "path" in where:
            return f"unix://{where['path']}"
        return f"{where.get('host', 'localhost')}:{where.get('port', 6379)}"

    def follow(self, error: BaseException) -> None:
        """Where to connect next: where a cluster said that our keys are, else where we were told."""
        self._moved = {}
        if isinstance(error, AskError):  # "<slot> <host>:<port>", without a host where it is the same
            host, _, port = str(error).rpartition(" ")[2].rpartition(":")
            self._moved = {"host": host or self._given.get("host", "localhost"), "port": int(port)}

    async def connect(self, scripts: Scripts) -> AbstractConnection:
        """A connection to a Redis that knows the scripts; RedisError or OSError where there is none."""
        options: dict[str, Any] = {**self._given, **self._moved, "socket_timeout": None, "protocol": 2}
        connection = self._class(**options, retry=Retry(NoBackoff(), 0))
        try:
            async with asyncio.timeout(CONNECT_S):
                await connection.connect()
                await scripts.load(connection)
                await self._look(connection)
        except TimeoutError:
            await connection.disconnect(nowait=True)
            raise Late(f"no connection within {CONNECT_S:g} s") from None
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return connection

    async def _look(self, connection: AbstractConnection) -> None:
        """Says once when this Redis may forget what was spent."""
        if self._has_warned:
            return
        try:
            await connection.send_command("INFO", "memory", check_health=False)
            found = cast("bytes", await connection.read_response(disable_decoding=True))
        except ResponseError:  # not allowed to ask
            return
        policy = next((line for line in found.split(b"\r\n") if line.startswith(FORGETS)), b"")
        name = policy.removeprefix(FORGETS).decode()
        if name and name != "noeviction":
            self._has_warned = True
            text = "Redis at %s has maxmemory-policy %s: with its memory full it forgets what was spent. %s"
            log.warning(text, self.shown, name, "Set maxmemory-policy noeviction.")


def reason(error: BaseException) -> str:
    """Why Redis cannot be used, in words without a secret."""
    if isinstance(error, Lost | Late | RedisError | OSError) and str(error):
        return str(error).partition("\n")[0][:200]
    return type(error).__name__
