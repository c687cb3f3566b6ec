"""What `xroute doctor` finds without talking to a provider."""

import os
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from xroute.errors import ConfigError
from xroute.gateway.hosts import Host
from xroute.upstream.auth import models_target

OPEN_FILES = 4096  # two for each call under way, and some for the rest
SHORTEST_KEY = 8
# What people leave in a file that they copied from somewhere.
_PLACEHOLDER = re.compile(
    r"your[-_ ]|change[-_ ]?me|^x{4,}|x{8,}|^<.*>$|placeholder|not[-_ ]set|^\.\.\.|\.\.\.$", re.I
)

_ODD: list[tuple[Callable[[str], object], str]] = [
    (lambda key: key.lower().startswith("bearer "), "begins with `Bearer`: give the key alone"),
    (lambda key: {key[0], key[-1]} & set("\"'"), "has quotes around it: leave them out"),
    (_PLACEHOLDER.search, "looks like a placeholder: put the real key in its place"),
    (lambda key: any(map(str.isspace, key)), "has a space in it: is it two keys, or a sentence?"),
    (lambda key: not key.isascii(), "has characters that no key has: copy it again"),
    (lambda key: len(key) < SHORTEST_KEY, f"has fewer than {SHORTEST_KEY} characters: was it cut off?"),
]

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `text` says what to do unless all is well."""

    state: State
    subject: str
    text: str


def credentials(host: Host) -> Iterator[Finding]:
    """Whether a provider in use can be called at all, and whether its keys look like keys."""
    provider = host.provider
    subject = f"provider {provider.id}"
    try:
        models_target(provider, None, host.variables)
    except ConfigError as error:
        yield Finding("fail", subject, str(error))
        return
    for name, key, _ in host.keys:
        doubt = doubtful(key) if key is not None else ""
        where = f"{subject}, key {name}"
        if key is None:
            yield Finding("ok", subject, f"needs no key (from {host.origin})")
        elif doubt:
            yield Finding("warn", where, doubt)
        else:
            yield Finding("ok", where, f"present (from {host.origin})")


def doubtful(key: str) -> str:
    """What is odd about a key, "" if nothing; the key itself is not in it."""
    return next((text for is_odd, text in _ODD if is_odd(key)), "")


def open_files() -> Finding:
    """Whether enough connections can be open at once."""
    try:
        # There is no such module on Windows.
        import resource
    except ImportError:
        return Finding("ok", "open files", "not limited on this system")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= OPEN_FILES:
        return Finding(
            "ok", "open files", "unlimited" if soft == resource.RLIM_INFINITY else f"{soft} at once"
        )
    may = "" if hard == resource.RLIM_INFINITY or hard >= OPEN_FILES else f" (the system's limit is {hard})"
    return Finding(
        "warn", "open files", f"only {soft} at once: run `ulimit -n {OPEN_FILES}` or more before{may}"
    )


def writable(subject: str, folder: Path) -> Finding:
    """Whether a folder can be written, or made."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not nearest.is_dir():
        return Finding("fail", subject, f"{nearest} is not a folder: set state_dir to another one")
    if not os.access(nearest, os.W_OK | os.X_OK):
        return Finding("fail", subject, f"{nearest} cannot be written: change its rights, or set state_dir")
    return Finding("ok", subject, f"{folder}" if nearest == folder else f"{folder} (made at the first start)")


def port_free(host: str, port: int) -> Finding:
    """Whether the gateway could listen where it is told to."""
    subject = f"port {port} on {host}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except OSError as error:
        text = f"{error.strerror}: is xroute running already? Else choose another with --port or --host"
        return Finding("warn", subject, text)
    return Finding("ok", subject, "free")
