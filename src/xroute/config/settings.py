"""Every setting of xroute: its type, its default and a sentence that the reference is made of."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from xroute.config.accounts import AccountSettings
from xroute.config.part import Number, Part, ProviderId, Seconds, Text, Tokens, Url, Usd, Whole
from xroute.config.secret import Secret

Strategy = Literal["balanced", "price", "latency", "throughput", "order", "weighted"]
Dialect = Literal[
    "openai",
    "openai_responses",
    "anthropic",
    "gemini",
    "bedrock",
    "cohere",
    "ollama",
    "elevenlabs",
    "deepgram",
]
Auth = Literal["bearer", "header", "query", "none", "aws", "google_cloud", "oauth"]
Reasoning = Literal["effort", "object", "enabled", "thinking", "enable_thinking", "template", "none"]
Server = Literal["own", "granian"]
LogLevel = Literal["debug", "info", "warning", "error"]
Ability = Literal[
    "tools",
    "parallel_tools",
    "json_mode",
    "json_schema",
    "reasoning",
    "caching",
    "logprobs",
    "streaming",
    "image",
    "audio",
    "video",
    "file",
    "audio_out",
    "image_out",
    "embeddings",
    "rerank",
    "moderation",
    "images",
    "speech",
    "transcription",
    "chat",
]


class CredentialSettings(Part):
    """One of ours at a provider; a plain string in the list is its `key`."""

    key: Secret = Field(description="The credential itself.")
    name: str = Field(default="", description="What it is called in logs; its position where not given.")
    weight: Annotated[Number, Field(ge=0)] = Field(default=1.0, description="Its share of the calls.")

    @model_validator(mode="before")
    @classmethod
    def _of_string(cls, value: object) -> object:
        return {"key": value} if isinstance(value, str | Secret) else value


class TimeoutSettings(Part):
    """Limits in seconds; `null` switches one off."""

    connect: Seconds | None = Field(default=5.0, description="To open a connection, TLS included.")
    first_byte: Seconds | None = Field(default=120.0, description="From the request sent to the status line.")
    first_token: Seconds | None = Field(
        default=120.0, description="From the request sent to a stream's first content."
    )
    between_chunks: Seconds | None = Field(default=60.0, description="Silence inside a stream.")
    total: Seconds | None = Field(default=600.0, description="The whole call, retries included.")


class PartialTimeouts(Part):
    """Timeouts that differ here; what is not named is inherited."""

    connect: Seconds | None = Field(default=None, description="As `timeouts.connect`.")
    first_byte: Seconds | None = Field(default=None, description="As `timeouts.first_byte`.")
    first_token: Seconds | None = Field(default=None, description="As `timeouts.first_token`.")
    between_chunks: Seconds | None = Field(default=None, description="As `timeouts.between_chunks`.")
    total: Seconds | None = Field(default=None, description="As `timeouts.total`.")


class QuirkSettings(Part):
    """How a provider differs from its dialect, over what the catalog says."""

    rename: dict[str, Text] = Field(default={}, description="Request field -> the provider's name for it.")
    drop: frozenset[str] = Field(default=frozenset(), description="Request fields the provider refuses.")
    force: dict[str, Any] = Field(default={}, description="Request fields that are always set to this value.")
    usage_paths: tuple[str, ...] = Field(
        default=(), description="Where usage stands when not at `usage`, dotted."
    )
    stream_usage: bool = Field(default=True, description="It takes `stream_options.include_usage`.")
    developer_role: bool = Field(
        default=False, description="It takes the role `developer`; else `system` is sent."
    )
    max_completion_tokens: bool = Field(
        default=False, description="It takes `max_completion_tokens`; else `max_tokens` is sent."
    )
    reasoning_field: str = Field(
        default="", description="The answer's field for reasoning, if not `reasoning_content`."
    )
    reasoning: Reasoning = Field(default="effort", description="How it is told how much to reason.")
    efforts: tuple[str, ...] = Field(
        default=(), description="Words of `reasoning_effort` that it knows; any if none are given."
    )
    extras: frozenset[str] = Field(
        default=frozenset(), description="Fields beyond OpenAI's that it takes; `*` means any."
    )
    tools: frozenset[str] = Field(
        default=frozenset(), description="Types of tools beyond OpenAI's that it takes; `*` means any."
    )
    unwrap: str = Field(default="", description="The field of a whole answer that holds it.")
    beta_field: str = Field(default="", description="The body's field for Anthropic's betas, if no header.")
    batch: int = Field(default=0, description="Most inputs of one embeddings request; 0 for its dialect's.")
    input_types: dict[str, Text] = Field(
        default={}, description="What vectors are for, in common words -> the provider's word."
    )
    vectors: str = Field(default="", description="The `encoding_format` of its vectors, if not OpenAI's.")
    predict: bool = Field(default=False, description="It takes embeddings of older models by `:predict`.")


class DataSettings(Part):
    """What the provider does with what it is sent, over what the catalog says: an agreement of your own."""

    zdr: bool | None = Field(default=None, description="It keeps neither requests nor answers.")
    trains: bool | None = Field(default=None, description="It trains models on them.")
    retention_days: Whole | None = Field(default=None, ge=0, description="How many days it keeps them.")
    regions: frozenset[Text] | None = Field(
        default=None, description="All where it may process them: `eu`, `us`, in words of your own choice."
    )


class ModelSettings(Part):
    """A model that a provider serves, under its own name for it."""

    id: Text = Field(description="The provider's name for it.")
    serves: Text | None = Field(
        default=None, description="The model it is: an id of the catalog, or a new one."
    )
    context: Tokens | None = Field(default=None, description="Tokens in and out together.")
    output: Tokens | None = Field(default=None, description="The most tokens out.")
    abilities: frozenset[Ability] | None = Field(
        default=None, description="What it can do; as the catalog says if not given."
    )
    without: frozenset[Ability] = Field(
        default=frozenset(), description="What the model can do and this serving cannot."
    )


class ProviderSettings(Part):
    """Who hosts. For one that the catalog knows, each key set here goes over what it says."""

    dialect: Dialect | None = Field(
        default=None, description="Its wire format; `openai` for one that the catalog does not know."
    )
    name: Text | None = Field(default=None, description="What people call it.")
    base_url: Url | None = Field(
        default=None, description="http or https, up to and with the version: `https://host/v1`."
    )
    api_key: Secret | None = Field(
        default=None, description="The credential; where not given, its variable is used."
    )
    api_keys: list[CredentialSettings] = Field(
        default=[], description="Several credentials; strings or mappings."
    )
    auth: Auth | None = Field(default=None, description="How the credential is sent.")
    auth_name: Text | None = Field(
        default=None, description="The header or query parameter, for `auth: header` or `query`."
    )
    token: dict[Text, Text] = Field(
        default={},
        description="For `auth: oauth`: `url`, and the fields of its form; `{key}` is the credential.",
    )
    headers: dict[Text, Secret] = Field(default={}, description="Sent with every request; treated as secret.")
    query: dict[Text, Secret] = Field(default={}, description="Sent with every request; treated as secret.")
    vars: dict[Text, Text] = Field(default={}, description="Values for the placeholders of the base URL.")
    weight: Annotated[Number, Field(ge=0)] = Field(
        default=1.0, description="Its share where providers are balanced."
    )
    models: list[ModelSettings] = Field(
        default=[], description="What it serves, added to what the catalog says."
    )
    timeouts: PartialTimeouts | None = Field(default=None, description="Timeouts for this provider.")
    quirks: QuirkSettings | None = Field(default=None, description="How it differs from its dialect.")
    prices: Text | None = Field(default=None, description="Its id in genai-prices.")
    local: bool | None = Field(default=None, description="It runs on your own machine: no key, no price.")
    disabled: bool = Field(default=False, description="Keep the section and do not use the provider.")
    keyless: bool = Field(
        default=False,
        description="It has no credential here: it is called with those stored through the API.",
    )
    data: DataSettings | None = Field(default=None, description="What it does with what it is sent.")
    paths: dict[Text, Text] = Field(
        default={},
        description="Path of an operation after the base URL, such as `chat: /v2/chat`; may hold `{model}`.",
    )
    models_path: Text | None = Field(
        default=None, description="After the base URL; where it lists its models."
    )

    @property
    def credentials(self) -> tuple[CredentialSettings, ...]:
        """`api_key` and `api_keys` together, in the order of the file."""
        first = (CredentialSettings(key=self.api_key),) if self.api_key else ()
        return first + tuple(self.api_keys)


class RouteSettings(Part):
    """A virtual model, tried in order; or, under a model's own name, what is different for that model."""

    fallback: list[Text] = Field(
        default=[],
        description="Models, or `provider/model`, in order. May be left out under the name of a model.",
    )
    strategy: Strategy | None = Field(default=None, description="As `routing.strategy`, for this route.")
    timeouts: PartialTimeouts | None = Field(default=None, description="Timeouts for this route.")


