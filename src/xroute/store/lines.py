"""The lines of a journal: a call that was let in, one that has ended, a price, each as a JSON array.

A record is the list of its fields' values; the names stand once, in the head of each file, so that another
release can read it too. That is half the time and half the bytes of objects with names. The line of a call
that was let in has no field that is only known when it ends.

Nothing here ends with a newline: who writes a line ends it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import partial
from operator import attrgetter
from typing import Any, TypeVar

import orjson

from xroute.wire.record import Record, Try
from xroute.wire.usage import Usage

CREDIT = "credit:"  # what the key of a workspace's own purse begins with
LARGEST = 2**63 - 1  # what a column takes
_AS_LISTS = orjson.OPT_PASSTHROUGH_DATACLASS

Made = TypeVar("Made", Record, Try, Usage)
Values = list[Any] | tuple[Any, ...]
Build = Callable[[Values], Record]


def _names(of: type[Record] | type[Try] | type[Usage]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(of))


_ENDS = ("outcome", "error_type", "finish", "duration_ms", "ttft_ms", "overhead_us", "attempts")
_BEGUN = tuple(name for name in _names(Record) if name not in ("usage", *_ENDS))
_NAMES = {
    "record": _names(Record),
    "try": _names(Try),
    "usage": _names(Usage),
    "held": ("usage", *_BEGUN),  # the fields of a record that a call has before its end
}
_begun: Callable[[Record], tuple[Any, ...]] = attrgetter(*_BEGUN)
_record: Callable[[Record], tuple[Any, ...]] = attrgetter(*_NAMES["record"])
_try: Callable[[Try], tuple[Any, ...]] = attrgetter(*_NAMES["try"])
_usage: Callable[[Usage], tuple[Any, ...]] = attrgetter(*_NAMES["usage"])
_USAGE, _CHARGES, _ATTEMPTS = (_NAMES["record"].index(name) for name in ("usage", "charges", "attempts"))
_TRY_USAGE = _NAMES["try"].index("usage")
HEAD = orjson.dumps(_NAMES)


@dataclass(slots=True)
class Held:
    """A call that was let in, as it was then. Its record is made when somebody asks for it: most end soon."""

    id: str
    nano: int  # of the workspace's credit
    values: Values
    build: Build

    @property
    def record(self) -> Record:
        """The record as it was held."""
        return self.build(self.values)


@dataclass(slots=True)
class Settled:
    """A call that has ended. Nobody changes its record any more."""

    record: Record


@dataclass(slots=True)
class Priced:
    """A price that later lines name by its id."""

    id: str
    data: dict[str, Any]
    at: int  # unix milliseconds


@dataclass(slots=True)
class Damaged:
    """A line that cannot be read, by the disk's fault or the power's."""

    line: bytes


Line = Held | Settled | Priced | Damaged


def credit_of(record: Record) -> int | None:
    """What a call takes of its workspace's credit; None = that is not counted."""
    for key, amount, _ in record.charges:
        if key.startswith(CREDIT):
            return amount
    return None


def held(record: Record) -> Held:
    """What a record says that goes on changing."""
    usage = record.usage
    values = (None if usage is None else _usage(usage), *_begun(record))
    return Held(record.id, credit_of(record) or 0, values, _as_held)


def write_held(held: Held) -> bytes:
    """Of what `held` has made. What cannot be written is mended in it too."""
    try:
        return orjson.dumps(("h", *held.values))
    except orjson.JSONEncodeError:
        held.values = _mended(held.values)
        return orjson.dumps(("h", *held.values))


def write_settled(record: Record) -> bytes:
    try:
        return orjson.dumps(("s", *_record(record)), _listed, _AS_LISTS)
    except orjson.JSONEncodeError:  # half a surrogate pair in a text, or a number without end
        return orjson.dumps(("s", *_mended(_record(record))), _listed, _AS_LISTS)


def write_priced(priced: Priced) -> bytes:
    return orjson.dumps(("p", priced.id, priced.data, priced.at))


def as_object(record: Record) -> str:
    """A record as a JSON object with names, for a table."""
    return orjson.dumps(record).decode()


def write_attempts(attempts: Iterable[Try]) -> str:
    """Attempts for a table: a JSON list of lists. Fields of both are only ever added at the end."""
    return orjson.dumps(list(map(_try, attempts)), default=_listed, option=_AS_LISTS).decode()


