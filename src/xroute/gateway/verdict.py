"""What a client is told when no attempt succeeded."""

from collections.abc import Sequence
from typing import Any

from xroute import errors
from xroute.errors import CallError
from xroute.routing.deployment import Deployment
from xroute.routing.failure import Failure, Kind
from xroute.routing.plan import Plan
from xroute.upstream.auth import mask

Failed = tuple[Deployment, Failure]


PRIVACY = frozenset({"data_policy:zdr", "data_policy:training"})

# Kinds that the caller can act on.
_CALLERS: frozenset[Kind] = frozenset({"rejected", "unsupported", "context_length", "content_policy"})
_REJECTED: dict[int, type[CallError]] = {
    413: errors.PayloadTooLarge,
    422: errors.Unprocessable,
}


def verdict(failed: Sequence[Failed]) -> CallError:
    """The error for a call whose attempts all failed; `failed` has at least one, in order."""
    deployment, last = failed[-1]
    if last.kind in _CALLERS:  # the caller can act on it, and nobody after it might have answered
        return _callers(deployment, last, failed)
    return _providers(failed)


def broken_off(failed: Sequence[Failed]) -> CallError:
    """The error inside a stream that broke after its first content; the last failure is the one that did."""
    deployment, last = failed[-1]
    return _error_class({last.kind})(
        f"The answer broke off: {deployment.provider} {_SAYS[last.kind]}.",
        code=last.kind,
        provider=deployment.provider,
        metadata={"previous_errors": previous(failed)},
    )


def previous(failed: Sequence[Failed]) -> list[dict[str, Any]]:
    """`metadata.previous_errors`: what each attempt came to, without the providers' own texts."""
    return [
        {"provider": d.provider, "model": d.model, "kind": f.kind, "code": f.code, "status": f.status}
        for d, f in failed
    ]


def nobody(plan: Plan, wanted: str) -> CallError:
    """The error for a plan without candidates: the request asks for what no deployment may do.

    `metadata.availability` has OpenRouter's words: https://openrouter.ai/docs/api-reference/errors, read
    2026-11-21.
    """
    reasons = {e.reason for e in plan.excluded}
    details = list(dict.fromkeys(e.detail for e in plan.excluded))[:5]
    text = f"No deployment of `{wanted}` can take this request: {'; '.join(details)}."
    metadata: dict[str, Any] = {
        "availability": {"code": _availability(reasons), "excluded_by": sorted(reasons)}
    }
    if plan.excluded and all(e.of_key for e in plan.excluded):
        return errors.PermissionDenied(text, code="not_allowed_for_key", param="model", metadata=metadata)
    if reasons == {"context_length"}:
        return errors.ContextLength(text, code="context_length_exceeded", param="messages", metadata=metadata)
    code = (
        "unsupported_ability"
        if reasons <= {"ability", "context_length", "operation"}
        else "no_allowed_provider"
    )
    return errors.InvalidRequest(text, code=code, metadata=metadata)


def _availability(reasons: set[str]) -> str:
    if reasons and reasons <= PRIVACY:
        return "privacy_restricted"
    return "region_restricted" if reasons == {"data_region"} else "constraint_filtered"


def resting(candidates: Sequence[Deployment], wait_s: float) -> CallError:
    """Every candidate has asked for a pause that is longer than this call may wait."""
    providers = ", ".join(dict.fromkeys(d.provider for d in candidates))
    return errors.RateLimited(
        f"Rate limited by {providers}; retry after {wait_s:.0f} s.", code="rate_limited", retry_after_s=wait_s
    )


def _callers(deployment: Deployment, failure: Failure, failed: Sequence[Failed]) -> CallError:
    kinds: dict[Kind, type[CallError]] = {
        "context_length": errors.ContextLength,
        "content_policy": errors.ContentPolicy,
    }
    default = _REJECTED.get(failure.status or 400, errors.InvalidRequest)
    kind = kinds.get(failure.kind, default)
    code = failure.code or (kind.error_type if failure.kind in kinds else None)
    return kind(
        mask(failure.message, deployment.target),
        code=code,
        param=failure.param,
        provider=deployment.provider,
        metadata={"previous_errors": previous(failed)},
    )


def _providers(failed: Sequence[Failed]) -> CallError:
    kinds: set[Kind] = {failure.kind for _, failure in failed}
    deployment, last = failed[-1]
    hints = [f.retry_after_s for _, f in failed if f.retry_after_s is not None]
    error = _error_class(kinds)
    return error(
        _text(kinds, failed),
        code=last.kind,
        provider=deployment.provider,
        retry_after_s=min(hints) if hints and error.status in (429, 503) else None,
        metadata={"previous_errors": previous(failed)},
    )


def _error_class(kinds: set[Kind]) -> type[CallError]:
    if kinds == {"rate_limit"}:
        return errors.RateLimited
    if kinds <= {"rate_limit", "overloaded"}:
        return errors.ProviderOverloaded
    if kinds == {"timeout"}:
        return errors.Timeout
    return errors.ProviderUnavailable


_SAYS: dict[Kind, str] = {
    "rate_limit": "is rate limiting this gateway",
    "overloaded": "is overloaded",
    "timeout": "did not answer in time",
    "connect": "could not be reached",
    "credentials": "does not accept this gateway's credential",
    "payment": "has no credit left on this gateway's account",
    "unsupported": "cannot take a parameter of this request",
    "not_found": "does not serve this model",
    "malformed": "sent an answer that cannot be read",
    "cut": "ended its answer early",
    "server": "failed",
    "rejected": "rejected the request",
    "content_policy": "refused the request by its content policy",
    "context_length": "cannot take a request of this length",
}


def _text(kinds: set[Kind], failed: Sequence[Failed]) -> str:
    tried = dict.fromkeys(f"{d.provider} {_SAYS[f.kind]}" for d, f in failed)
    count = f"{len(failed)} attempt{'s' if len(failed) > 1 else ''}"
    return f"No provider answered ({count}): {'; '.join(tried)}."
