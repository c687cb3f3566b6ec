"""The pieces of an answer in order, for the dialects that the simulator writes by itself."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from xroute.sim.answer import Answer, Call, Choice

Kind = Literal["begin", "thought", "text", "call", "argument", "end"]


class Piece(NamedTuple):
    """One event of a stream; as many as the canonical form has, in the same order."""

    kind: Kind
    text: str = ""
    call: Call | None = None
    place: int = 0  # of the call among the calls
    is_last: bool = False  # of its thought, text or call


def pieces(said: Answer) -> Iterator[Piece]:
    """The first choice: these dialects have no others."""
    choice = said.choices[0]
    yield Piece("begin")
    yield from _run("thought", choice.reasoning)
    yield from _run("text", choice.pieces)
    for place, call in enumerate(choice.calls):
        yield Piece("call", "", call, place, is_last=not call.pieces)
        last = len(call.pieces) - 1
        for number, text in enumerate(call.pieces):
            yield Piece("argument", text, call, place, is_last=number == last)
    yield Piece("end")


def _run(kind: Kind, texts: list[str]) -> Iterator[Piece]:
    last = len(texts) - 1
    for number, text in enumerate(texts):
        yield Piece(kind, text, is_last=number == last)


def thought_of(choice: Choice) -> str:
    """The whole reasoning."""
    return "".join(choice.reasoning)


def text_of(choice: Choice) -> str:
    """The whole text."""
    return "".join(choice.pieces)


def billed(said: Answer) -> tuple[int, int]:
    """(tokens of the prompt that were not cached, tokens of the first choice)."""
    return said.prompt_tokens - said.cached_tokens, said.choices[0].tokens
