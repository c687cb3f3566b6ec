"""How the simulator behaves: its pace, its faults, and which request meets which fault."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from xroute.errors import ConfigError
from xroute.sim.shape import entries, table

STATUSES = (400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 529)
# Faults and what each does; `docs/simulator.md` has the same list.
KINDS: dict[str, str] = {
    **{f"status_{status}": f"an error with status {status}" for status in STATUSES},
    "context_length_exceeded": "status 400, code context_length_exceeded",
    "content_policy_violation": "status 400, code content_policy_violation",
    "insufficient_quota": "status 429, code insufficient_quota: waiting does not help",
    "refuse": "no connection: refused in a window, else reset before any byte",
    "hang_before_headers": "takes the request and says nothing",
    "hang_mid_stream": "stops talking in the middle of the answer",
    "cut_mid_stream": "closes the connection in the middle of an event",
    "reset_mid_stream": "resets the connection in the middle of the answer",
    "end_mid_stream": "ends the body properly, but before the answer is complete",
    "error_event": "an error object inside the stream",
    "malformed_json": "JSON that breaks off",
    "malformed_sse": "text that is no server-sent event inside the stream",
    "wrong_content_type": "status 200 with an HTML page",
    "empty_200": "status 200 with no body",
    "empty_stream": "status 200 and nothing but [DONE]",
    "one_byte_chunks": "a right answer, one byte at a time",
    "huge_answer": "an answer of many megabytes",
    "slow_trickle": "a right answer, a few bytes at a time with pauses",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure and when it happens: every condition given must hold; with none it always happens."""

    kind: str
    probability: float | None = None
    every: int | None = None  # the nth, 2nth, 3nth ... request
    first: int | None = None  # only the first so many requests
    from_s: float | None = None  # a window, in seconds since the start (or of each period)
    to_s: float | None = None
    period_s: float | None = None  # the window comes again this often
    retry_after_s: float | None = None
    after_events: int = 3  # events sent before a fault in mid-stream; the first holds only the role
    size_bytes: int | None = None  # of huge_answer, and of one piece of slow_trickle
    pause_s: float = 0.1  # between two pieces of slow_trickle
    lasts_s: float | None = None  # a hang goes on after so long; None: it never does

    def holds(self, t_s: float) -> bool:
        """Whether the window, if there is one, is open at `t_s`."""
        t_s = t_s % self.period_s if self.period_s else t_s
        return (self.from_s or 0.0) <= t_s < (math.inf if self.to_s is None else self.to_s)

    def changes(self, t_s: float) -> float | None:
        """When the window next opens or closes after `t_s`; None when it never does."""
        start, period_s = 0.0, self.period_s or 0.0
        if period_s:
            start = t_s - t_s % period_s
        edges = [start + edge for edge in (self.from_s or 0.0, self.to_s) if edge is not None]
        edges += [edge + period_s for edge in edges]
        return min((edge for edge in edges if edge > t_s), default=None)

    @property
    def is_window(self) -> bool:
        """Whether only the time decides, so that it hits whatever is asked."""
        counted = (self.probability, self.every, self.first)
        return not any(count is not None for count in counted) and (self.from_s, self.to_s) != (None, None)


@dataclass(frozen=True, slots=True)
class Latency:
    """Time to first token: constant, or log-normal when the 95th percentile is given."""

    median_ms: float = 0.0
    p95_ms: float | None = None

    def draw(self, rng: random.Random) -> float:
        """Seconds."""
        if not self.p95_ms or self.median_ms <= 0:
            return self.median_ms / 1000
        sigma = math.log(self.p95_ms / self.median_ms) / 1.6449  # the normal distribution's 95th percentile
        return rng.lognormvariate(math.log(self.median_ms), sigma) / 1000


@dataclass(frozen=True, slots=True)
class Profile:
    """One simulated provider. Nothing waits and nothing fails unless it is said here."""

    seed: int = 0
    ttft: Latency = Latency()
    tokens_per_s: float | None = None  # None: all at once
    output_tokens: int = 48  # length of an answer where the request sets none
    cached_share: float = 0.5  # of a prompt of 1,024 tokens or more
    models: tuple[str, ...] = ("sim",)  # what GET /v1/models lists; any name is answered
    faults: tuple[Fault, ...] = ()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str = "sim") -> "Profile":
        """The profile a config section describes; ConfigError names the key."""
        given: dict[str, Any] = {}
        for key, value in values.items():
            if key not in _PROFILE:
                raise ConfigError(f"unknown key; known are {', '.join(_PROFILE)}", f"{where}.{key}")
            name, read = _PROFILE[key]
            given[name] = read(value, f"{where}.{key}")
        return cls(**given)


def choose(profile: Profile, n: int, t_s: float) -> Fault | None:
    """The fault that request number `n` meets `t_s` seconds after the start: the first that applies.

    `n` counts completions from 1; 0 stands for requests that are not counted and meet windows alone.
    """
    for index, fault in enumerate(profile.faults):
        if fault.holds(t_s) and (fault.is_window or (n > 0 and _counts(fault, profile.seed, index, n))):
            return fault
    return None


