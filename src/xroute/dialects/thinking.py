"""How much the client wants a model to reason: effort words, token budgets, and each as the other.

Effort as a share of the output limit: https://openrouter.ai/docs/use-cases/reasoning-tokens, read 2026-11-21.
"""

from collections.abc import Collection
from dataclasses import dataclass
from math import isfinite
from typing import Any, TypeAlias, cast

Json: TypeAlias = dict[str, Any]  # this module imports no dialect, so that each of them may import it

# Per mille of the output limit; "max" gets no more than "xhigh", as an answer needs room as well.
SHARES = {"minimal": 100, "low": 200, "medium": 500, "high": 800, "xhigh": 950, "max": 950}
EFFORTS = ("none", *SHARES)  # in rising order

LEAST, MOST = 1024, 128_000  # tokens of a budget
ASSUMED = 64_000  # tokens out, where neither the client nor the catalog says a limit

_DEFAULT = "medium"  # asked for without saying how much
_OFF = frozenset({"none", "off", "disabled"})
_ASKING = frozenset(
    {"reasoning", "reasoning_effort", "include_reasoning"}
)  # the fields of a body that are read


@dataclass(frozen=True, slots=True)
class Wish:
    """What the client wants. `off`: no reasoning. `on`: reasoning is asked for, by effort or by budget.

    Neither of them: only the form of the reasoning in the answer is meant (`exclude`, `summary`), the model
    does as it does by default.
    """

    effort: str | None = None  # minimal | low | medium | high | xhigh | max; None where only tokens were said
    max_tokens: int | None = None  # of reasoning, as the client said it
    exclude: bool = False  # reasoning is not wanted in the answer
    off: bool = False
    summary: str | None = None  # auto | concise | detailed

    @property
    def on(self) -> bool:
        """Whether reasoning itself is asked for."""
        return not self.off and (self.effort is not None or self.max_tokens is not None)

    def budget(self, max_output: int) -> int:
        """Tokens to reason with, of `max_output` tokens in all (0 = not known); 0 for `off`."""
        if self.off:
            return 0
        if self.max_tokens is not None:
            return min(max(self.max_tokens, LEAST), MOST)
        share = SHARES[self.effort or _DEFAULT]
        return min(max((max_output or ASSUMED) * share // 1000, LEAST), MOST)

    def word(self, max_output: int) -> str:
        """The effort said, or the one that comes nearest to the budget; "none" for `off`."""
        if self.off:
            return "none"
        if self.effort is None and self.max_tokens is not None:
            return effort_of(self.max_tokens, max_output)
        return self.effort or _DEFAULT


def wish(body: Json) -> Wish | None:
    """The wish in a canonical body; None where it says nothing about reasoning. Never raises.

    `reasoning` stands over `reasoning_effort`; an effort word that nobody knows means "medium".
    """
    if _ASKING.isdisjoint(body):
        return None
    given: Any = body.get("reasoning")
    own = cast(Json, given) if isinstance(given, dict) else dict[str, Any]()
    effort = _effort(own.get("effort")) or _effort(body.get("reasoning_effort"))
    limit = None if _is_open(own.get("max_tokens")) else _count(own.get("max_tokens"))
    summary: Any = own.get("summary") or own.get("generate_summary")
    found = Wish(
        effort=None if effort == "none" else effort,
        max_tokens=limit or None,
        exclude=own.get("exclude") is True or body.get("include_reasoning") is False,
        off=effort == "none" or limit == 0 or _enabled(body, own) is False,
        summary=summary if isinstance(summary, str) else None,
    )
    if _enabled(body, own) and not found.off and not found.on:
        found = Wish(_DEFAULT, exclude=found.exclude, summary=found.summary)
    return None if found == Wish() else found


def effort_of(budget: int, max_output: int) -> str:
    """The effort whose share of `max_output` tokens (0 = not known) comes nearest to `budget`."""
    if budget <= 0:
        return "none"
    share = budget * 1000 // (max_output if max_output > 0 else ASSUMED)
    return min(list(SHARES)[:-1], key=lambda word: abs(SHARES[word] - share))


def nearest(effort: str, known: Collection[str]) -> str:
    """The word of `known` (not empty) that is nearest to `effort`; of two as near, the lower one."""
    place = EFFORTS.index(effort)
    return min(known, key=lambda word: (abs(EFFORTS.index(word) - place), EFFORTS.index(word)))


def _enabled(body: Json, own: Json) -> bool | None:
    """`reasoning: true`, `reasoning: {"enabled": ...}`, a budget of -1; None where none is said."""
    for value in (own.get("enabled"), body.get("reasoning")):
        if isinstance(value, bool):
            return value
    return True if _is_open(own.get("max_tokens")) else None


def _is_open(limit: Any) -> bool:
    """Less than nothing: as much as the model likes, as Gemini has it."""
    return isinstance(limit, int) and limit < 0


def _count(value: Any) -> int | None:
    """Tokens given as a number or as its text; None for anything else."""
    if isinstance(value, str):
        return int(value) if len(value) < 16 and value.strip().isdecimal() else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        return None
    return max(int(value), 0)


def _effort(value: Any) -> str | None:
    if not isinstance(value, str) or not value.strip():
        return None
    word = value.strip().lower()
    if word in _OFF:
        return "none"
    return word if word in SHARES else _DEFAULT
