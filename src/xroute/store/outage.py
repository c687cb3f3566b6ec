"""Whether Redis can be used, since when not, and why: for /readyz and the log."""

import logging
import time
from datetime import UTC, datetime

from xroute.store.dial import reason

log = logging.getLogger("xroute.store")


class Outage:
    """Of the Redis at `shown`. It begins with one: nothing is connected yet."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._since: float | None = time.time()  # unix seconds; None = it is up
        self._why = "not connected yet"
        self._is_rejoining = False
        self._said: set[str] = set()  # what the log has of it

    def __repr__(self) -> str:
        return f"<Outage of {self._shown}: {self.state}>"

    @property
    def state(self) -> str:
        """`up`, `rejoining: ...` or `down since ...: ...`."""
        if self._since is None:
            return "up"
        if self._is_rejoining:
            return f"rejoining: {self._why}"
        when = datetime.fromtimestamp(self._since, UTC).isoformat(timespec="seconds")
        return f"down since {when}: {self._why}"

    def begin(self, error: BaseException) -> None:
        """It cannot be used, or still not; each reason is logged once."""
        self._is_rejoining, self._why = False, reason(error)
        if self._since is None:
            self._since = time.time()
        if self._why not in self._said:
            self._said.add(self._why)
            log.warning("Redis at %s cannot be used: %s", self._shown, self._why)

    def rejoin(self, what: str) -> None:
        """There is a connection; `what` is done before calls can be asked for."""
        self._since = self._since if self._since is not None else time.time()
        self._is_rejoining, self._why = True, what

    def hush(self, why: str) -> None:
        """This reason is no news."""
        self._said.add(why)

    def end(self) -> None:
        """It can be used."""
        if self._since is not None:
            log.info("Redis at %s is used, after %.1f s", self._shown, time.time() - self._since)
        self._since, self._is_rejoining = None, False
        self._said.clear()
