"""What the generations of Gemini models differ in, as far as it changes a request."""

import re
from functools import lru_cache
from typing import NamedTuple


class Family(NamedTuple):
    """Models that take the same request."""

    pattern: re.Pattern[str]
    generation: int
    levels: tuple[str, ...] = ()  # of thinkingLevel, in rising order; () = it is told in tokens
    least: int = 1  # tokens of a thinkingBudget
    most: int = 24_576
    off: bool = True  # thinking can be switched off
    thinks: bool = True
    system: bool = True  # takes a systemInstruction

    @property
    def signs(self) -> bool:
        """Whether function calls without a thought signature are refused."""
        return self.generation >= 3 and self.thinks

    @property
    def mixes(self) -> bool:
        """Whether functions and a JSON schema, or media inside a function's result, are taken."""
        return self.generation >= 3


def _family(pattern: str, generation: int, **facts: object) -> Family:
    return Family(re.compile(pattern), generation, **facts)  # pyright: ignore[reportArgumentType]


# The first row that fits decides.
# Levels: https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/guides/gemini-3-5-flash
# Budgets, and what cannot be switched off: https://ai.google.dev/gemini-api/docs/generate-content/thinking
# Both read 2026-11-21. The third generation takes budgets as well ("for backwards compatibility"), so the
# "-latest" aliases do, whatever they mean at the time.
FAMILIES: tuple[Family, ...] = (
    _family(r"gemini-[3-9].*image", 3, thinks=False),
    _family(r"(image|tts|native-audio)", 2, thinks=False),
    _family(r"gemini-3-pro", 3, levels=("low", "high"), off=False),
    _family(r"gemini-[3-9](\.\d+)?-pro", 3, levels=("low", "medium", "high"), off=False),
    _family(r"gemini-[3-9]", 3, levels=("minimal", "low", "medium", "high")),
    _family(r"gemini-pro-latest", 3, least=128, most=32_768, off=False),
    _family(r"gemini-(flash|flash-lite)-latest", 3, least=512),
    _family(r"gemini-2\.5-pro", 2, least=128, most=32_768, off=False),
    _family(r"gemini-2\.5-flash-lite", 2, least=512),
    _family(r"gemini-2\.5", 2),
    _family(r"gemini-(1|2\.0|exp|pro)|learnlm", 2, thinks=False),
    # No system instruction: https://ai.google.dev/gemma/docs/core/prompt-structure, read 2026-11-21.
    _family(r"gemma-[123]", 2, thinks=False, system=False),
    _family(r"gemma", 2, thinks=False),
    _family(r"", 2),
)


@lru_cache(maxsize=512)
def family_of(upstream: str) -> Family:
    """The family of a model, by the provider's name for it."""
    name = upstream.rpartition("/")[2].lower()
    return next(family for family in FAMILIES if family.pattern.search(name))
