"""How much the model thinks, and how it draws its words: the two exclude each other on Anthropic.

https://platform.claude.com/docs/en/build-with-claude/thinking and .../effort, read 2026-11-21.
"""

from typing import Any

from xroute.dialects import thinking
from xroute.dialects.anthropic.draft import Draft
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.thinking import LEAST, Wish

ANSWERING = 5  # a budget leaves at least a fifth of max_tokens to the answer


def think(draft: Draft) -> None:
    """`thinking` and `output_config.effort`; after the tools, as a forced choice excludes a budget."""
    if codec.is_object(own := draft.body.get("thinking")):  # the client says it in Anthropic's words
        draft.sent["thinking"] = own
        return
    wish = thinking.wish(draft.body)
    if wish is None or not (wish.on or wish.off or (wish.exclude and draft.family.thinks)):
        return
    if wish.off:
        _off(draft)
    elif draft.family.adaptive and not (draft.family.budgets and wish.max_tokens):
        _adapt(draft, wish)
    else:
        _budget(draft, wish)


def _off(draft: Draft) -> None:
    """A model that cannot be kept from thinking thinks as little as it can."""
    family = draft.family
    if not family.thinks:
        return
    if family.off:
        draft.sent["thinking"] = {"type": family.off}
    else:
        draft.drop(_name(draft))
        _effort(draft, "low")


def _adapt(draft: Draft, wish: Wish) -> None:
    how: Json = {"type": "adaptive"}
    if wish.exclude:
        how["display"] = "omitted"
    elif draft.family.hidden:
        how["display"] = "summarized"
    draft.sent["thinking"] = how
    if wish.max_tokens or _says_effort(draft.body):
        _effort(draft, wish.word(draft.sent["max_tokens"]))


def _effort(draft: Draft, word: str) -> None:
    if draft.family.efforts:
        own = draft.sent.get("output_config")
        config: Json = own if codec.is_object(own) else {}
        nearest = thinking.nearest(word, draft.family.efforts)
        draft.sent["output_config"] = {"effort": nearest, **config}


def _says_effort(body: Json) -> bool:
    """Whether there is more than the wish to think at all: that leaves the effort to the model."""
    own = body.get("reasoning")
    return bool((codec.is_object(own) and own.get("effort")) or body.get("reasoning_effort"))


def _budget(draft: Draft, wish: Wish) -> None:
    """Thinking by a budget, where model, limit, tools and history allow it."""
    most = draft.sent["max_tokens"]
    budget = wish.budget(most)
    if wish.max_tokens is None or budget >= most:
        budget = min(budget, max(most - most // ANSWERING, LEAST))
    choice: Json = draft.sent.get("tool_choice") or {}
    forced = choice.get("type") in ("any", "tool")
    if not draft.family.budgets or budget >= most or forced or _is_bare(draft.sent["messages"]):
        draft.drop(_name(draft))
        return
    draft.sent["thinking"] = {"type": "enabled", "budget_tokens": budget}


def _is_bare(messages: list[Json]) -> bool:
    """Whether the model is within a turn of tools that did not begin with thinking, as another model's."""
    if len(messages) < 2 or _first(messages[-1]) != "tool_result":
        return False
    return _first(messages[-2]) not in ("thinking", "redacted_thinking")


def _first(turn: Json) -> Any:
    content: Any = turn["content"]
    return content[0].get("type") if codec.is_list(content) and content else None


def _name(draft: Draft) -> str:
    return "reasoning" if draft.body.get("reasoning") else "reasoning_effort"


def sample(draft: Draft) -> None:
    """`temperature`, `top_p` and `top_k`, within what the model takes; after `think`."""
    how: Json = draft.sent.get("thinking") or {}
    thinks = how.get("type") in ("enabled", "adaptive")
    temperature = _number(draft.body.get("temperature"))
    top_p = _number(draft.body.get("top_p"))
    top_k = _number(draft.body.get("top_k"))
    free = draft.family.sampling
    if temperature is not None:
        if temperature > 1:  # Anthropic's end: OpenAI's is 2, and the scales are not the same
            temperature = 1
            draft.drop("temperature")
        _set(draft, "temperature", temperature, takes=free and not (thinks and temperature != 1))
    if top_p is not None:
        alone = draft.family.pair or "temperature" not in draft.sent
        _set(draft, "top_p", top_p, takes=free and alone and not (thinks and top_p < 0.95))
    if top_k is not None:
        _set(draft, "top_k", top_k, takes=free and not thinks)


def _set(draft: Draft, name: str, value: float, *, takes: bool) -> None:
    if takes:
        draft.sent[name] = value
    elif value != 1 or name == "top_k":  # 1 is what happens without it
        draft.drop(name)


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
