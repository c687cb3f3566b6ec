"""What each family of models takes through Converse: one table, looked up by upstream name.

Converse gives models one form, but not one set of abilities, and what a model lacks is refused with a 400.
Sources, read 2026-11-21, all below https://docs.aws.amazon.com/bedrock/latest/userguide/:
prompt-caching.html (who caches what), structured-output.html (schemas and strict tools),
tool-use-inference-call.html and ../APIReference/API_runtime_ToolChoice.html (who can be made to call a tool),
model-parameters-*.html and claude-messages-adaptive-thinking.html (fields of additionalModelRequestFields);
https://docs.aws.amazon.com/nova/latest/nova2-userguide/ (reasoning, system tools); for reasoning_config and
`reasoning` also recorded requests and https://github.com/stdapi-ai/stdapi.ai/issues/283.
"""

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

from xroute.dialects.claude import Family as Rules
from xroute.dialects.claude import family_of as rules_of

CLAUDE = "anthropic-claude-v1"  # `format` of reasoning_details that Claude reads back, wherever it is hosted
OWN = "amazon-bedrock-v1"  # of every other model's

Style = Literal["", "claude", "nova", "reasoning_effort", "reasoning_config", "reasoning", "switch"]


@dataclass(frozen=True, slots=True)
class Family:
    """What a request to a model of this family may hold. As it stands: a model that nothing is known of."""

    style: Style = ""  # how reasoning is asked for; "" = it cannot be
    efforts: tuple[str, ...] = ("low", "medium", "high")
    claude: Rules | None = None  # Claude's own rules; None for other makers' models
    sampling: bool = True  # takes temperature and top_p
    pair: bool = True  # takes them together
    top_k: tuple[str, ...] = ()  # path below additionalModelRequestFields; () = not taken
    caching: frozenset[str] = frozenset()  # where cachePoint may stand: system, messages, tools
    long_cache: bool = False  # takes ttl 1h
    schema: bool = False  # takes outputConfig.textFormat and strict tools
    choices: frozenset[str] = frozenset()  # forms of toolChoice besides auto, which is the default
    returns: str = ""  # `format` of the reasoning it reads back; "" = none
    fields: frozenset[str] = frozenset()  # the maker's own request fields that a client may name
    system_tools: dict[str, str] = field(default_factory=dict[str, str])  # neutral word -> systemTool's name


_ALL = frozenset({"system", "messages", "tools"})
_FORCED = frozenset({"any", "tool"})
_PLAIN = Family()
_OPEN = Family(schema=True)  # open weights that came with structured output
_CONFIG = replace(_OPEN, style="reasoning_config")
_NOVA = Family(
    top_k=("inferenceConfig", "topK"),
    caching=frozenset({"system", "messages"}),
    choices=_FORCED,
    fields=frozenset({"inferenceConfig", "reasoningConfig"}),
)
_SEARCH = {"web_search": "nova_grounding"}
_MANY = ("none", "low", "medium", "high", "xhigh", "max")
_CLAUDE = Family(
    style="claude",
    top_k=("top_k",),
    caching=_ALL,
    choices=_FORCED,
    returns=CLAUDE,
    fields=frozenset(
        {"thinking", "reasoning_config", "output_config", "anthropic_beta", "context_management"}
    ),
)
# Whatever stands behind an ARN that does not say: hardly anything is held back.
_UNKNOWN = Family(
    top_k=("top_k",), caching=_ALL, long_cache=True, schema=True, choices=_FORCED, returns=CLAUDE
)

# The first row that fits decides; the pattern is searched in the lower-case name.
ROWS: tuple[tuple[re.Pattern[str], Family], ...] = tuple(
    (re.compile(pattern), family)
    for pattern, family in (
        (
            r"nova-2-",
            replace(
                _NOVA, style="nova", system_tools={**_SEARCH, "code_interpreter": "nova_code_interpreter"}
            ),
        ),
        (r"nova-premier", replace(_NOVA, system_tools=_SEARCH)),
        (r"nova-", _NOVA),
        (r"gpt-oss", replace(_OPEN, style="reasoning_effort", returns=OWN)),
        (r"openai\.gpt-", replace(_OPEN, style="reasoning", efforts=_MANY, sampling=False, returns=OWN)),
        # https://github.com/langchain-ai/langchain-aws: its test of deepseek's tool choices
        (r"deepseek\.v3", replace(_CONFIG, choices=frozenset({"any"}))),
        (r"qwen\.qwen3", _CONFIG),
        (r"kimi-k2-thinking", replace(_OPEN, style="reasoning_effort", returns=OWN)),
        (r"kimi-k2", replace(_OPEN, style="switch")),
        (r"minimax\.", replace(_OPEN, returns=OWN)),
        (r"kimi|zai\.|glm|gemma|nemotron|mistral-large-3|ministral-3|magistral|devstral|voxtral", _OPEN),
        (r"mistral-large|pixtral-large", Family(choices=frozenset({"any"}))),
        (r"mistral-|mixtral", Family(top_k=("top_k",))),
        (r"cohere\.command", Family(top_k=("k",))),
        (
            r"^arn:.*(application-inference-profile|prompt-router|custom-model|imported-model|provisioned-model"
            r"|prompt/)",
            _UNKNOWN,
        ),
    )
)

# Claude before prompt caching, and where Bedrock lags behind Anthropic's own API.
_UNCACHED = re.compile(r"claude-(v2|instant|3-(sonnet|opus|haiku)|3-5-sonnet-20240620)")
_BY_BEDROCK = re.compile(r"claude-(opus-4-1|3-)")  # no structured output here
_SHORT = re.compile(r"claude-(3-|(opus|sonnet)-4-2|opus-4-1)")  # no ttl of an hour


@lru_cache(maxsize=512)
def family_of(upstream: str) -> Family:
    """The family of a model by its id, the id or ARN of an inference profile, or another ARN."""
    name = upstream.lower()
    if "claude" in name:
        return _claude(name)
    return next((family for pattern, family in ROWS if pattern.search(name)), _PLAIN)


def _claude(name: str) -> Family:
    rules = rules_of(name)
    return replace(
        _CLAUDE,
        style="claude" if rules.can_think else "",
        claude=rules,
        efforts=rules.efforts,
        sampling=rules.sampling,
        pair=rules.pair,
        top_k=_CLAUDE.top_k if rules.sampling else (),
        caching=frozenset() if _UNCACHED.search(name) else _ALL,
        long_cache=not _SHORT.search(name),
        schema=rules.schema and not _BY_BEDROCK.search(name),
        choices=_FORCED if rules.forced else frozenset[str](),
    )


def format_of(model: str) -> str:
    """`format` of the reasoning that a model of this name writes: what its family reads back."""
    return family_of(model).returns or OWN
