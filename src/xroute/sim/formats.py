"""A plausible string for each `format` of JSON Schema."""

import random
import uuid
from collections.abc import Callable

from xroute.sim import words


def _date(rng: random.Random) -> str:
    return f"{rng.randint(2000, 2030)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def _time(rng: random.Random) -> str:
    return f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}Z"


def _ipv6(rng: random.Random) -> str:
    return "2001:db8:" + ":".join(f"{rng.randrange(65536):x}" for _ in range(6))


def _ipv4(rng: random.Random) -> str:
    return f"192.0.2.{rng.randint(1, 254)}"  # RFC 5737: addresses for documentation


def _host(rng: random.Random) -> str:
    return f"{words.word(rng)}.example.com"


def _uuid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


FORMATS: dict[str, Callable[[random.Random], str]] = {
    "date": _date,
    "time": _time,
    "date-time": lambda rng: f"{_date(rng)}T{_time(rng)}",
    "duration": lambda rng: f"P{rng.randint(1, 30)}DT{rng.randint(1, 23)}H",
    "email": lambda rng: f"{words.word(rng)}@{_host(rng)}",
    "idn-email": lambda rng: f"{words.word(rng)}@{_host(rng)}",
    "hostname": _host,
    "idn-hostname": _host,
    "ipv4": _ipv4,
    "ipv6": _ipv6,
    "uri": lambda rng: f"https://{_host(rng)}/{words.word(rng)}",
    "uri-reference": lambda rng: f"/{words.word(rng)}",
    "iri": lambda rng: f"https://{_host(rng)}/{words.word(rng)}",
    "uuid": _uuid,
    "json-pointer": lambda rng: f"/{words.word(rng)}",
    "regex": lambda rng: f"^{words.word(rng)}$",
}
