"""How much a model reasons, in the words of its maker: fields of additionalModelRequestFields."""

from typing import Any

from xroute.dialects import thinking
from xroute.dialects.bedrock.draft import Draft
from xroute.dialects.claude import Family as Rules
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.thinking import Wish

_OWN = ("thinking", "reasoning_config", "reasoningConfig")  # the client said it in the maker's words


def write(
    body: Json, config: Json, extra: Json, draft: Draft, output: int | None, messages: list[Json]
) -> None:
    """Put the client's wish into `extra` and take out of `config` (inferenceConfig) what forbids it.

    `messages` are Converse's own, which decide whether Claude may think at all.
    """
    wish = thinking.wish(body)
    family = draft.family
    if wish is None or not extra.keys().isdisjoint(_OWN):
        return
    limit: int = config.get("maxTokens") or output or 0
    match family.style:
        case "claude":
            if family.claude is not None:
                _claude(wish, family.claude, config, extra, draft, limit, messages)
        case "nova":
            _nova(wish, config, extra, draft, limit)
        case "reasoning_effort" | "reasoning_config":
            if wish.on:
                extra[family.style] = thinking.nearest(wish.word(limit), family.efforts)
        case "reasoning":
            if wish.on or wish.off:
                extra["reasoning"] = {"effort": thinking.nearest(wish.word(limit), family.efforts)}
        case "switch":
            if wish.on or wish.off:
                extra["thinking"] = {"type": "enabled" if wish.on else "disabled"}
        case "":
            if wish.on:
                _refuse(body, draft)


def _refuse(body: Json, draft: Draft) -> None:
    for name in ("reasoning", "reasoning_effort"):
        if body.get(name) is not None:
            draft.drop(name)


def _claude(
    wish: Wish, rules: Rules, config: Json, extra: Json, draft: Draft, limit: int, messages: list[Json]
) -> None:
    """Thinking by effort where the model knows it, else by budget; what the wish cannot have is noted."""
    if wish.off:
        if rules.thinks and rules.off:
            extra["thinking"] = {"type": rules.off}
        elif rules.thinks:
            draft.drop("reasoning")
        return
    if wish.on and rules.budgets and (wish.max_tokens is not None or not rules.adaptive):
        if _is_bare(messages) or not _budget(wish, config, extra, limit):
            draft.drop("reasoning")
            return
    elif wish.on:
        extra["thinking"] = {"type": "adaptive"}
        if rules.efforts:
            effort = thinking.nearest(wish.word(limit), rules.efforts)
            extra["output_config"] = {**_object(extra.get("output_config")), "effort": effort}
    if rules.hidden and (wish.on or rules.thinks):
        own = extra.setdefault("thinking", {"type": "adaptive"})
        own["display"] = "omitted" if wish.exclude else "summarized"
    if wish.on:
        _cool(config, extra, draft)


def _is_bare(messages: list[Json]) -> bool:
    """Whether the model is within a turn of tools that did not begin with thinking, as another model's.

    With a budget Claude refuses to go on with such a turn:
    https://platform.claude.com/docs/en/build-with-claude/extended-thinking, read 2026-11-21.
    """
    if len(messages) < 2 or not any("toolResult" in block for block in messages[-1]["content"]):
        return False
    before: list[Json] = messages[-2]["content"]
    return not (before and "reasoningContent" in before[0])


def _object(value: Any) -> Json:
    return value if codec.is_object(value) else {}


def _budget(wish: Wish, config: Json, extra: Json, limit: int) -> bool:
    """False where the client's own limit leaves no room: the budget counts towards it."""
    budget = wish.budget(limit)
    if (most := config.get("maxTokens")) is not None:
        budget = min(budget, most - 1)
    elif limit and budget >= limit:
        budget = limit - 1
    if budget < thinking.LEAST:
        return False
    extra["thinking"] = {"type": "enabled", "budget_tokens": budget}
    return True


def _cool(config: Json, extra: Json, draft: Draft) -> None:
    """Thinking allows neither temperature nor top_k, and top_p from 0.95 only.

    https://platform.claude.com/docs/en/build-with-claude/extended-thinking, read 2026-11-21.
    """
    if config.get("temperature", 1) != 1:
        del config["temperature"]
        draft.drop("temperature")
    if config.get("topP", 1) < 0.95:
        del config["topP"]
        draft.drop("top_p")
    if extra.pop("top_k", None) is not None:
        draft.drop("top_k")


def _nova(wish: Wish, config: Json, extra: Json, draft: Draft, limit: int) -> None:
    """With high effort Nova takes no limit and no sampling: a limit that the client set goes before effort.

    https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html, read 2026-11-21.
    """
    if not wish.on:
        if wish.off:
            extra["reasoningConfig"] = {"type": "disabled"}
        return
    effort = thinking.nearest(wish.word(limit), draft.family.efforts)
    if effort == "high" and "maxTokens" in config:
        effort = "medium"
        draft.drop("reasoning.effort")
    if effort == "high":
        for name, own in (("temperature", "temperature"), ("topP", "top_p")):
            if config.pop(name, None) is not None:
                draft.drop(own)
        if extra.pop("inferenceConfig", None) is not None:
            draft.drop("top_k")
    extra["reasoningConfig"] = {"type": "enabled", "maxReasoningEffort": effort}
