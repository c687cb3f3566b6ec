"""What a deployment can be asked for: chat, embeddings, rerank, ... and where each goes."""

from functools import cache

from xroute import dialects
from xroute.catalog.entries import Model, Provider, Quirks
from xroute.gateway.hosts import ANY

# What a model is made for -> its operations. A model with none of these words is made for chat.
KINDS: dict[str, frozenset[str]] = {
    "embeddings": frozenset({"embeddings"}),
    "rerank": frozenset({"rerank"}),
    "moderation": frozenset({"moderations"}),
    "images": frozenset({"images", "image_edits"}),
    "speech": frozenset({"speech"}),
    "transcription": frozenset({"transcriptions", "translations"}),
}
CHAT = frozenset({"chat", "count_tokens", "completions"})
ALL = CHAT.union(*KINDS.values())
PARTS = sorted(ALL - CHAT)
# What a provider that drops these from the body reads from the address: https://docs.aws.amazon.com/bedrock/latest/
# APIReference/API_runtime_InvokeModelWithResponseStream.html, read 2026-11-21. Nothing is lost.
ADDRESSED = frozenset({"model", "stream"})


@cache
def _own(dialect: str) -> dict[str, str]:
    """Operation -> path, as the dialect has it."""
    module = dialects.get(dialect)
    found: dict[str, str] = dict(module.PATHS)
    for operation in PARTS:
        part = dialects.part(dialect, operation)
        if part is not None:
            found[operation] = part.PATH
    return found


def paths(dialect: str, provider: Provider, upstream: str) -> dict[str, str]:
    """Operation -> path below the provider's address; an empty path says that the provider lacks it."""
    own = {name: _path(dialect, name, path, provider, upstream) for name, path in _own(dialect).items()}
    return {name: path for name, path in (own | provider.paths).items() if path}


def _path(dialect: str, operation: str, path: str, provider: Provider, upstream: str) -> str:
    """The path of one model, where it is not the same for all of a dialect's."""
    part = dialects.part(dialect, operation) if operation in PARTS else None
    return part.path(upstream, provider.quirks) if hasattr(part, "path") and part is not None else path


def of_model(model: Model, without: frozenset[str] = frozenset()) -> frozenset[str]:
    """The operations that a model is made for; all, where nobody has written its abilities down.

    `without` are the abilities that a provider's serving of it lacks.
    """
    if model.abilities == ANY:
        return ALL
    kinds = [KINDS[word] for word in model.abilities if word in KINDS and word not in without]
    if "chat" in model.abilities or model.abilities.isdisjoint(KINDS):
        kinds.append(CHAT)
    return frozenset[str]().union(*kinds)


def refused(dialect: str, quirks: Quirks) -> frozenset[str]:
    """Request fields that get lost on the way to a provider."""
    own: frozenset[str] = dialects.get(dialect).UNSUPPORTED
    return (own | quirks.drop) - ADDRESSED
