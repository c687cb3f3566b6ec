"""Keeping requests and answers: what is kept, what is cut, what is dropped, and for how long."""

import asyncio
import gzip
import hashlib
import hmac
import re
import stat
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import orjson
import pytest

from xroute.config.accounts import BodiesSettings
from xroute.errors import ConfigError, TransportError
from xroute.store import bodies as module
from xroute.store.bodies import MARGIN, MOST_BYTES, Bodies
from xroute.store.redact import MASK
from xroute.store.shelves import Bucket, Folder, is_name
from xroute.upstream.aws import AwsSigner, Source
from xroute.upstream.client import HttpTransport

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
AT = int(NOW.timestamp() * 1000)
DAY = NOW.date()
ID = "req-0123456789abcdef01234567"


def keeping(shelf, known=(), **settings) -> Bodies:
    made = Bodies(
        BodiesSettings(keep="all", **settings) if "keep" not in settings else BodiesSettings(**settings),
        shelf,
        lambda: known,
        NOW.timestamp,
    )
    made.start()
    return made


class Broken:
    """A shelf that fails so many times."""

    def __init__(self, times: int, error: Exception) -> None:
        self.times, self.error, self.put_of = times, error, []

    async def put(self, day, name, data):
        if self.times:
            self.times -= 1
            raise self.error
        self.put_of.append(name)

    async def get(self, day, name):
        return None

    async def sweep(self, before):
        return 0


class Stuck(Broken):
    """A shelf that never gets done."""

    def __init__(self) -> None:
        super().__init__(0, OSError())

    async def put(self, day, name, data):
        await asyncio.Event().wait()


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "bodies")


async def test_what_is_kept_is_found_again(folder, tmp_path):
    bodies = keeping(folder)
    bodies.keep(ID, "ws_a", b'{"messages":[]}', b'{"choices":[]}', "completed")
    await bodies.close()
    assert await bodies.find(ID, "ws_a", AT) == {
        "id": ID,
        "workspace": "ws_a",
        "at": "2026-11-21T12:00:00.000+00:00",
        "outcome": "completed",
        "request": '{"messages":[]}',
        "answer": '{"choices":[]}',
        "request_bytes": 15,
        "answer_bytes": 14,
        "cut": False,
    }
    [path] = (tmp_path / "bodies").rglob("*.gz")
    assert path == tmp_path / "bodies" / "2026-11-21" / "67" / f"{ID}.json.gz"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "bodies").stat().st_mode) == 0o700
    assert (bodies.written, bodies.dropped, bodies.lost, bodies.state) == (1, 0, 0, "up")


async def test_another_workspaces_is_not_found(folder):
    bodies = keeping(folder)
    bodies.keep(ID, "ws_a", b"q", b"a", "completed")
    await bodies.close()
    assert await bodies.find(ID, "ws_b", AT) is None
    assert await bodies.find("req-nothing", "ws_a", AT) is None
    assert await bodies.find("../../etc/passwd", "ws_a", AT) is None


async def test_one_that_ended_after_midnight_is_found_by_when_it_came(folder):
    bodies = keeping(folder)
    bodies.keep(ID, "ws_a", b"q", b"a", "completed")
    await bodies.close()
    before = int((NOW - timedelta(days=1)).timestamp() * 1000)
    assert (await bodies.find(ID, "ws_a", before) or {})["id"] == ID
    assert await bodies.find(ID, "ws_a", before - 86_400_000) is None


@pytest.mark.parametrize(
    ("keep", "outcome", "kept"),
    [
        ("none", "failed", 0),
        ("errors", "completed", 0),
        ("errors", "cached", 0),
        ("errors", "failed", 1),
        ("errors", "upstream_cut", 1),
        ("all", "completed", 1),
    ],
)
async def test_only_what_is_asked_for_is_kept(folder, keep, outcome, kept):
    bodies = keeping(folder, keep=keep)
    bodies.keep(ID, "ws_a", b"q", b"a", outcome)
    await bodies.close()
    assert bodies.written == kept


async def test_credentials_are_taken_out_of_it(folder):
    bodies = keeping(folder, ["the-credential-of-ours"], redact=[r"\d{4}-\d{4}"])
    text = b"xr-abcdefghijklmnopqrstuvwxyz the-credential-of-ours 1234-5678 and the rest"
    bodies.keep(ID, "ws_a", text, text, "completed")
    await bodies.close()
    found = await bodies.find(ID, "ws_a", AT)
    assert found["request"] == found["answer"] == f"{MASK} {MASK} {MASK} and the rest"