def _counts(fault: Fault, seed: int, index: int, n: int) -> bool:
    if fault.first is not None and n > fault.first:
        return False
    if fault.every is not None and n % fault.every:
        return False
    return fault.probability is None or random.Random(f"{seed}:{index}:{n}").random() < fault.probability


def parse_fault(text: str, where: str = "--fault") -> Fault:
    """A fault as the command line writes it: `status_429:every=3,retry_after=1`."""
    kind, _, rest = text.partition(":")
    values: dict[str, Any] = {"kind": kind.strip()}
    for pair in filter(None, (part.strip() for part in rest.split(","))):
        key, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"{pair!r} is not of the form key=value", where)
        values[key.strip()] = value.strip()
    return read_fault(values, where)


def read_fault(values: Mapping[str, Any], where: str) -> Fault:
    """A fault as the config file writes it: `{kind: status_429, every: 3, retry_after: 1}`."""
    kind = values.get("kind")
    if kind not in KINDS:
        raise ConfigError(f"{kind!r} is no fault; known are {', '.join(KINDS)}", f"{where}.kind")
    given: dict[str, Any] = {"kind": kind}
    for key, value in values.items():
        if key == "kind":
            continue
        if key not in _FAULT:
            raise ConfigError(f"unknown key; known are {', '.join(_FAULT)}", f"{where}.{key}")
        name, read = _FAULT[key]
        given[name] = read(value, f"{where}.{key}")
    return _checked(Fault(**given), where)


def _checked(fault: Fault, where: str) -> Fault:
    if fault.to_s is not None and fault.to_s <= (fault.from_s or 0.0):
        raise ConfigError("ends before it begins", f"{where}.to")
    if fault.period_s is not None and fault.to_s is None:
        raise ConfigError("needs `to`: a window that comes again must end", f"{where}.period")
    return fault


def _number(value: Any, where: str, low: float = 0.0, high: float = math.inf) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not low <= number <= high or math.isinf(number):
        bounds = f"from {low:g} to {high:g}" if high < math.inf else f"of at least {low:g}"
        raise ConfigError(f"{value!r} is not a number {bounds}", where)
    return number


def _share(value: Any, where: str) -> float:
    return _number(value, where, high=1.0)


def _positive(value: Any, where: str) -> float:
    return _number(value, where, low=1e-6)


def _count(value: Any, where: str) -> int:
    number = _number(value, where)
    if number != int(number):
        raise ConfigError(f"{value!r} is not a whole number", where)
    return int(number)


def _ordinal(value: Any, where: str) -> int:
    count = _count(value, where)
    if count == 0:
        raise ConfigError("must be 1 or more", where)
    return count


def _latency(value: Any, where: str) -> Latency:
    if not isinstance(value, dict):
        return Latency(_number(value, where))
    given = table(value)
    for key in given:
        if key not in ("median", "p95"):
            raise ConfigError("unknown key; known are median, p95", f"{where}.{key}")
    median = _number(given.get("median", 0), f"{where}.median")
    if given.get("p95") is None:
        return Latency(median)
    return Latency(median, _number(given["p95"], f"{where}.p95", low=median))


def _names(value: Any, where: str) -> tuple[str, ...]:
    names = entries(value)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ConfigError("is not a list of names", where)
    return tuple(names)


def _faults(value: Any, where: str) -> tuple[Fault, ...]:
    if not isinstance(value, list):
        raise ConfigError("is not a list", where)
    return tuple(_fault(entry, f"{where}[{i}]") for i, entry in enumerate(entries(value)))


def _fault(value: Any, where: str) -> Fault:
    if isinstance(value, str):
        return parse_fault(value, where)
    if not isinstance(value, dict):
        raise ConfigError("is neither a fault's text nor a table", where)
    return read_fault(table(value), where)


# key in the config and on the command line -> field, reader
_FAULT = {
    "p": ("probability", _share),
    "every": ("every", _ordinal),
    "first": ("first", _ordinal),
    "from": ("from_s", _number),
    "to": ("to_s", _number),
    "period": ("period_s", _positive),
    "retry_after": ("retry_after_s", _number),
    "after": ("after_events", _count),
    "size": ("size_bytes", _ordinal),
    "pause": ("pause_s", _number),
    "for": ("lasts_s", _number),
}
_PROFILE = {
    "seed": ("seed", _count),
    "ttft_ms": ("ttft", _latency),
    "tokens_per_s": ("tokens_per_s", _positive),
    "output_tokens": ("output_tokens", _ordinal),
    "cached_share": ("cached_share", _share),
    "models": ("models", _names),
    "faults": ("faults", _faults),
}
FAULT_KEYS = tuple(_FAULT)
PROFILE_KEYS = tuple(_PROFILE)


def describe(fault: Fault) -> str:
    """The fault as `parse_fault` reads it."""
    keys = {name: key for key, (name, _) in _FAULT.items()}
    given = [(keys[f.name], getattr(fault, f.name), f.default) for f in fields(fault) if f.name in keys]
    pairs = ",".join(f"{key}={value:g}" for key, value, default in given if value != default)
    return f"{fault.kind}:{pairs}" if pairs else fault.kind
