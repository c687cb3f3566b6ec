"""From a request to the steps of its answer; pure: the request's number and the time are arguments."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import orjson

from xroute.errors import InvalidRequest
from xroute.sim import failures, listing, tasks, tongues
from xroute.sim.answer import Answer, answer
from xroute.sim.ask import Ask, Controls, SimRequest, ask_of
from xroute.sim.checks import check
from xroute.sim.faults import Part, Right, spoil
from xroute.sim.plan import Fault, Profile, choose
from xroute.sim.served import Promise
from xroute.sim.steps import Bytes, Head, Step
from xroute.sim.tasks import Task
from xroute.sim.tongues import Tongue, openai

_NO_CONTROLS = Controls()


@dataclass(frozen=True, slots=True)
class Scene:
    """What happens to one request, and the fault that it meets."""

    steps: Iterator[Step]
    fault: Fault | None = None
    promise: Promise | None = None  # of the answer; None where there is none


def script(request: SimRequest, profile: Profile, n: int, t_s: float) -> Iterator[Step]:
    """The steps of request number `n` at `t_s` seconds after the start."""
    return scene(request, profile, n, t_s).steps


def scene(request: SimRequest, profile: Profile, n: int, t_s: float) -> Scene:
    """As `script`, with the fault named. `n` is 0 for what is not a completion."""
    if request.path == "/healthz":
        return Scene(iter(failures.whole(200, b'{"status":"ok","provider":"sim"}')))
    right, controls = _right(request, profile, n)
    if controls.faults is not None:
        profile = replace(profile, faults=controls.faults)
    fault = choose(profile, n, t_s)
    if fault is None:
        return Scene(right.steps(), promise=right.promise)
    return Scene(spoil(fault, right), fault, None if failures.is_error(fault) else right.promise)


def is_completion(request: SimRequest) -> bool:
    """Whether the request counts: faults with a number or a probability do not meet lists of models."""
    return request.method == "POST" and (tongues.find(request) or tasks.find(request)) is not None


def _right(request: SimRequest, profile: Profile, n: int) -> tuple[Right, Controls]:
    """What is answered when nothing fails, and the request's own controls."""
    if request.method == "POST":
        if (tongue := tongues.find(request)) is not None:
            return _completion(tongue, profile, n)
        if (task := tasks.find(request)) is not None:
            return _task(task, profile, n)
    plain, listed = openai.Chat(request), listing.find(request, profile.models)
    if listed is not None and request.method == "GET":
        return _whole(plain, listed, 200), _NO_CONTROLS
    if (listed or tongues.find(request) or tasks.find(request)) is not None:
        return _whole(plain, _NOT_ALLOWED, 405), _NO_CONTROLS
    return _whole(plain, _UNKNOWN, 404), _NO_CONTROLS


def _task(task: Task, profile: Profile, n: int) -> tuple[Right, Controls]:
    """As `_completion`, for what one body answers."""
    controls, tongue = _NO_CONTROLS, task.tongue
    tongue.named = f"req-sim-{n}"
    try:
        ask = ask_of(task.read(), task.request.headers)
        controls, tongue.asked = ask.controls, ask.model
        seed = profile.seed if controls.seed is None else controls.seed
        made = task.answer(ask.body, ask.model, seed)
    except InvalidRequest as error:
        return _steps(tongue, tongue.told(failures.of_request(error))), controls
    headers = {"content-type": made.media, tongue.identity: tongue.named}
    right = _whole(tongue, made.body, 200, headers, _ttft(controls, profile, n))
    return replace(right, is_chat=False), controls


def _completion(tongue: Tongue, profile: Profile, n: int) -> tuple[Right, Controls]:
    controls = _NO_CONTROLS
    tongue.named = f"req-sim-{n}"
    try:
        ask = ask_of(tongue.read(), tongue.request.headers)
        controls, tongue.asked = ask.controls, ask.model
        check(ask.body)
        return _answered(tongue, ask, profile, n), controls
    except InvalidRequest as error:
        return _steps(tongue, tongue.told(failures.of_request(error))), controls


def _answered(tongue: Tongue, ask: Ask, profile: Profile, n: int) -> Right:
    said = answer(ask, profile)
    tokens_per_s = ask.controls.tokens_per_s or profile.tokens_per_s
    token_s = 1 / tokens_per_s if tokens_per_s else 0.0
    ttft_s = _ttft(ask.controls, profile, n)
    identity = {tongue.identity: tongue.named}
    promise = _promise(tongue, ask, said)
    if not ask.body.get("stream"):
        headers = {"content-type": tongue.media, **identity}
        body, ttft_s = tongue.write(said, ask.body), ttft_s + said.tokens * token_s
        right = _whole(tongue, body, 200, headers, ttft_s)
        return replace(right, parts=iter([Part(0.0, body, said.tokens)]), promise=promise)
    headers = {"content-type": tongue.framing.media, "cache-control": "no-cache", **identity}
    parts = _paced(tongue.parts(said, ask.body), said, token_s)
    closing = tongue.closing(ask.body)
    head = Head(200, headers)
    return Right(head, parts, tongue, is_stream=True, closing=closing, ttft_s=ttft_s, promise=promise)


def _promise(tongue: Tongue, ask: Ask, said: Answer) -> Promise:
    user = ask.body.get("user")
    return Promise(
        id=tongue.named,
        answer=said.id,
        model=ask.model,
        user=user if isinstance(user, str) else "",
        stream=bool(ask.body.get("stream")),
        prompt_tokens=said.prompt_tokens,
        cached_tokens=said.cached_tokens,
        tokens=said.tokens,
    )


def _ttft(controls: Controls, profile: Profile, n: int) -> float:
    if controls.ttft_ms is not None:
        return controls.ttft_ms / 1000
    if not profile.ttft.p95_ms:
        return profile.ttft.median_ms / 1000
    return profile.ttft.draw(random.Random(f"{profile.seed}:ttft:{n}"))


def _paced(parts: Iterator[bytes], said: Answer, token_s: float) -> Iterator[Part]:
    """A pause before every token but the first; the roles before and the closing events have none."""
    first = len(said.choices) + 1
    last = len(said.choices) + said.tokens
    for index, part in enumerate(parts):
        is_token = first - 1 <= index < last
        yield Part(token_s if is_token and index >= first else 0.0, part, int(is_token))


def _error(message: str) -> bytes:
    body = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return orjson.dumps({"error": body})


def _whole(
    tongue: Tongue, body: bytes, status: int, headers: dict[str, str] | None = None, ttft_s: float = 0.0
) -> Right:
    return _steps(tongue, failures.whole(status, body, headers), ttft_s)


def _steps(tongue: Tongue, steps: list[Step], ttft_s: float = 0.0) -> Right:
    """An answer that is there at once, as something that a fault can touch."""
    head = next(step for step in steps if isinstance(step, Head))
    parts = [Part(0.0, step.data) for step in steps if isinstance(step, Bytes)]
    return Right(head, iter(parts), tongue, ttft_s=ttft_s)


_NOT_ALLOWED = _error("This address does not take this method.")
_UNKNOWN = _error("Unknown request URL; docs/simulator.md lists the paths that the simulator knows.")
