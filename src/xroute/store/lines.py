"""The lines of a journal: a call that was let in, one that has ended, a price, each as a JSON array.

A record is the list of its fields' values; the names stand once, in the head of each file, so that another
release can read it too. That is half the time and half the bytes of objects with names.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, TypeVar

import orjson

from xroute.wire.record import Record, Try
from xroute.wire.usage import Usage

CREDIT = "credit:"  # what the key of a workspace's own purse begins with
LARGEST = 2**63 - 1  # what a column takes
_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATACLASS

Made = TypeVar("Made", Record, Try, Usage)
Build = Callable[[list[Any]], Record]


def _names(of: type[Record] | type[Try] | type[Usage]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(of))


_NAMES = {"record": _names(Record), "try": _names(Try), "usage": _names(Usage)}
_record: Callable[[Record], tuple[Any, ...]] = attrgetter(*_NAMES["record"])
_try: Callable[[Try], tuple[Any, ...]] = attrgetter(*_NAMES["try"])
_usage: Callable[[Usage], tuple[Any, ...]] = attrgetter(*_NAMES["usage"])
_USAGE, _CHARGES, _ATTEMPTS = (_NAMES["record"].index(name) for name in ("usage", "charges", "attempts"))
_TRY_USAGE = _NAMES["try"].index("usage")
HEAD = orjson.dumps(_NAMES, option=orjson.OPT_APPEND_NEWLINE)


@dataclass(slots=True)
class Held:
    """A call that was let in. Its line is read when somebody asks for it: most calls end soon."""

    id: str
    nano: int  # of the workspace's credit
    line: bytes
    build: Build

    @property
    def record(self) -> Record:
        """The record as it was held."""
        return self.build(orjson.loads(self.line)[1:])


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


def write_held(record: Record) -> bytes:
    return _written("h", record)


def write_settled(record: Record) -> bytes:
    return _written("s", record)


def write_priced(priced: Priced) -> bytes:
    return orjson.dumps(("p", priced.id, priced.data, priced.at), option=orjson.OPT_APPEND_NEWLINE)


def held(record: Record) -> Held:
    """The line of a record that goes on changing."""
    return Held(record.id, credit_of(record) or 0, write_held(record), as_now)


def as_object(record: Record) -> str:
    """A record as a JSON object with names, for a table."""
    return orjson.dumps(record).decode()


def attempts_object(record: Record) -> str:
    """The attempts of a record as a JSON list of objects, for a table."""
    return orjson.dumps([_try_object(each) for each in record.attempts]).decode()


def from_object(text: str | bytes) -> Record:
    """What `as_object` has written, in this release or another."""
    return _named_record(orjson.loads(text))


def clean(record: Record) -> Record:
    """The record as every database takes it: text that is Unicode without NUL, numbers of 64 bits."""
    return as_now(_mended(_record(record)))


def reader(head: bytes) -> Callable[[bytes], Line]:
    """Reads the lines of a file with this head; one that is damaged is taken for this release's."""
    build = as_now if head == HEAD else _as_named(head)

    def read(line: bytes) -> Line:
        try:
            kind, *values = orjson.loads(line)
            if kind == "p":
                return Priced(*values)
            record = build(values)
        except (ValueError, TypeError, KeyError, IndexError):
            return Damaged(line)
        return Held(record.id, credit_of(record) or 0, line, build) if kind == "h" else Settled(record)

    return read


def as_now(values: list[Any]) -> Record:
    """A record from its values, as this release orders them."""
    if (usage := values[_USAGE]) is not None:
        values[_USAGE] = Usage(*usage)
    values[_CHARGES] = [(key, amount, until) for key, amount, until in values[_CHARGES]]
    values[_ATTEMPTS] = [_tried(each) for each in values[_ATTEMPTS]]
    return Record(*values)


def _tried(values: list[Any]) -> Try:
    if (usage := values[_TRY_USAGE]) is not None:
        values[_TRY_USAGE] = Usage(*usage)
    return Try(*values)


def _as_named(head: bytes) -> Build:
    try:
        names: dict[str, list[str]] = orjson.loads(head)
        record, tries, usage = names["record"], names["try"], names["usage"]
    except (ValueError, KeyError, TypeError):
        return as_now

    def build(values: list[Any]) -> Record:
        given = dict(zip(record, values, strict=True))
        given["attempts"] = [dict(zip(tries, each, strict=True)) for each in given["attempts"]]
        for holder in (given, *given["attempts"]):
            if holder["usage"] is not None:
                holder["usage"] = dict(zip(usage, holder["usage"], strict=True))
        return _named_record(given)

    return build


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


def _written(kind: str, record: Record) -> bytes:
    try:
        return orjson.dumps((kind, *_record(record)), default=_listed, option=_OPTIONS)
    except orjson.JSONEncodeError:  # half a surrogate pair in a text, or a number without end
        return orjson.dumps((kind, *_mended(_record(record))), default=_listed, option=_OPTIONS)


def _listed(value: Any) -> tuple[Any, ...]:
    if type(value) is Usage:
        return _usage(value)
    if type(value) is Try:
        return _try(value)
    raise TypeError(type(value).__name__)


def _try_object(a: Try) -> dict[str, Any]:
    """Written out, as that takes half the time of going over the fields."""
    return {
        "deployment": a.deployment,
        "provider": a.provider,
        "model": a.model,
        "credential": a.credential,
        "began_ms": a.began_ms,
        "duration_ms": a.duration_ms,
        "ttft_ms": a.ttft_ms,
        "failure": a.failure,
        "status": a.status,
        "upstream_id": a.upstream_id,
        "usage": None if a.usage is None else _usage_object(a.usage),
        "cost_nano": a.cost_nano,
    }


def _usage_object(u: Usage) -> dict[str, Any]:
    return {
        "input": u.input,
        "output": u.output,
        "cached": u.cached,
        "cache_write": u.cache_write,
        "cache_write_1h": u.cache_write_1h,
        "reasoning": u.reasoning,
        "audio_in": u.audio_in,
        "audio_out": u.audio_out,
        "image_in": u.image_in,
        "image_out": u.image_out,
        "searches": u.searches,
        "estimated": u.estimated,
    }


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
