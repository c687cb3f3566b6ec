"""The client's body as a provider takes it."""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Encoded
from xroute.dialects.openai import codec, history, reasoning
from xroute.dialects.openai.codec import Json

_LIMITS = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}

# Fields that are addressed to xroute.
OWN = frozenset({"models", "provider", "timeouts", "usage", "session_id"})
_ODD = OWN | history.BESIDE | frozenset(reasoning.NAMES)  # that cannot all go on as they are


def encode(
    body: Json,
    *,
    upstream: str,
    quirks: Quirks,
    abilities: frozenset[str] | None = None,
    output: int | None = None,
) -> Encoded:
    """The client's body is never changed; what stays the same is shared with it."""
    sent = {**body, "model": upstream}
    if quirks.max_completion_tokens or "max_completion_tokens" in sent:
        _limits(sent, quirks)
    missed = history.clean(sent, quirks)
    if not _ODD.isdisjoint(sent):
        for name in OWN & sent.keys():
            del sent[name]
        missed += history.leave(sent, quirks)
        if "reasoning" in sent or "reasoning_effort" in sent:
            missed += reasoning.write(sent, quirks, abilities, output)
    dropped = _drop(sent, body, quirks) if quirks.drop else ()
    if sent.get("stream") and "stream_options" not in quirks.drop:
        _stream_options(sent, quirks)
    for name, theirs in quirks.rename.items():
        if name in sent:
            sent.setdefault(theirs, sent[name])
            del sent[name]
    if quirks.force:
        sent.update(quirks.force)
    return Encoded(sent, (*dropped, *missed) if missed else dropped)


def _limits(sent: Json, quirks: Quirks) -> None:
    """The output limit under the name that the provider takes; one given under that name wins."""
    theirs, other = "max_tokens", "max_completion_tokens"
    if quirks.max_completion_tokens:
        theirs, other = other, theirs
    if other in sent:
        value = sent.pop(other)
        if sent.get(theirs) is None:
            sent[theirs] = value


def _stream_options(sent: Json, quirks: Quirks) -> None:
    """Usage is asked for wherever it can be: it is what a call is billed by."""
    given: Any = sent.get("stream_options")
    options: Json = dict(given) if codec.is_object(given) else {}
    options["include_usage"] = True
    if not quirks.stream_usage:
        del options["include_usage"]
    if options:
        sent["stream_options"] = options
    else:
        sent.pop("stream_options", None)


def _drop(sent: Json, body: Json, quirks: Quirks) -> tuple[str, ...]:
    refused = [name for name in sent if name in quirks.drop and name != "model"]
    for name in refused:
        del sent[name]
    return tuple(name if name in body else _LIMITS[name] for name in refused)
