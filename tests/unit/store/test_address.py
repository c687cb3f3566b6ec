"""The database's URL: what users write, and what is said of one that cannot be used."""

from urllib.parse import quote

import certifi
import pytest

from xroute.errors import ConfigError
from xroute.store import address


@pytest.mark.parametrize(
    ("url", "dsn"),
    [
        ("postgresql://u:p@h:5433/n", "postgresql://u:p@h:5433/n"),
        ("postgres://u:p@h/n", "postgresql://u:p@h/n"),
        ("postgresql+asyncpg://u:p@h/n", "postgresql://u:p@h/n"),
        (" postgresql://u:p@h/n\n", "postgresql://u:p@h/n"),
        ("postgresql://u:p%40%2F@h/n", "postgresql://u:p%40%2F@h/n"),
        ("postgresql://u@[::1]:5432/n", "postgresql://u@[::1]:5432/n"),
        ("postgresql://u@a:1,b:2/n", "postgresql://u@a:1,b:2/n"),
        ("postgresql://h/n?sslmode=require", "postgresql://h/n?sslmode=require"),
        ("postgresql://h/n?ssl=verify-full", "postgresql://h/n?sslmode=verify-full"),
        ("postgresql://h/n?sslmode=require&channel_binding=require", "postgresql://h/n?sslmode=require"),
        ("postgresql://u@/n?host=%2Frun%2Fpostgresql", "postgresql://u@/n?host=%2Frun%2Fpostgresql"),
        ("postgresql://h/n?application_name=x&keepalives=1", "postgresql://h/n?application_name=x"),
    ],
)
def test_a_url_of_postgresql_is_understood_as_libpq_does(url, dsn):
    found = address.parse(url)
    assert (found.dsn, found.is_sqlite) == (dsn, False)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////var/lib/x.db", "/var/lib/x.db"),
        ("sqlite+aiosqlite:////var/lib/x.db", "/var/lib/x.db"),
        ("sqlite:////a folder/ü#%?.db", "/a folder/ü#%?.db"),
    ],
)
def test_a_url_of_sqlite_names_a_file(url, path):
    found = address.parse(url)
    assert (str(found.path), found.is_sqlite) == (path, True)
    assert address.parse(address.file_url(found.path)).path == found.path


def test_the_certificates_of_the_machine_can_be_asked_for_as_libpq_does():
    found = address.parse("postgresql://h/n?sslmode=verify-full&sslrootcert=system")
    assert found.dsn == f"postgresql://h/n?sslmode=verify-full&sslrootcert={quote(certifi.where(), safe='')}"


def test_a_pooler_in_between_is_respected():
    assert address.parse("postgresql://h/n").is_caching
    for query in ("pgbouncer=true", "statement_cache_size=0", "prepared_statement_cache_size=0"):
        found = address.parse(f"postgresql://h/n?{query}&connect_timeout=3")
        assert (found.is_caching, found.connect_s, found.dsn) == (False, 3.0, "postgresql://h/n")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://u:hunter2@h/n", "none that xroute can use: write postgresql://user"),
        ("hunter2", "none that xroute can use"),
        ("", "none that xroute can use"),
        ("postgresql:///hunter2", "names no host"),
        ("postgresql://u:hun@ter2@h/n", "are written as %40"),
        ("postgresql://u:hunter2/x@h/n", "are written as %40"),
        ("postgresql://u:hunter2#x@h/n", "are written as %40"),
        ("postgresql://u:hunter2@h:port/n", "are written as %40"),
        ("postgresql://u:[hunter2@h/n", "no URL"),
        ("postgresql://u:hunter2@h/n?connect_timeout=soon", "no number of seconds"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
    ],
)
def test_what_cannot_be_used_is_said_without_showing_it(url, words):
    with pytest.raises(ConfigError) as caught:
        address.parse(url)
    assert words in caught.value.message
    assert "hunter2" not in caught.value.message


def test_an_address_is_printed_without_its_password():
    found = address.parse("postgresql://u:hunter2@h:5432/n?sslmode=require")
    assert found.shown == "postgresql://h:5432/n"
    assert "hunter2" not in repr(found)