@pytest.mark.parametrize("place", range(1024 - 40, 1024 + 8, 3))
async def test_a_credential_at_the_cut_is_not_kept_by_half(folder, place):
    bodies = keeping(folder, max_kib=1)
    secret = "sk-canary-" + "c" * 30
    body = ("." * (place - 1) + " " + secret + " " + "." * 10_000).encode()
    bodies.keep(ID, "ws_a", body, b"", "completed")
    await bodies.close()
    found = await bodies.find(ID, "ws_a", AT)
    assert "sk-c" not in found["request"]
    assert (found["cut"], found["request_bytes"]) == (True, len(body))
    assert len(found["request"]) <= 1024


async def test_nor_is_one_at_the_end_of_what_was_looked_through(folder):
    bodies = keeping(folder, max_kib=1)
    many = " ".join(["sk-" + "a" * 100] * 10)  # masks are shorter, so that what is behind moves forward
    edge = 1024 + MARGIN
    secret = "sk-canary-" + "c" * 60
    body = (many + " " + "." * (edge - len(many) - 30) + " " + secret).encode()
    bodies.keep(ID, "ws_a", body, b"", "completed")
    await bodies.close()
    assert "canary" not in (await bodies.find(ID, "ws_a", AT))["request"]


async def test_what_is_no_text_is_kept_as_far_as_it_can_be_read(folder):
    bodies = keeping(folder)
    bodies.keep(ID, "ws_a", b"\xff\x00png", "Grüße".encode(), "completed")
    await bodies.close()
    found = await bodies.find(ID, "ws_a", AT)
    assert (found["request"], found["answer"]) == ("\\xff\x00png", "Grüße")


async def test_what_does_not_fit_is_dropped_and_counted():
    bodies = keeping(Stuck(), max_kib=1024)
    big = bytes(1024 * 1024)
    for n in range(100):
        bodies.keep(f"req-{n}", "ws_a", big, b"", "completed")
    assert bodies.dropped >= 100 - MOST_BYTES // len(big)
    bodies.keep("../evil", "ws_a", b"", b"", "completed")
    assert bodies.dropped >= 101 - MOST_BYTES // len(big)
    await bodies.close(timeout_s=0.05)
    assert bodies.lost == 100 + 1 - bodies.dropped


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), TransportError("away"), ConfigError("none")]
)
async def test_what_cannot_be_written_is_tried_again_and_then_lost(monkeypatch, caplog, error):
    monkeypatch.setattr(module, "AGAIN_S", 0.001)
    shelf = Broken(4, error)
    bodies = keeping(shelf)
    for id_ in ("req-1", "req-2"):
        bodies.keep(id_, "ws_a", b"q", b"a", "completed")
    await bodies.close()
    assert shelf.put_of == ["req-2"]
    assert (bodies.written, bodies.lost, bodies.state) == (1, 1, "up")
    assert sum("cannot be kept" in line for line in caplog.messages) == 1  # one line for one outage


async def test_the_state_says_why_nothing_can_be_written(monkeypatch):
    monkeypatch.setattr(module, "AGAIN_S", 0.001)
    bodies = keeping(Broken(99, OSError(28, "No space left on device")))
    bodies.keep(ID, "ws_a", b"q", b"a", "completed")
    await bodies.close()
    assert "No space left" in bodies.state


async def test_a_folder_that_cannot_be_written_loses_the_body_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "AGAIN_S", 0.001)
    (tmp_path / "file").write_text("")
    bodies = keeping(Folder(tmp_path / "file"))
    bodies.keep(ID, "ws_a", b"q", b"a", "completed")
    await bodies.close()
    assert bodies.lost == 1


async def test_old_days_are_deleted_and_nothing_else(folder, tmp_path):
    for back in (0, 6, 7, 8, 30):
        await folder.put(DAY - timedelta(days=back), ID, b"x")
    (tmp_path / "bodies" / "mine").mkdir()
    bodies = keeping(folder, days=7)
    async with asyncio.timeout(30):
        while len(left := sorted(each.name for each in (tmp_path / "bodies").iterdir())) > 4:
            await asyncio.sleep(0.005)
    await bodies.close()
    assert left == ["2026-11-14", "2026-11-15", "2026-11-21", "mine"]


@pytest.mark.parametrize("name", ["", "a/b", "..", "a.b", "x" * 101, "a\n"])
def test_a_name_leads_nowhere_else(name):
    assert not is_name(name)


# S3: a small server that checks signatures as AWS describes them, with no code of AWS's.