class PriceSettings(Part):
    """USD per million tokens, over what genai-prices says; what is not named stays as it was."""

    input: Usd | None = Field(default=None, description="Tokens in.")
    output: Usd | None = Field(default=None, description="Tokens out.")
    cached_input: Usd | None = Field(default=None, description="Tokens in that the provider had cached.")
    cache_write: Usd | None = Field(default=None, description="Tokens written to the provider's cache.")
    cache_write_1h: Usd | None = Field(
        default=None, description="Tokens written to it for an hour, where they differ."
    )
    reasoning: Usd | None = Field(
        default=None, description="Reasoning tokens, where they differ from tokens out."
    )
    audio_in: Usd | None = Field(default=None, description="Audio tokens in.")
    audio_out: Usd | None = Field(default=None, description="Audio tokens out.")
    image_in: Usd | None = Field(default=None, description="Image tokens in.")
    image_out: Usd | None = Field(default=None, description="Image tokens out.")
    request: Usd | None = Field(default=None, description="USD for each call, besides its tokens.")
    search: Usd | None = Field(default=None, description="USD for each web search that the provider makes.")
    source: str = Field(default="", description="Where the price is from.")

    @model_validator(mode="after")
    def _any_price(self) -> Self:
        if not self.model_fields_set - {"source"}:
            raise PydanticCustomError("price_empty", "gives no price: set at least input and output")
        return self


