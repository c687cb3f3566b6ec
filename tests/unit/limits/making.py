"""Gates and amounts in few words. The clock of these tests begins at `NOW`, a Monday at noon in UTC."""

from xroute.limits.gate import Amounts, Gate, Hold, Refused
from xroute.limits.memory import Memory

NOW = 1_795_435_200.0  # 2026-11-23T12:00:00Z


def rate(limit: int, measure: str = "requests", key: str = "", subject: str = "key bench", **more) -> Gate:
    return Gate(key or f"rule:{measure}", "rate", measure, limit, subject, **more)


def purse(limit: int, measure: str = "money", key: str = "", subject: str = "key bench", **more) -> Gate:
    return Gate(key or f"budget:{measure}:total", "purse", measure, limit, subject, **more)


def slots(limit: int, key: str = "rule:slots", **more) -> Gate:
    return Gate(key, "slots", "slots", limit, "key bench", **more)


def dollars(nano: int) -> Amounts:
    return Amounts(nano=nano)


def let_in(engine: Memory, gates: tuple[Gate, ...], amounts: Amounts | None = None, now: float = NOW) -> Hold:
    found = engine.admit("req", gates, amounts or Amounts(), now)
    assert isinstance(found, Hold), found
    return found


def turned_away(
    engine: Memory, gates: tuple[Gate, ...], amounts: Amounts | None = None, now: float = NOW
) -> Refused:
    found = engine.admit("req", gates, amounts or Amounts(), now)
    assert isinstance(found, Refused), found
    return found
