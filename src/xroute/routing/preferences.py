"""What a caller prefers: the `provider` object of a request, as OpenRouter names its fields."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, cast

from xroute.errors import InvalidRequest
from xroute.money.nano import from_dollars

Strategy = Literal["balanced", "price", "latency", "throughput", "order", "weighted"]
STRATEGIES = ("balanced", "price", "latency", "throughput", "order", "weighted")

# Fields of the object that come later, and the one value of each that asks for nothing.
_LATER: dict[str, Any] = {
    "enforce_distillable_text": False,
    "quantizations": [],
    "preferred_min_throughput": None,
    "preferred_max_latency": None,
}


@dataclass(frozen=True, slots=True)
class Preferences:
    """Which providers, in which order, at most at which price."""

    order: tuple[str, ...] = ()
    only: frozenset[str] = frozenset()  # empty = any
    ignore: frozenset[str] = frozenset()
    allow_fallbacks: bool = True
    require_parameters: bool = False
    sort: Strategy | None = None
    max_input: int | None = None  # nano-dollars per million tokens
    max_output: int | None = None
    max_request: int | None = None  # nano-dollars per call
    zdr: bool = False  # only who is known to keep nothing
    no_training: bool = False  # only who is known not to train on what it is sent


NONE = Preferences()


def parse(value: Any) -> Preferences:
    """The `provider` object of a request; InvalidRequest names the field that is wrong."""
    if value is None:
        return NONE
    if not isinstance(value, dict):
        raise _wrong("provider", "must be an object")
    given = dict(cast("dict[str, Any]", value))
    for name, harmless in _LATER.items():
        if given.pop(name, harmless) not in (harmless, None):
            raise _wrong(f"provider.{name}", "is not supported yet; leave it out")
    max_price = given.pop("max_price", None)
    preferences = Preferences(
        order=_names(given, "order"),
        only=frozenset(_names(given, "only")),
        ignore=frozenset(_names(given, "ignore")),
        allow_fallbacks=_flag(given, "allow_fallbacks", default=True),
        require_parameters=_flag(given, "require_parameters", default=False),
        sort=_sort(given.pop("sort", None)),
        zdr=_flag(given, "zdr", default=False),
        no_training=_collection(given.pop("data_collection", None)) == "deny",
        **_max_price(max_price),
    )
    if given:
        raise _wrong(f"provider.{next(iter(given))}", "is no field of the provider object")
    return preferences


def _names(given: dict[str, Any], field: str) -> tuple[str, ...]:
    value = given.pop(field, None)
    if value is None:
        return ()
    names = cast("list[Any]", value) if isinstance(value, list) else None
    if names is None or not all(isinstance(name, str) and name for name in names):
        raise _wrong(f"provider.{field}", "must be a list of provider names")
    return tuple(name.lower() for name in names)


def _flag(given: dict[str, Any], field: str, *, default: bool) -> bool:
    value = given.pop(field, None)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise _wrong(f"provider.{field}", "must be true or false")
    return value


def _sort(value: Any) -> Strategy | None:
    if isinstance(value, dict):  # {"by": "price", "partition": "model"}: partition by model is what we do
        sort = cast("dict[str, Any]", value)
        if sort.get("partition", "model") != "model":
            raise _wrong("provider.sort.partition", 'is only supported as "model"')
        value = sort.get("by")
    if value is None or value in STRATEGIES:
        return value
    raise _wrong("provider.sort", f"must be one of {', '.join(STRATEGIES)}")


def _collection(value: Any) -> str:
    if value not in (None, "allow", "deny"):
        raise _wrong("provider.data_collection", "must be allow or deny")
    return value or "allow"


def _max_price(value: Any) -> dict[str, int]:
    """{"prompt": 1, "completion": 2, "request": 0.01}: dollars per million tokens, dollars per call."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong("provider.max_price", "must be an object")
    fields = {"prompt": "max_input", "completion": "max_output", "request": "max_request"}
    limits: dict[str, int] = {}
    for name, amount in cast("dict[str, Any]", value).items():
        if name not in fields:
            raise _wrong(f"provider.max_price.{name}", f"is not one of {', '.join(fields)}")
        limits[fields[name]] = _dollars(f"provider.max_price.{name}", amount)
    return limits


def _dollars(field: str, amount: Any) -> int:
    if isinstance(amount, int | float | str) and not isinstance(amount, bool):
        try:
            dollars = Decimal(str(amount))
        except InvalidOperation:
            dollars = Decimal(-1)
        if dollars.is_finite() and 0 <= dollars < 10**9:
            return from_dollars(dollars)
    raise _wrong(field, "must be a number of dollars, 0 or more")


def _wrong(field: str, text: str) -> InvalidRequest:
    return InvalidRequest(f"`{field}` {text}.", param=field, code="invalid_value")
