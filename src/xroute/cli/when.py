"""Times as people write them: `7d`, `2027-01-31`, `2027-01-31T12:00`, in the zone of this machine."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from xroute.errors import ConfigError

_SPAN = re.compile(r"([0-9]{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def past(text: str, option: str) -> str | None:
    """A time that was; None for none. ConfigError for what is no time."""
    return _moment(text, option, -1)


def coming(text: str, option: str) -> str | None:
    """A time that will be."""
    return _moment(text, option, 1)


def back(text: str, option: str) -> str | None:
    """As `past`; a day or a time without its zone is left as it is, for who knows in which zone it is."""
    return past(text, option) if not text or _SPAN.fullmatch(text) else _checked(text, option)


def after_days(days: int) -> str:
    """So many days from now."""
    return _utc(datetime.now(UTC) + timedelta(days=days))


def local_zone(tz: str | None) -> str:
    """The name of this machine's time zone, `tz` being its TZ; UTC where it has none that has a name."""
    named = (tz or "").removeprefix(":") or _of_system()
    try:
        return ZoneInfo(named).key or "UTC"
    except (KeyError, ValueError, OSError):
        return "UTC"


def _of_system() -> str:
    target = Path("/etc/localtime").resolve().as_posix()
    return target.partition("/zoneinfo/")[2]


def _moment(text: str, option: str, sign: int) -> str | None:
    if not text:
        return None
    span = _SPAN.fullmatch(text) or _checked(text, option)
    try:
        if isinstance(span, str):
            return _utc(datetime.fromisoformat(span))
        return _utc(datetime.now(UTC) + sign * timedelta(**{_UNITS[span[2]]: int(span[1])}))
    except (OverflowError, ValueError, OSError):
        raise ConfigError(f"{option} {text} is beyond every calendar") from None


def _checked(text: str, option: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{option} {text} is no time: write 7d, 12h, 2027-01-31 or 2027-01-31T12:00"
        ) from None
    return text


def _utc(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
