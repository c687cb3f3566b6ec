"""What each fault does to the steps of a right answer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from xroute.sim import failures
from xroute.sim.frames import PAGE
from xroute.sim.plan import Fault
from xroute.sim.served import Promise
from xroute.sim.steps import Bytes, Cut, End, Hang, Head, Reset, Step, Wait
from xroute.sim.tongues.tongue import Tongue

HUGE = 64 * 1024 * 1024  # bytes of huge_answer where the fault sets none
_BLOCK = 64 * 1024
_TRICKLE = 16  # bytes of one piece of slow_trickle where the fault sets none
_FILLER = b"very much "


class Part(NamedTuple):
    """An event of a stream, or a piece of a body."""

    pause_s: float  # of silence before it
    data: bytes
    tokens: int = 0  # that it tells; all those of a body stand in its last piece


@dataclass(frozen=True, slots=True)
class Right:
    """A right answer before a fault touches it."""

    head: Head
    parts: Iterator[Part]  # the events of a stream, some of them b""; a body is one part
    tongue: Tongue  # in which it is said
    is_stream: bool = False
    is_chat: bool = True  # False: what is neither a chat nor a refusal of one
    closing: int = 0  # how many parts of a stream follow the last content, [DONE] among them
    ttft_s: float = 0.0
    promise: Promise | None = None  # of a chat

    def steps(self) -> Iterator[Step]:
        """The answer as it should be."""
        yield from self.opening()
        yield from _said(self.parts)
        yield End()

    def opening(self) -> Iterator[Step]:
        """The time to the first token, and the head."""
        if self.ttft_s:
            yield Wait(self.ttft_s)
        yield self.head

    def split(self, count: int) -> tuple[list[Part], list[Part]]:
        """`count` parts and the rest, where the rest holds some content; a body is halved."""
        parts = list(self.parts)
        if self.is_stream:
            at = max(0, min(count, len(parts) - self.closing - 1))
            return parts[:at], parts[at:]
        body, tokens = b"".join(part.data for part in parts), sum(part.tokens for part in parts)
        half = len(body) // 2
        return [Part(0.0, body[:half])], [Part(0.0, body[half:], tokens)]


def _said(parts: Iterator[Part] | list[Part]) -> Iterator[Step]:
    told = 0  # tokens of events that are told with a later one
    for part in parts:
        told += part.tokens
        if part.pause_s:
            yield Wait(part.pause_s)
        if part.data:
            yield Bytes(part.data, told)
            told = 0


def _silent(parts: list[Part]) -> tuple[list[Part], Part, list[Part]]:
    """(parts that say nothing, the first that does, the rest)."""
    at = next(place for place, part in enumerate(parts) if part.data)
    return parts[:at], parts[at], parts[at + 1 :]


def spoil(fault: Fault, right: Right) -> Iterator[Step]:
    """The steps of an answer that meets `fault`."""
    if failures.is_error(fault):
        return iter(right.tongue.told(failures.of_fault(fault, right.tongue.asked)))
    return _SPOILERS[fault.kind](fault, right)


def _hang(fault: Fault) -> Step:
    return Hang() if fault.lasts_s is None else Wait(fault.lasts_s)


def _refuse(fault: Fault, right: Right) -> Iterator[Step]:
    yield Reset()


def _hang_before_headers(fault: Fault, right: Right) -> Iterator[Step]:
    yield _hang(fault)
    yield from right.steps()


def _hang_mid_stream(fault: Fault, right: Right) -> Iterator[Step]:
    sent, rest = right.split(fault.after_events)
    yield from right.opening()
    yield from _said(sent)
    yield _hang(fault)
    yield from _said(rest)
    yield End()


def _cut_mid_stream(fault: Fault, right: Right) -> Iterator[Step]:
    sent, rest = right.split(fault.after_events)
    yield from right.opening()
    yield from _said(sent)
    yield Cut(_silent(rest)[1].data)


def _reset_mid_stream(fault: Fault, right: Right) -> Iterator[Step]:
    sent, _ = right.split(fault.after_events)
    yield from right.opening()
    yield from _said(sent)
    yield Reset()


def _end_mid_stream(fault: Fault, right: Right) -> Iterator[Step]:
    sent, _ = right.split(fault.after_events)
    yield from _replaced(right, sent)


def _error_event(fault: Fault, right: Right) -> Iterator[Step]:
    problem = failures.of_fault(fault, right.tongue.asked)
    if not right.is_stream:
        yield from _replaced(right, [Part(0.0, right.tongue.refuse(problem).body)])
        return
    sent, _ = right.split(fault.after_events)
    yield from _replaced(right, [*sent, Part(0.0, right.tongue.failed(problem))])


def _malformed_json(fault: Fault, right: Right) -> Iterator[Step]:
    sent, rest = right.split(fault.after_events)
    if not right.is_stream:
        yield from _replaced(right, sent)
        return
    silent, part, rest = _silent(rest)
    *whole, last = right.tongue.framing.units(part.data)
    broken = b"".join(whole) + right.tongue.framing.broken(last)
    yield from _replaced(right, [*sent, *silent, part._replace(data=broken), *rest])


def _malformed_sse(fault: Fault, right: Right) -> Iterator[Step]:
    sent, rest = right.split(fault.after_events)
    if not right.is_stream:  # events in the place of a body
        body = sent[0].data + rest[0].data
        yield from _replaced(right, [Part(0.0, b"data: %b\n\n" % body)])
        return
    yield from _replaced(right, [*sent, Part(0.0, right.tongue.framing.noise)])


def _wrong_content_type(fault: Fault, right: Right) -> Iterator[Step]:
    yield from failures.whole(200, PAGE, kind="text/html; charset=utf-8")


def _empty_200(fault: Fault, right: Right) -> Iterator[Step]:
    yield from failures.whole(200, b"", kind=right.head.headers["content-type"])


def _empty_stream(fault: Fault, right: Right) -> Iterator[Step]:
    if right.is_stream:
        yield from _replaced(right, [Part(0.0, right.tongue.nothing())])
        return
    body = b"{}"
    if right.is_chat:
        body = orjson.dumps(right.tongue.emptied(orjson.loads(b"".join(part.data for part in right.parts))))
    yield from _replaced(right, [Part(0.0, body)])


def _one_byte_chunks(fault: Fault, right: Right) -> Iterator[Step]:
    yield from _in_pieces(right, 1, 0.0)


def _slow_trickle(fault: Fault, right: Right) -> Iterator[Step]:
    yield from _in_pieces(right, fault.size_bytes or _TRICKLE, fault.pause_s)


def _in_pieces(right: Right, size: int, pause_s: float) -> Iterator[Step]:
    yield from right.opening()
    for part in right.parts:
        if part.pause_s:
            yield Wait(part.pause_s)
        last = len(part.data) - 1
        for start in range(0, len(part.data), size):
            yield Bytes(part.data[start : start + size], part.tokens if start + size > last else 0)
            yield Wait(pause_s)
    yield End()


def _huge_answer(fault: Fault, right: Right) -> Iterator[Step]:
    sent, rest = right.split(1)
    size = fault.size_bytes or HUGE
    headers = {name: value for name, value in right.head.headers.items() if name != "content-length"}
    yield Head(right.head.status, headers)
    if right.is_stream:
        silent, part, rest = _silent(rest)
        *whole, last = right.tongue.framing.units(part.data)
        yield from _said([*sent, *silent, Part(0.0, b"".join([*whole, last]), part.tokens)])
        yield from _repeated(right.tongue.framing.again(last), size)
        yield from _said(rest)
    else:
        before, after = _at_content(sent[0].data + rest[0].data, right.tongue.marker)
        yield Bytes(before)
        yield from _repeated(_FILLER if before.endswith(b'"') else b" ", size)
        yield Bytes(after, rest[0].tokens)
    yield End()


def _repeated(data: bytes, size: int) -> Iterator[Step]:
    count = max(1, _BLOCK // len(data))
    for _ in range(0, size, count * len(data)):
        yield Bytes(data * count)


def _at_content(body: bytes, marker: bytes) -> tuple[bytes, bytes]:
    """The body parted where text fits in; without any, behind its brace, where JSON takes white space.

    What is no JSON grows at its end.
    """
    if not body.startswith(b"{"):
        return body, b""
    at = body.find(marker)
    at = 1 if at < 0 else at + len(marker)
    return body[:at], body[at:]


def _replaced(right: Right, parts: list[Part]) -> Iterator[Step]:
    """The same head, with the length that `parts` have, and these parts in place of its own."""
    headers = dict(right.head.headers)
    if "content-length" in headers:
        headers["content-length"] = str(sum(len(part.data) for part in parts))
    if right.ttft_s:
        yield Wait(right.ttft_s)
    yield Head(right.head.status, headers)
    yield from _said(parts)
    yield End()


_SPOILERS: dict[str, Callable[[Fault, Right], Iterator[Step]]] = {
    "refuse": _refuse,
    "hang_before_headers": _hang_before_headers,
    "hang_mid_stream": _hang_mid_stream,
    "cut_mid_stream": _cut_mid_stream,
    "reset_mid_stream": _reset_mid_stream,
    "end_mid_stream": _end_mid_stream,
    "error_event": _error_event,
    "malformed_json": _malformed_json,
    "malformed_sse": _malformed_sse,
    "wrong_content_type": _wrong_content_type,
    "empty_200": _empty_200,
    "empty_stream": _empty_stream,
    "one_byte_chunks": _one_byte_chunks,
    "huge_answer": _huge_answer,
    "slow_trickle": _slow_trickle,
}
