"""What each family of Claude models takes: one table, looked up by the upstream's name of the model.

Sources, below https://platform.claude.com/docs/en/ and read 2026-11-21:
build-with-claude/thinking-troubleshooting (thinking by model), build-with-claude/effort,
build-with-claude/structured-outputs, build-with-claude/mid-conversation-system-messages,
about-claude/models/overview (output limits), about-claude/models/migration-guide (what is refused),
models/fable-5-1/migration-guide, models/opus-5-5/migration-guide, models/sonnet-5-5/whats-new-sonnet-5-5,
models/haiku-5-5/migration-guide.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Family:
    """What a request to a model of this family may hold. As it stands: any other maker's model."""

    adaptive: bool = False  # takes thinking {"type": "adaptive"}
    budgets: bool = True  # takes thinking {"type": "enabled", "budget_tokens"}
    off: str = "disabled"  # `thinking.type` that ends thinking; "" = the model cannot be kept from it
    thinks: bool = False  # thinks when `thinking` is left out
    hidden: bool = False  # gives no text of its thinking unless `display` asks for it
    efforts: tuple[str, ...] = ()  # values of output_config.effort
    sampling: bool = True  # takes temperature, top_p, top_k
    pair: bool = True  # takes temperature and top_p together
    inline: bool = False  # takes messages of the role "system" between the turns
    prefill: bool = True  # takes an assistant's text as the last message
    forced: bool = True  # takes tool_choice any and tool
    schema: bool = False  # takes output_config.format and strict tools
    output: int = 8192  # max_tokens where neither the client nor the catalog says any

    @property
    def can_think(self) -> bool:
        """Whether thinking can be asked for."""
        return self.adaptive or self.budgets


_ALL = ("low", "medium", "high", "xhigh", "max")
_OTHER = Family()
_PLAIN = Family(budgets=False, output=4096)
_BUDGET = Family(output=32_000)
_SCHEMA = replace(_BUDGET, pair=False, schema=True)
_4_5 = replace(_SCHEMA, output=64_000)
_4_6 = replace(_4_5, adaptive=True, efforts=("low", "medium", "high", "max"), prefill=False)
_4_7 = replace(
    _4_6, budgets=False, efforts=_ALL, hidden=True, sampling=False
)  # thinks only when asked, and shows it only when asked
_5 = replace(_4_7, thinks=True, inline=True)
_ALWAYS = replace(_5, off="")
_UNFORCED = replace(_ALWAYS, forced=False)

# The first row that fits decides; the names are as `_tidied` makes them.
ROWS: tuple[tuple[re.Pattern[str], Family], ...] = tuple(
    (re.compile(pattern), family)
    for pattern, family in (
        (r"claude-(fable|mythos)-5-[1-9]|claude-opus-5-[5-9]", _UNFORCED),
        (r"claude-(fable|mythos)-5\b", _ALWAYS),
        (r"claude-mythos-preview", replace(_UNFORCED, budgets=True, efforts=_4_6.efforts, inline=False)),
        (r"claude-sonnet-5-[5-9]", replace(_UNFORCED, off="between_tools")),
        (r"claude-sonnet-5\b(?!-[1-9]\b)", replace(_5, inline=False)),
        (r"claude-(opus|haiku)-5\b", _5),
        (r"claude-opus-4-8\b", replace(_4_7, inline=True)),
        (r"claude-opus-4-7\b", _4_7),
        (r"claude-(opus|sonnet)-4-6\b", _4_6),
        (r"claude-opus-4-5\b", replace(_4_5, efforts=("low", "medium", "high"))),
        (r"claude-(sonnet|haiku)-4-5\b", _4_5),
        (r"claude-opus-4-1\b", _SCHEMA),
        (r"claude-(opus|sonnet)-4\b|claude-sonnet-3-7\b", _BUDGET),
        (r"claude-\w+-3-5\b", replace(_PLAIN, output=8192)),
        (r"claude-\w+-3\b|claude-(instant|v?[12])\b", _PLAIN),
        (r"claude-(opus|sonnet|haiku|fable|mythos)-\d", _UNFORCED),  # newer than this table: the strictest
    )
)

_BEFORE = re.compile(r"claude-(\d(?:-\d{1,2})?)-([a-z]+)")


@lru_cache(maxsize=512)
def family_of(upstream: str) -> Family:
    """The family of a model by the name that its host has for it."""
    name = _tidied(upstream)
    return next((family for pattern, family in ROWS if pattern.search(name)), _OTHER)


def _tidied(upstream: str) -> str:
    """Version after family, joined by "-": claude-3.7-sonnet@20250219 is claude-sonnet-3-7-20250219."""
    name = re.sub(r"[.@:_]", "-", upstream.lower())
    return _BEFORE.sub(r"claude-\2-\1", name)
