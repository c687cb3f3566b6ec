"""How an OpenAI-like provider is told how much to reason: a word, an object, or one of several switches."""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects import thinking
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.thinking import Wish

NAMES = ("reasoning", "reasoning_effort")


def write(sent: Json, quirks: Quirks, abilities: frozenset[str] | None, output: int | None) -> list[str]:
    """Puts the client's wish into `sent` as the provider takes it; the fields that it could not take."""
    form = quirks.reasoning
    if form == "object" or (form == "effort" and "reasoning" not in sent and _is_known(sent, quirks)):
        return _spared(sent, abilities) if form == "effort" else []
    wish = thinking.wish(sent)
    given = [name for name in NAMES if sent.pop(name, None) is not None]
    if wish is None or not (wish.on or wish.off):
        return []
    if abilities is not None and "reasoning" not in abilities:
        return given if wish.on else []
    if form == "none":
        return given
    limit: Any = sent.get("max_completion_tokens") or sent.get("max_tokens") or output
    limit = limit if isinstance(limit, int) else 0
    if form == "effort":
        return [] if _effort(sent, wish, limit, quirks) else given
    _switch(sent, wish, limit, quirks)
    return []


def _is_known(sent: Json, quirks: Quirks) -> bool:
    """Whether the client's own reasoning_effort can go on as it is."""
    return not quirks.efforts or sent["reasoning_effort"] in (None, *quirks.efforts)


def _spared(sent: Json, abilities: frozenset[str] | None) -> list[str]:
    """A model that is known not to reason answers the word with an error."""
    if abilities is None or "reasoning" in abilities or sent["reasoning_effort"] is None:
        return []
    return [] if sent.pop("reasoning_effort") == "none" else ["reasoning_effort"]


def _effort(sent: Json, wish: Wish, limit: int, quirks: Quirks) -> bool:
    """Sets reasoning_effort to the nearest word that the provider knows; False where it cannot be off."""
    word = wish.word(limit)
    known = [name for name in quirks.efforts if name in thinking.EFFORTS]
    if known and wish.off and "none" not in known:
        return False
    if known and not wish.off:
        known = [name for name in known if name != "none"] or known
    sent["reasoning_effort"] = thinking.nearest(word, known) if known else word
    return True


def _switch(sent: Json, wish: Wish, limit: int, quirks: Quirks) -> None:
    """The switch that turns reasoning on or off, and how much of it where that can be said."""
    match quirks.reasoning:
        case "enable_thinking":
            sent.setdefault("enable_thinking", not wish.off)
            if wish.on and (wish.max_tokens is not None or limit):
                sent.setdefault("thinking_budget", wish.budget(limit))
        case "template":
            given: Any = sent.get("chat_template_kwargs")
            own: Json = given if codec.is_object(given) else {}
            sent["chat_template_kwargs"] = {"enable_thinking": not wish.off, "thinking": not wish.off, **own}
        case "enabled":
            sent["reasoning"] = {"enabled": not wish.off}
        case _:
            sent.setdefault("thinking", {"type": "disabled" if wish.off else "enabled"})
    if wish.on and (quirks.efforts or quirks.reasoning == "enabled"):
        _effort(sent, wish, limit, quirks)