class BreakerSettings(Part):
    """When a deployment or credential is left alone for a while."""

    window_s: Seconds = Field(default=30.0, description="Seconds the error rate is taken over.")
    min_calls: Annotated[Whole, Field(ge=1)] = Field(
        default=10, description="Calls in the window before the rate counts."
    )
    error_rate: Annotated[Number, Field(gt=0, le=1)] = Field(
        default=0.5, description="Share of failures that opens it."
    )
    consecutive: Annotated[Whole, Field(ge=1)] = Field(
        default=5, description="Failures in a row that open it."
    )
    cooldown_s: Seconds = Field(
        default=5.0, description="Seconds until the first probe; doubled by each failed one."
    )
    max_cooldown_s: Seconds = Field(default=120.0, description="The longest cooldown.")


class RoutingSettings(Part):
    """How deployments are chosen, and what happens when one fails."""

    strategy: Strategy = Field(default="balanced", description="How deployments of one model are ordered.")
    max_attempts: Annotated[Whole, Field(ge=1, le=20)] = Field(
        default=4, description="The most attempts for one call."
    )
    breaker: BreakerSettings = Field(
        default=BreakerSettings(), description="When a failing deployment is left alone."
    )


class LimitSettings(Part):
    """What is refused for its size."""

    body_mib: Annotated[Whole, Field(ge=1, le=1024)] = Field(
        default=32, description="Largest request body, MiB."
    )
    answer_mib: Annotated[Whole, Field(ge=1, le=1024)] = Field(
        default=64, description="Largest answer of a provider, MiB."
    )


class Settings(AccountSettings):
    """The whole file."""

    providers: dict[ProviderId, ProviderSettings] = Field(
        default={},
        description="By id. With this section only these are used; without it, those whose keys are found.",
    )
    models: dict[Text, RouteSettings] = Field(default={}, description="Virtual models, by name.")
    prices: dict[Text, PriceSettings] = Field(default={}, description="By model, or `provider/model`.")
    timeouts: TimeoutSettings = Field(default=TimeoutSettings(), description="How long a call may take.")
    routing: RoutingSettings = Field(default=RoutingSettings(), description="How deployments are chosen.")
    limits: LimitSettings = Field(default=LimitSettings(), description="What is refused for its size.")
    drop_params: bool = Field(
        default=True, description="Drop what a deployment refuses; `false` refuses the call instead."
    )
    discover: bool = Field(
        default=True, description="With no `providers`, look for model servers on this machine."
    )
    sim: dict[str, Any] = Field(default={}, description="The simulator's profile; see its own page.")
    server: Server = Field(
        default="own",
        description="What speaks HTTP with clients: xroute's `own` server, or `granian`.",
    )
    state_dir: Path | None = Field(
        default=None,
        description="Where created keys are kept. Default `$XDG_STATE_HOME/xroute`, `~/.local/state/xroute`.",
    )
    catalog_dir: Path | None = Field(
        default=None, description="Your own providers and models. Default `$XDG_CONFIG_HOME/xroute/catalog`."
    )
    log_level: LogLevel = Field(default="info", description="The least serious line that is logged.")
    keepalive_comment_s: Seconds = Field(
        default=15.0, description="A comment goes to a silent stream this often."
    )


ABILITIES = frozenset(get_args(Ability))  # a test keeps them as catalog.entries has them
