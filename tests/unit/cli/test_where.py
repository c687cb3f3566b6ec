"""Where commands act, and what is said where they cannot."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.unit.cli.test_commands import Run, run  # noqa: F401  a fixture

from xroute.cli.remote import Http, Refused, Remote
from xroute.errors import ConfigError
from xroute.store import migrate
from xroute.store.db import Database
from xroute.upstream.client import HttpTransport

Answer = Callable[[bytes], str]  # answers every request with these bytes, and says where


@pytest.fixture
def answering() -> Iterator[Answer]:
    """A server that sends what it is told, byte for byte."""
    listeners: list[socket.socket] = []

    def begin(data: bytes) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(data)

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield begin
    for each in listeners:
        each.close()


def reply(body: bytes, status: str = "200 OK", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\ncontent-length: {size}\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    ("words", "environ", "said"),
    [
        ("--url http://h:1", {}, "http://h:1 lets in nobody without a management token: set XROUTE_TOKEN"),
        ("", {"XROUTE_URL": "http://h:1"}, "http://h:1 lets in nobody without a management token"),
        ("--token xrt-1", {}, "--token is for a running server: say --url, or set XROUTE_URL"),
        ("--url http://h:1 --config x.yaml", {}, "--url is a running server and --config a file"),
        ("--url h:1 --token t", {}, "--url (XROUTE_URL): expected an address such as http://127.0.0.1:8790"),
        ("--url ftp://h:1 --token t", {}, "expected an address such as"),
        ("--url http://h:1/?a=b --token t", {}, "expected an address such as"),
        ("--url http://[ --token t", {}, "expected an address such as"),
        ("--url http://anne:secret@h:1 --token t", {}, "expected an address such as"),
        ("--url http://h:1", {"XROUTE_TOKEN": "two words"}, "XROUTE_TOKEN is no token"),
        ("--config none.yaml", {"XROUTE_URL": "http://h:1"}, "none.yaml"),
    ],
)
def test_what_is_not_clear_is_exit_code_2(run: Run, monkeypatch, words, environ, said):  # noqa: F811
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    result = run("keys", "list", *words.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert "secret" not in result.stderr


def test_a_token_alone_in_the_environment_does_not_choose_a_server(run: Run, monkeypatch):  # noqa: F811
    monkeypatch.setenv("XROUTE_TOKEN", "xrt-1")
    assert run("projects", "list").exit_code == 0


def test_a_server_that_is_not_there_is_told_with_what_to_do(run: Run):  # noqa: F811
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    result = run("keys", "list", "--url", f"http://127.0.0.1:{port}", "--token", "xrt-1")
    assert result.exit_code == 1
    assert f"xroute: cannot reach http://127.0.0.1:{port}: " in result.stderr
    assert "Is `xroute serve` running there? --url or XROUTE_URL says where it is." in result.stderr
    assert "xrt-1" not in result.output


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (reply(b"<html>hello"), "the answer (status 200) is not xroute's"),
        (reply(b"<html>gone", "502 Bad Gateway"), "the answer (status 502) is not xroute's"),
        (reply(b"[]", "404 Not Found"), "the answer (status 404) is not xroute's"),
        (reply(b'{"error": "no"}', "400 Bad Request"), "the answer (status 400) is not xroute's"),
        (reply(b"", "301 Moved Permanently"), "the answer (status 301) is not xroute's"),
        (reply(b'{"data": [', length=99), "did not answer as it should"),
        (b"SSH-2.0-OpenSSH\r\n", "did not answer as it should"),
        (
            reply(b'{"error": {"message": "Broken.", "metadata": {"request_id": "req-9"}}}', "500 Oops"),
            "xroute: Broken. (req-9 in the log)",
        ),
        (reply(b'{"error": {"message": "Not you."}}', "401 No"), "xroute: Not you.\n"),
    ],
)
def test_an_answer_that_is_none_is_told(run: Run, answering: Answer, data: bytes, said: str):  # noqa: F811
    result = run("keys", "list", "--url", answering(data), "--token", "xrt-1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr


def test_a_file_that_breaks_off_is_not_kept(run: Run, answering: Answer):  # noqa: F811
    Path("u.parquet").write_text("old")
    url = answering(reply(b"PAR1", length=1000))
    result = run("usage", "--parquet", "u.parquet", "--url", url, "--token", "xrt-1")
    assert result.exit_code == 1
    assert "did not answer as it should" in result.stderr
    assert [(path.name, path.read_text()) for path in Path().glob("*u.parquet*")] == [("u.parquet", "old")]


@pytest.mark.parametrize(
    "text", ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/api/v1/", " http://h:1/openai/v1"]
)
def test_an_address_may_have_what_people_copy_along(text: str):
    assert Http(text, "t", HttpTransport()).origin == "http://h:1"


def test_an_address_may_have_a_path_of_a_proxy():
    assert Http("https://h/llm/v1", "t", HttpTransport()).origin == "https://h/llm"


def test_a_workspace_that_no_header_can_hold_is_refused(run: Run):  # noqa: F811
    result = run("keys", "list", "-w", "wörk\nspace")
    assert (result.exit_code, "has characters that it cannot have" in result.stderr) == (1, True)


def test_nothing_is_opened_before_the_first_request():
    def never() -> Http:
        raise ConfigError("opened")

    Remote(never).close()
    with pytest.raises(ConfigError, match="opened"):
        Remote(never).ask("GET", "keys")


def test_an_error_has_its_code(answering: Answer):
    data = reply(b'{"error": {"message": "No.", "code": "key_not_found"}}', "404 Not Found")
    remote = Remote(lambda: Http(answering(data), "t", HttpTransport()))
    with pytest.raises(Refused, match=r"No\.") as refused:
        remote.ask("GET", "keys/x")
    assert refused.value.code == "key_not_found"
    remote.close()


def test_a_database_of_another_release_is_left_alone(run: Run):  # noqa: F811
    assert run("keys", "list").exit_code == 0
    (file,) = Path("state").resolve().rglob("xroute.sqlite3")

    async def age() -> None:
        db = Database(f"sqlite:///{file}")
        async with db.write() as connection:
            await connection.execute(update(migrate.version).values(version_num="0000"))
        await db.close()

    asyncio.run(age())
    result = run("keys", "list")
    assert result.exit_code == 2
    assert "is of another release (its revision is 0000, this one's" in result.stderr
    assert "xroute db upgrade" in result.stderr


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (
            {"XROUTE_DATABASE": "postgresql://u:hush@127.0.0.1:1/x"},
            "cannot use the database postgresql://127",
        ),
        ({"XROUTE_DATABASE": "mysql://h/x"}, "`database` is none that xroute can use"),
        ({"XROUTE_PEPPER": "short"}, "pepper: must be 32 bytes in hex"),
        ({"XROUTE_STATE_DIR": "/proc/none"}, "cannot use the database /proc/none/xroute.sqlite3"),
    ],
)
def test_a_database_that_cannot_be_used_is_exit_code_2(run: Run, monkeypatch, environ, said):  # noqa: F811
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    result = run("keys", "list")
    assert result.exit_code == 2
    assert said in result.stderr
    assert "hush" not in result.stderr


def test_keys_hashed_under_another_pepper_are_not_lost(run: Run, monkeypatch):  # noqa: F811
    assert run("keys", "create", "ci").exit_code == 0
    monkeypatch.setenv("XROUTE_PEPPER", "ab" * 32)
    result = run("keys", "create", "cd")
    assert (result.exit_code, "another pepper" in result.stderr) == (2, True)
