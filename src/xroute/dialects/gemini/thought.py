"""How much the model may think: the client's wish as Gemini's thinkingConfig.

https://ai.google.dev/gemini-api/docs/generate-content/thinking, read 2026-11-21.
"""

from typing import Any

from xroute.dialects import thinking
from xroute.dialects.gemini.family import Family
from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.codec import Json
from xroute.dialects.thinking import Wish

DYNAMIC = -1  # a budget that the model chooses


def config(body: Json, family: Family, output: int | None, dropped: list[str]) -> Json | None:
    """The thinkingConfig; None where the client says nothing, or the model does not think."""
    wish = thinking.wish(body)
    if wish is None:
        return {"includeThoughts": True} if family.thinks and _is_shown(body) else None
    if not family.thinks:
        if wish.on:
            dropped.append(_name(body))
        return None
    if wish.off:
        if not family.off:
            dropped.append(_name(body))
        return _least(family)
    shown: Json = {"includeThoughts": not wish.exclude}
    return {**_amount(wish, family, body, output), **shown} if wish.on else shown


def _least(family: Family) -> Json:
    """As little as the model can: nothing, where thinking can be switched off."""
    if family.levels:
        return {"thinkingLevel": family.levels[0]}
    return {"thinkingBudget": 0 if family.off else family.least}


def _amount(wish: Wish, family: Family, body: Json, output: int | None) -> Json:
    if _is_open(body):
        return {} if family.levels else {"thinkingBudget": DYNAMIC}
    if wish.max_tokens is not None:
        return {"thinkingBudget": _within(wish.max_tokens, family)}
    if family.levels:
        return {"thinkingLevel": thinking.nearest(wish.word(0), family.levels)}
    said = tokens.count(body.get("max_completion_tokens")) or tokens.count(body.get("max_tokens"))
    budget = wish.budget(said or output or 0)
    if said and budget >= said:  # thoughts are counted as output: some of it has to stay for the answer
        budget = said * thinking.SHARES[wish.word(0)] // 1000
    return {"thinkingBudget": _within(budget, family)}


def _within(budget: int, family: Family) -> int:
    return min(max(budget, family.least), family.most)


def _is_open(body: Json) -> bool:
    """A budget below zero, as Gemini has it: as much as the model likes."""
    given: Any = body.get("reasoning")
    limit: Any = given.get("max_tokens") if codec.is_object(given) else None
    return isinstance(limit, int) and limit < 0


def _is_shown(body: Json) -> bool:
    """Thoughts are to be seen, however many there are: they are not unless they are asked for."""
    given: Any = body.get("reasoning")
    return codec.is_object(given) and given.get("exclude") is False


def _name(body: Json) -> str:
    return "reasoning" if body.get("reasoning") is not None else "reasoning_effort"
