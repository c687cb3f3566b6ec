"""What the catalog knows: providers, models, and which provider serves which model."""

from dataclasses import dataclass, field
from typing import Any, Literal

# aws, google_cloud: a key is sent as it is; without one, what is found on this machine signs
Auth = Literal["bearer", "header", "query", "none", "aws", "google_cloud", "oauth"]

# How a provider of OpenAI's dialect is told how much to reason:
# effort           reasoning_effort, as OpenAI has it
# object           the `reasoning` object, as OpenRouter has it
# enabled          reasoning: {"enabled": true}, and reasoning_effort
# thinking         thinking: {"type": "enabled"}, and reasoning_effort where `efforts` are given
# enable_thinking  enable_thinking: true, and thinking_budget
# template         chat_template_kwargs: {"enable_thinking": true}, and as in `thinking`
# none             it cannot be told
Reasoning = Literal["effort", "object", "enabled", "thinking", "enable_thinking", "template", "none"]

# The words a model's `abilities` and a call's needs are written in.
ABILITIES = frozenset(
    {
        "tools",  # function calling
        "parallel_tools",
        "json_mode",  # response_format json_object
        "json_schema",  # response_format json_schema
        "reasoning",
        "caching",  # cached input tokens are billed at a lower price
        "logprobs",
        "streaming",
        "image",  # input modalities besides text, as abilities, so that one filter serves both
        "audio",
        "video",
        "file",
        "audio_out",
        "image_out",
        "embeddings",  # what a model is made for; one with none of these words is made for chat
        "rerank",
        "moderation",
        "images",  # images/generations and images/edits
        "speech",
        "transcription",
        "chat",  # needed only beside one of these
    }
)


@dataclass(frozen=True, slots=True)
class Quirks:
    """How a provider's wire differs from its dialect. Every list is empty for one that does not differ."""

    rename: dict[str, str] = field(default_factory=dict[str, str])  # request field -> the provider's name
    drop: frozenset[str] = frozenset()  # request fields the provider refuses; `x-xroute-dropped` names them
    force: dict[str, Any] = field(default_factory=dict[str, Any])  # request fields always set
    usage_paths: tuple[str, ...] = ()  # where usage stands when not at `usage`, dotted, tried in order
    stream_usage: bool = True  # takes stream_options.include_usage
    developer_role: bool = False  # takes role "developer"; where not, it is sent as "system"
    max_completion_tokens: bool = False  # takes max_completion_tokens; where not, max_tokens is sent
    reasoning_field: str = ""  # the answer's field for reasoning text where it is not reasoning_content
    reasoning: Reasoning = "effort"  # how it is told how much to reason
    efforts: tuple[str, ...] = ()  # words of reasoning_effort that it knows; () = it takes any
    extras: frozenset[str] = frozenset()  # fields beyond OpenAI's that it takes; "*" = any
    tools: frozenset[str] = frozenset()  # types of tools beyond OpenAI's that it takes; "*" = any
    unwrap: str = ""  # the field of a whole answer that holds it, its text then being `response`
    beta_field: str = ""  # the body's field for anthropic-beta where that header is not taken
    batch: int = 0  # most inputs of one embeddings request; 0 = as its dialect says
    input_types: dict[str, str] = field(default_factory=dict[str, str])  # what vectors are for -> its word
    vectors: str = ""  # encoding_format of its vectors where it has none of OpenAI's
    predict: bool = False  # takes the embeddings of older models by :predict


@dataclass(frozen=True, slots=True)
class DataPolicy:
    """What a provider does with what it is sent, by default and for every customer.

    None, or no region, is not known; who asks for a promise takes that for a no.
    """

    zdr: bool | None = None  # keeps neither requests nor answers
    trains: bool | None = None  # trains models on them
    retention_days: int | None = None  # how long it keeps them
    regions: frozenset[str] = frozenset()  # all where it may process them: "eu", "us"
    open_only: bool = False  # all of this holds for models with open weights only
    source: str = ""  # URL of the facts
    checked: str = ""  # ISO date at which the source was read

    def of(self, model: "Model") -> "DataPolicy":
        """What of it holds for a model."""
        return DataPolicy() if self.open_only and not model.open_weights else self


@dataclass(frozen=True, slots=True)
class Provider:
    """Who hosts. One TOML file of 5-15 lines in `catalog/providers`, or a table of the config."""

    id: str
    name: str
    dialect: str  # openai | anthropic | gemini | bedrock | cohere
    base_url: str  # "https://host/v1"; {placeholders} are filled from `vars`
    env: tuple[str, ...] = ()  # variables that may hold the key, first found wins
    auth: Auth = "bearer"
    # The header's or query parameter's name for auth = header or query; "authorization Token" puts a word
    # before the key.
    auth_name: str = ""
    token: dict[str, str] = field(default_factory=dict[str, str])  # auth = oauth: `url` and the form's fields
    vars: dict[str, str] = field(default_factory=dict[str, str])  # placeholder -> its variables, "A|B"
    bases: dict[str, str] = field(
        default_factory=dict[str, str]
    )  # value of a placeholder -> its own base_url
    headers: dict[str, str] = field(default_factory=dict[str, str])  # sent with every request
    query: dict[str, str] = field(default_factory=dict[str, str])  # such as api-version
    paths: dict[str, str] = field(default_factory=dict[str, str])  # operation -> path, over the dialect's own
    models_path: str = "/models"
    prices: str = ""  # this provider's id in genai-prices; "" = it has none there
    local: bool = False  # runs on the user's own machine: no key needed, price 0 by nature
    port: int = 0  # where a local server listens by default; probed when no config is given
    aggregator: bool = False  # resells other providers' models under its own
    without: frozenset[str] = frozenset()  # abilities that its serving lacks, whatever the model has
    quirks: Quirks = Quirks()
    data: DataPolicy = DataPolicy()
    source: str = ""  # URL of the facts
    checked: str = ""  # ISO date at which the source was read


@dataclass(frozen=True, slots=True)
class Model:
    """What is asked for, whoever serves it. A dated snapshot is a model of its own."""

    id: str  # "openai/gpt-4o-mini"
    name: str
    maker: str  # "openai"
    family: str = ""
    context: int | None = None  # tokens in and out together; None = not known
    output: int | None = None  # most tokens out
    input_modalities: tuple[str, ...] = ("text",)
    output_modalities: tuple[str, ...] = ("text",)
    abilities: frozenset[str] = frozenset()
    released: str = ""  # ISO date or year-month
    knowledge: str = ""  # training cut-off, ISO
    open_weights: bool = False
    aliases: tuple[str, ...] = ()  # other names that mean this model, such as "gpt-4o-mini"
    snapshot_of: str = ""  # id of the undated model
    deprecated: str = ""  # ISO date of the announcement
    retired: str = ""  # ISO date from which the maker no longer serves it
    use_instead: str = ""  # id, for deprecated and retired ones
    source: str = ""
    checked: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """A provider serves a model under its own name for it."""

    provider: str
    model: str  # our id
    upstream: str  # the provider's name for it
    context: int | None = None  # where the provider's limits differ from the model's
    output: int | None = None
    without: frozenset[str] = frozenset()  # abilities the model has and this provider's serving lacks
    dialect: str = ""  # where the provider serves this model in another one than its own

    def limits(self, model: Model) -> tuple[int | None, int | None]:
        """(context, output) of the model as this provider serves it."""
        return self.context or model.context, self.output or model.output
