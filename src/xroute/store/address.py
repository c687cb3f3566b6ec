"""Where the database is: what a user's URL says, in the words of the drivers."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import certifi

from xroute.config.load import Loaded
from xroute.errors import ConfigError

FILE = "xroute.sqlite3"  # in `state_dir`, where no database is configured
HINT = "write postgresql://user:password@host:5432/name, or sqlite:////path/to/file"
POSTGRES = frozenset(
    {"postgresql", "postgres", "postgresql+asyncpg", "postgresql+psycopg", "postgresql+psycopg2"}
)
SQLITE = frozenset({"sqlite", "sqlite+aiosqlite", "sqlite+pysqlite"})
RENAMED = {"ssl": "sslmode"}
TRUE = frozenset({"1", "true", "yes", "on", "require"})

# Parameters of libpq that asyncpg would send to the server, which refuses to start a connection with them
# (https://www.postgresql.org/docs/18/libpq-connect.html, read 2026-11-21). Poolers' own stand here too.
CACHES = frozenset({"statement_cache_size", "prepared_statement_cache_size"})
OURS = CACHES | {"connect_timeout", "pgbouncer"}
NOT_SENT = OURS | {
    *("channel_binding", "gssencmode", "gssdelegation", "requirepeer", "require_auth", "sslcompression"),
    *("sslsni", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
    *("tcp_user_timeout", "fallback_application_name", "load_balance_hosts", "hostaddr"),
}


@dataclass(frozen=True, slots=True)
class Address:
    """One database. What is printed of it is without the password."""

    shown: str
    is_sqlite: bool
    path: Path = field(default=Path(), repr=False)  # of SQLite
    dsn: str = field(default="", repr=False)  # of PostgreSQL, for asyncpg
    connect_s: float | None = None
    is_caching: bool = True  # may keep prepared statements from one transaction to the next


def parse(url: str) -> Address:
    """ConfigError for what names no database that can be used; it never shows the URL itself."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        raise ConfigError(f"`database` is no URL: {HINT}. Special characters are written as %40") from None
    scheme = parts.scheme.lower()
    if scheme in SQLITE:
        return _sqlite(url.strip())
    if scheme not in POSTGRES:
        raise ConfigError(f"`database` is none that xroute can use: {HINT}")
    pairs = [
        (RENAMED.get(name, name), value) for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    asked = dict(pairs)
    if "host" not in asked and not parts.netloc.rpartition("@")[2]:
        raise ConfigError(f"`database` names no host: {HINT}")
    if _mistaken(parts.netloc) or parts.fragment:
        raise ConfigError(
            "`database` cannot be read: characters such as @ : / ? # % in its password "
            "are written as %40 %3A %2F %3F %23 %25"
        )
    sent = urlencode([(name, _file(name, value)) for name, value in pairs if name not in NOT_SENT])
    dsn = urlunsplit(("postgresql", parts.netloc, parts.path, sent, ""))
    place = parts.netloc.rpartition("@")[2] or asked["host"]
    return Address(
        shown=f"postgresql://{place}/{unquote(parts.path.strip('/'))}",
        is_sqlite=False,
        dsn=dsn,
        connect_s=_seconds(asked.get("connect_timeout")),
        is_caching=_is_caching(asked),
    )


def url_of(loaded: Loaded) -> str:
    """The URL of the database of these settings."""
    named = loaded.settings.database
    return named.reveal() if named is not None else file_url(loaded.state_dir / FILE)


def file_url(path: Path) -> str:
    """The URL of SQLite in this file."""
    return f"sqlite:///{path.absolute()}"


def _sqlite(url: str) -> Address:
    path = url.partition("://")[2].removeprefix("/")
    if not path or path == ":memory:":
        raise ConfigError("`database` names no file: several connections need one, sqlite:////path/to/file")
    return Address(shown=f"sqlite:///{path}", is_sqlite=True, path=Path(path).absolute())


def _file(name: str, value: str) -> str:
    """libpq's word for the certificates that the machine trusts, which asyncpg takes for a file's name."""
    return certifi.where() if (name, value) == ("sslrootcert", "system") else value


def _mistaken(netloc: str) -> bool:
    """Whether the password has a character that cuts the URL in the wrong place."""
    login, _, hosts = netloc.rpartition("@")
    ports = [port for host in hosts.split(",") if (port := host.rpartition("]")[2].partition(":")[2])]
    return "@" in login or any(not port.isdigit() for port in ports)


def _is_caching(asked: dict[str, str]) -> bool:
    return asked.get("pgbouncer", "").lower() not in TRUE and all(asked.get(name) != "0" for name in CACHES)


def _seconds(text: str | None) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise ConfigError("`database` has a connect_timeout that is no number of seconds") from None