KEYS = Source("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


def signature(secret: str, method: str, target: str, headers: dict[str, str], body: bytes) -> str:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, read 2026-11-21."""
    parts = urlsplit(target)
    authorization = headers["authorization"]
    scope = re.search(r"Credential=[^/]+/([^,]+)", authorization)[1]
    signed = re.search(r"SignedHeaders=([^,]+)", authorization)[1]
    query = sorted(parse_qsl(parts.query, keep_blank_values=True))
    canonical = "\n".join(
        [
            method,
            quote(unquote(parts.path), safe="/-_.~"),
            "&".join(f"{quote(n, safe='-_.~')}={quote(v, safe='-_.~')}" for n, v in query),
            *(f"{name}:{headers[name].strip()}" for name in signed.split(";")),
            "",
            signed,
            headers["x-amz-content-sha256"],
        ]
    )
    assert headers["x-amz-content-sha256"] == hashlib.sha256(body).hexdigest()
    text = "\n".join(
        ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    key = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, text.encode(), "sha256").hexdigest()


class S3:
    """One bucket in memory. It lists three keys at a time."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.status = 0
        self.secret = KEYS.secret_key

    async def serve(self, reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().strip().split("\r\n")
                method, target, _ = first.split(" ")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                status, answer = self.answer(method, target, headers, body)
                writer.write(
                    f"HTTP/1.1 {status} X\r\ncontent-length: {len(answer)}\r\n\r\n".encode() + answer
                )
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def answer(self, method, target, headers, body):
        if self.status:
            return self.status, b"<Error><Code>SlowDown</Code></Error>"
        wanted = signature(self.secret, method, target, headers, body)
        if not headers["authorization"].endswith(f"Signature={wanted}"):
            return 403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>"
        parts = urlsplit(target)
        key = unquote(parts.path)[1:]
        if method == "PUT":
            self.objects[key] = body
            return 200, b""
        if method == "DELETE":
            del self.objects[key]
            return 204, b""
        if parts.query:
            prefix = dict(parse_qsl(parts.query)).get("prefix", "")
            keys = sorted(k for k in self.objects if k.startswith(prefix))[:3]
            return 200, "".join(f"<Contents><Key>{k}</Key></Contents>" for k in keys).encode()
        return (
            (200, self.objects[key])
            if key in self.objects
            else (404, b"<Error><Code>NoSuchKey</Code></Error>")
        )


@pytest.fixture
async def s3():
    made = S3()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    made.transport = HttpTransport()
    yield made
    await made.transport.close()
    server.close()


def bucket(s3, prefix="", keys=KEYS) -> Bucket:
    return Bucket(s3.url + prefix, AwsSigner("eu-west-1", keys, "s3"), s3.transport)


@pytest.mark.parametrize(("prefix", "inside"), [("", ""), ("/xroute/our bodies", "xroute/our bodies/")])
async def test_a_bucket_takes_signed_requests_and_gives_the_bodies_back(s3, prefix, inside):
    bodies = keeping(bucket(s3, quote(prefix)))
    bodies.keep(ID, "ws_a", b"q", b"a", "completed")
    await bodies.close()
    assert list(s3.objects) == [f"{inside}2026-11-21/{ID}.json.gz"]
    assert orjson.loads(gzip.decompress(next(iter(s3.objects.values()))))["request"] == "q"
    assert (await bodies.find(ID, "ws_a", AT))["answer"] == "a"
    assert await bodies.find("req-none", "ws_a", AT) is None


async def test_a_session_token_is_signed_too(s3):
    keys = Source(KEYS.access_key, KEYS.secret_key, "FQoGZXIvYXdzEXAMPLETOKEN==")
    await bucket(s3, keys=keys).put(DAY, ID, b"x")
    assert len(s3.objects) == 1


async def test_a_wrong_secret_is_refused_and_told_without_it(s3):
    keys = Source(KEYS.access_key, "another-secret-0123456789")
    with pytest.raises(TransportError, match="status 403, SignatureDoesNotMatch") as caught:
        await bucket(s3, keys=keys).put(DAY, ID, b"x")
    assert "another-secret" not in str(caught.value)


async def test_old_objects_are_deleted_page_by_page(s3):
    shelf = bucket(s3, "/p")
    for back in range(12):
        await shelf.put(DAY - timedelta(days=back), ID, b"x")
    s3.objects["p/zzz"] = s3.objects["other/2020-01-01/x"] = b"mine"
    assert await shelf.sweep(DAY - timedelta(days=3)) == 8
    assert sorted(s3.objects) == [
        "other/2020-01-01/x",
        *(f"p/{date(2026, 11, day)}/{ID}.json.gz" for day in (18, 19, 20, 21)),
        "p/zzz",
    ]


async def test_a_bucket_that_is_down_is_told_by_its_status(s3):
    s3.status = 503
    with pytest.raises(TransportError, match="status 503, SlowDown"):
        await bucket(s3).get(DAY, ID)