def read_attempts(text: str) -> list[dict[str, Any]]:
    """The same as objects with names."""
    found = [dict(zip(_NAMES["try"], values, strict=False)) for values in orjson.loads(text or "[]")]
    for attempt in found:
        if attempt["usage"] is not None:
            attempt["usage"] = dict(zip(_NAMES["usage"], attempt["usage"], strict=False))
    return found


def from_object(text: str | bytes) -> Record:
    """What `as_object` has written, in this release or another."""
    return _named_record(orjson.loads(text))


def clean(record: Record) -> Record:
    """The record as every database takes it: text that is Unicode without NUL, numbers of 64 bits."""
    return _as_settled(_mended(_record(record)))


def reader(head: bytes) -> Callable[[bytes], Line]:
    """Reads the lines of a file with this head; one that is damaged is taken for this release's."""
    as_settled, as_held = (_as_settled, _as_held) if head.rstrip() == HEAD else _as_named(head)

    def read(line: bytes) -> Line:
        try:
            kind, *values = orjson.loads(line)
            if kind == "p":
                return Priced(*values)
            if kind != "h":
                return Settled(as_settled(values))
            record = as_held(values)
        except (ValueError, TypeError, KeyError, IndexError):
            return Damaged(line)
        return Held(record.id, credit_of(record) or 0, values, as_held)

    return read


def _as_settled(values: Values) -> Record:
    """A record from its values, as this release orders them."""
    made = list(values)
    if (usage := made[_USAGE]) is not None:
        made[_USAGE] = Usage(*usage)
    made[_CHARGES] = [(key, amount, until) for key, amount, until in made[_CHARGES]]
    made[_ATTEMPTS] = [_tried(each) for each in made[_ATTEMPTS]]
    return Record(*made)


def _as_held(values: Values) -> Record:
    usage, *begun = values
    record = Record(**dict(zip(_BEGUN, begun, strict=True)), usage=None if usage is None else Usage(*usage))
    record.charges = [(key, amount, until) for key, amount, until in record.charges]
    return record


def _tried(values: list[Any]) -> Try:
    if (usage := values[_TRY_USAGE]) is not None:
        values[_TRY_USAGE] = Usage(*usage)
    return Try(*values)


def _as_named(head: bytes) -> tuple[Build, Build]:
    """How to make records of calls that have ended, and of those that were let in."""
    try:
        names: dict[str, list[str]] = orjson.loads(head)
        record, tries, usage = names["record"], names["try"], names["usage"]
        held = names.get("held", record)
    except (ValueError, KeyError, TypeError, AttributeError):
        return _as_settled, _as_held

    def build(named: list[str], values: Values) -> Record:
        given = dict(zip(named, values, strict=True))
        given["attempts"] = [dict(zip(tries, each, strict=True)) for each in given.get("attempts", ())]
        for holder in (given, *given["attempts"]):
            if holder["usage"] is not None:
                holder["usage"] = dict(zip(usage, holder["usage"], strict=True))
        return _named_record(given)

    return partial(build, record), partial(build, held)


def _named_record(given: dict[str, Any]) -> Record:
    found = _named(Record, given)
    found.charges = [(key, amount, until) for key, amount, until in given["charges"]]
    found.usage = _named(Usage, given["usage"]) if given["usage"] else None
    found.attempts = [_named(Try, each) for each in given["attempts"]]
    for attempt, each in zip(found.attempts, given["attempts"], strict=True):
        attempt.usage = _named(Usage, each["usage"]) if each["usage"] else None
    return found


def _named(of: type[Made], given: dict[str, Any]) -> Made:
    """Fields that this release does not know are left out."""
    return of(**{name: given[name] for name in _names(of) if name in given})


def _listed(value: Any) -> tuple[Any, ...]:
    if type(value) is Usage:
        return _usage(value)
    if type(value) is Try:
        return _try(value)
    raise TypeError(type(value).__name__)


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "")
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-LARGEST, min(value, LARGEST))
    if isinstance(value, dict):
        return {_mended(name): _mended(each) for name, each in value.items()}  # pyright: ignore
    if isinstance(value, Usage | Try):
        return _mended(_listed(value))
    if isinstance(value, Iterable):
        return [_mended(each) for each in value]  # pyright: ignore
    return value
