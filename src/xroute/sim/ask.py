"""What a request asks of the simulator: its body, and the controls in its headers and its model name."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

from xroute.errors import ConfigError, InvalidRequest
from xroute.sim.plan import FAULT_KEYS, KINDS, Fault, Profile, parse_fault, read_fault
from xroute.sim.shape import load

MAX_TOKENS = 1_000_000  # of one answer: the simulator's memory is bounded too
# What the answer depends on; the model is not among it, so that deployments which stand in for each other
# give the same text, and neither is `stream`, so that both forms do.
_SHAPING = ("messages", "tools", "tool_choice", "response_format", "seed", "reasoning_effort")


@dataclass(frozen=True, slots=True)
class SimRequest:
    """One HTTP request; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Controls:
    """What this one request changes about the profile."""

    faults: tuple[Fault, ...] | None = None  # () switches the profile's faults off
    ttft_ms: float | None = None
    tokens: int | None = None
    tokens_per_s: float | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A decoded completion request."""

    model: str  # without the controls
    body: dict[str, Any]
    controls: Controls

    def seed(self, profile: Profile) -> str:
        """What the answer is drawn from: equal requests give equal answers."""
        own = profile.seed if self.controls.seed is None else self.controls.seed
        shaping = {name: self.body[name] for name in _SHAPING if name in self.body}
        try:
            data = orjson.dumps(shaping, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError as error:  # it reads deeper than it writes
            raise InvalidRequest("The body is nested too deeply.") from error
        return f"{own}:{hashlib.blake2b(data, digest_size=12).hexdigest()}"


def read_ask(request: SimRequest) -> Ask:
    """The body decoded, with its controls; InvalidRequest when it is no JSON object with a model."""
    return ask_of(load(request.body), request.headers)


def ask_of(body: dict[str, Any], headers: Mapping[str, str]) -> Ask:
    """A canonical body with its controls; InvalidRequest when it has no model."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidRequest("You must provide a model parameter.", param="model")
    name, _, written = model.partition("#")
    given = dict(parse_qsl(written, keep_blank_values=True)) | _from_headers(headers)
    return Ask(name, body, _controls(given))


def _from_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """`x-sim-fault: status_429; retry_after=2` as the pairs that a model name would hold."""
    found = {
        name.removeprefix("x-sim-").replace("-", "_"): value
        for name, value in headers.items()
        if name.startswith("x-sim-")
    }
    if ";" not in found.get("fault", ""):
        return found
    kind, *rest = (part.strip() for part in found["fault"].split(";"))
    pairs = {key.strip(): value.strip() for key, _, value in (part.partition("=") for part in rest if part)}
    return found | pairs | {"fault": kind}


def _controls(given: dict[str, str]) -> Controls:
    """Reads each control as the config reads its sibling; a wrong one is the caller's mistake."""
    if not given:
        return _NONE
    fault = given.pop("fault", None)
    details = {key: given.pop(key) for key in list(given) if key in FAULT_KEYS}
    try:
        if unknown := given.keys() - CONTROLS.keys():
            raise ConfigError(
                f"unknown: {', '.join(sorted(unknown))}; known are fault, {', '.join(CONTROLS)}"
            )
        faults = _faults(fault, details)
        profile = Profile.from_dict({CONTROLS[key]: value for key, value in given.items()}, "control")
    except ConfigError as error:
        raise InvalidRequest(f"Simulator control: {error}", code="invalid_control") from error
    if profile.output_tokens > MAX_TOKENS:
        raise InvalidRequest(f"Simulator control: more than {MAX_TOKENS} tokens", code="invalid_control")
    return Controls(
        faults=faults,
        ttft_ms=profile.ttft.median_ms if "ttft_ms" in given else None,
        tokens=profile.output_tokens if "tokens" in given else None,
        tokens_per_s=profile.tokens_per_s,
        seed=profile.seed if "seed" in given else None,
    )


def _faults(kind: str | None, details: dict[str, str]) -> tuple[Fault, ...] | None:
    if kind is None:
        if details:
            raise ConfigError(f"{', '.join(details)} without a fault")
        return None
    if kind == "none":
        return ()
    if kind in KINDS:
        return (read_fault({"kind": kind, **details}, "fault"),)
    return (parse_fault(kind, "fault"),)


_NONE = Controls()
# a control of one request -> its key in a profile
CONTROLS = {"tokens": "output_tokens", "tps": "tokens_per_s", "ttft_ms": "ttft_ms", "seed": "seed"}
