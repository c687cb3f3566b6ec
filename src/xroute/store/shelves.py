"""Where kept bodies lie: in files by day, or in an S3 bucket; one gzip'ed object for each call."""

import asyncio
import os
import re
import shutil
from datetime import date
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, unquote

from xroute.errors import TransportError
from xroute.wire.http import Exchange, Signer, Target, Timeouts, Transport

WAIT = Timeouts(connect=5.0, first_byte=20.0, between_chunks=20.0, total=60.0)
LARGEST = 64 * 1024 * 1024  # bytes of an object or a list that are read back
AT_ONCE = 8  # objects deleted at the same time

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
_KEY = re.compile(rb"<Key>([^<]+)</Key>")


class Shelf(Protocol):
    """Keeps objects by day and name. Every method raises OSError or TransportError where it cannot."""

    async def put(self, day: date, name: str, data: bytes) -> None:
        """Keeps an object, in the place of one of the same name."""
        ...

    async def get(self, day: date, name: str) -> bytes | None:
        """The object; None where there is none."""
        ...

    async def sweep(self, before: date) -> int:
        """Deletes all of the days before this one; how many days or objects there were."""
        ...


def is_name(text: str) -> bool:
    """Whether an object may be called so: nothing that could lead out of its folder."""
    return _NAME.fullmatch(text) is not None


class Folder:
    """`<folder>/<day>/<two characters>/<name>.json.gz`, readable by their owner alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __repr__(self) -> str:
        return f"Folder({self._folder})"

    async def put(self, day: date, name: str, data: bytes) -> None:
        await asyncio.to_thread(self._write, self._path(day, name), data)

    async def get(self, day: date, name: str) -> bytes | None:
        try:
            return await asyncio.to_thread(self._path(day, name).read_bytes)
        except FileNotFoundError:
            return None

    async def sweep(self, before: date) -> int:
        return await asyncio.to_thread(self._sweep, before)

    def _path(self, day: date, name: str) -> Path:
        return self._folder / day.isoformat() / name[-2:] / f"{name}.json.gz"

    def _write(self, path: Path, data: bytes) -> None:
        """Whole or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
            fresh.replace(path)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise

    def _sweep(self, before: date) -> int:
        if not self._folder.is_dir():
            return 0
        days = [each for each in self._folder.iterdir() if _DAY.fullmatch(each.name)]
        old = [each for each in days if each.name < before.isoformat()]
        for each in old:
            shutil.rmtree(each)
        return len(old)


class Bucket:
    """`<prefix><day>/<name>.json.gz` in an S3 bucket, or in what speaks S3's API."""

    def __init__(self, url: str, signer: Signer, transport: Transport) -> None:
        """`url` is the bucket's own address, with a prefix behind it or without."""
        scheme, _, rest = url.partition("://")
        host, _, prefix = rest.partition("/")
        self._base = f"{scheme}://{host}/"
        self._prefix = unquote(prefix).rstrip("/") + "/" if prefix else ""
        self._signer = signer
        self._transport = transport

    def __repr__(self) -> str:
        return f"Bucket({self._base}{self._prefix})"

    async def put(self, day: date, name: str, data: bytes) -> None:
        headers = (("content-type", "application/gzip"),)
        await self._asked("PUT", self._key(day, name), data, headers)

    async def get(self, day: date, name: str) -> bytes | None:
        return await self._asked("GET", self._key(day, name))

    async def sweep(self, before: date) -> int:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html, read 2026-11-21: keys come
        in the order of their bytes, so the oldest day comes first."""
        count = 0
        while True:
            listed = await self._asked(
                "GET", f"?list-type=2&max-keys=1000&prefix={quote(self._prefix, safe='')}"
            )
            keys = [key.decode() for key in _KEY.findall(listed or b"")]
            old = [key for key in keys if self._is_old(key, before)]
            for start in range(0, len(old), AT_ONCE):
                batch = old[start : start + AT_ONCE]
                await asyncio.gather(*(self._asked("DELETE", quote(key)) for key in batch))
            count += len(old)
            if not old or len(old) < len(keys):
                return count

    def _key(self, day: date, name: str) -> str:
        return quote(f"{self._prefix}{day.isoformat()}/{name}.json.gz")

    def _is_old(self, key: str, before: date) -> bool:
        day = key.removeprefix(self._prefix).partition("/")[0]
        return _DAY.fullmatch(day) is not None and day < before.isoformat()

    async def _asked(
        self, method: str, path: str, body: bytes = b"", headers: tuple[tuple[str, str], ...] = ()
    ) -> bytes | None:
        """The answer's body; None for 404. TransportError for every other status that is no success."""
        target = await self._signer.sign(method, Target(self._base + path, headers), body)
        exchange = await self._transport.send(method, target, body, WAIT)
        try:
            return await _read(exchange, self._base)
        finally:
            exchange.close()


async def _read(exchange: Exchange, base: str) -> bytes | None:
    raw = await exchange.read(LARGEST)
    if exchange.status == 404:
        return None
    if exchange.status >= 300:
        code = re.search(rb"<Code>([A-Za-z]{1,64})</Code>", raw)
        reason = f", {code[1].decode()}" if code else ""
        raise TransportError(f"{base} answered with status {exchange.status}{reason}")
    return raw
