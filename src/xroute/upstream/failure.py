"""Failures of an attempt, classified once: by status first, then code, then text."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Protocol

from xroute.errors import ConnectError, CutError, ProtocolError, TimedOut, TransportError
from xroute.routing.failure import Failure, Kind

PREAMBLE = 60  # characters before the words that count, as in "Error code: 400 - "
# Kinds that a client cannot hurt others with by writing their words into its request.
_HARMLESS: frozenset[Kind] = frozenset({"context_length", "content_policy"})
MAX_MESSAGE = 2000  # characters of a provider's text that are passed on
MAX_WORD = 200  # characters of its code and param
MAX_READ = 8000  # characters of its text that are searched: some patterns take time squared
MAX_RETRY_AFTER_S = 3600.0


class Info(Protocol):
    """What an error body says; dialects read it."""

    @property
    def message(self) -> str: ...
    @property
    def code(self) -> str | None: ...
    @property
    def type(self) -> str | None: ...
    @property
    def param(self) -> str | None: ...
    @property
    def retry_after_s(self) -> float | None: ...


# Codes and types of the providers, seen in recorded traffic; they win over a vague 400 or 429.
_CODES: dict[str, Kind] = {
    "context_length_exceeded": "context_length",
    "exceed_context_size_error": "context_length",  # llama.cpp
    "string_above_max_length": "context_length",
    "content_policy_violation": "content_policy",
    "content_filter": "content_policy",  # Azure
    "responsibleaipolicyviolation": "content_policy",  # Azure
    "data_inspection_failed": "content_policy",  # Alibaba
    "insufficient_quota": "payment",
    "billing_hard_limit_reached": "payment",
    "insufficient_balance": "payment",
    "invalid_api_key": "credentials",
    "wrong_api_key": "credentials",
    "invalid_key": "credentials",
    "authentication_error": "credentials",
    "model_not_found": "not_found",
    "model_not_available": "not_found",
    "model_decommissioned": "not_found",
    "deploymentnotfound": "not_found",
    "invalid_model": "not_found",
    "rate_limit_exceeded": "rate_limit",
    "ratelimitreached": "rate_limit",
    "overloaded_error": "overloaded",
    "malformed": "malformed",  # our own dialects' word for a stream that cannot be read
    # AWS: "Too many tokens" is here what may be sent in a minute
    "throttlingexception": "rate_limit",
    "servicequotaexceededexception": "rate_limit",
    "modelnotreadyexception": "overloaded",
    "serviceunavailableexception": "overloaded",
    "modeltimeoutexception": "timeout",
    "modelerrorexception": "server",
    "modelstreamerrorexception": "server",
    "internalserverexception": "server",
    "accessdeniedexception": "credentials",
    "expiredtokenexception": "credentials",
    "unrecognizedclientexception": "credentials",
    "invalidsignatureexception": "credentials",
    "resourcenotfoundexception": "not_found",
    "server_error": "server",
    "internal_server_error": "server",
}

_TEXTS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (
        "context_length",
        re.compile(
            r"context (length|window|limit|size)|maximum (context|number of tokens)|max context length"
            r"|too many (input )?tokens|prompt is too long|prompt too long|input (is )?too long"
            r"|input token count .* exceeds|reduce the length",
            re.I,
        ),
    ),
    (
        "content_policy",
        re.compile(
            r"content (policy|management policy|filter)|safety (system|settings)|moderation"
            r"|violat\w+ .{0,40}(guidelines|polic)",
            re.I,
        ),
    ),
    (
        "payment",
        re.compile(
            r"insufficient (balance|credit|quota|funds)|credit balance is too low"
            r"|exceeded your .*(quota|credits)",
            re.I,
        ),
    ),
    (
        "credentials",
        re.compile(
            r"(invalid|incorrect|wrong|missing) .{0,12}api[- ]?key|please check the api-key"
            r"|api[- ]?key.{0,40} (not valid|is invalid)",
            re.I,
        ),
    ),
    (
        "not_found",
        re.compile(
            r"model .{0,80}((does )?not exist|not found|decommissioned|deprecated)|not a valid model"
            r"|model identifier is invalid|on-demand throughput isn.t supported",
            re.I,
        ),
    ),
    ("overloaded", re.compile(r"overloaded|no capacity|capacity exceeded", re.I)),
)

_STATUSES: dict[int, Kind] = {
    401: "credentials",
    402: "payment",
    403: "credentials",
    404: "not_found",
    408: "timeout",
    409: "server",
    424: "server",  # AWS: the model failed
    429: "rate_limit",
    503: "overloaded",
    504: "timeout",
    524: "timeout",
    529: "overloaded",
}

# A status that leaves no doubt is not argued with; these others may be told apart by code and text.
# Codes that say no more than the status does.
_GENERIC = frozenset(
    {
        "invalid_request_error",
        "bad_request",
        "invalid_request",
        "badrequest",
        "error",
        "validationexception",
        "invalid-argument",
    }
)

_VAGUE: dict[int, frozenset[Kind]] = {
    400: frozenset({"context_length", "content_policy", "payment", "credentials", "not_found", "rate_limit"}),
    403: frozenset({"content_policy", "payment", "not_found"}),
    404: frozenset({"credentials"}),
    413: frozenset({"context_length", "rate_limit"}),  # Groq: too large for the tokens of a minute
    422: frozenset({"context_length", "content_policy", "not_found"}),
    429: frozenset({"payment", "overloaded"}),
    500: frozenset({"context_length", "overloaded", "rate_limit"}),
}


def classify(status: int, headers: Mapping[str, str], info: Info) -> Failure:
    """The failure that an answer of `status` (>= 400, or an error inside a 200) means.

    A status below 400 stands for an error that came inside a good answer: code and text decide alone.
    """
    kind = _kind(status, info)
    return Failure(
        kind=kind,
        message=_clean(info.message[:MAX_MESSAGE]) or f"HTTP {status}",
        status=status,
        code=info.code and _clean(info.code[:MAX_WORD]),
        param=info.param and _clean(info.param[:MAX_WORD]),
        retry_after_s=_rest(headers, info) if kind in ("rate_limit", "overloaded", "server") else None,
    )


def of_transport(error: TransportError) -> Failure:
    """The failure that a broken exchange means."""
    match error:
        case TimedOut():
            return Failure("timeout", error.message)
        case ConnectError():
            return Failure("connect", error.message)
        case CutError():
            return Failure("cut", error.message)
        case ProtocolError():
            return Failure("malformed", error.message)
        case _:
            return Failure("server", error.message)


def _rest(headers: Mapping[str, str], info: Info) -> float | None:
    """The pause that the headers ask for, or else the body."""
    found = retry_after(headers)
    if found is None and info.retry_after_s is not None:
        return min(info.retry_after_s, MAX_RETRY_AFTER_S)
    return found


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: `retry-after-ms`, `Retry-After` in seconds or as a date relative to the answer's
    own Date header (so a wrong local clock does no harm)."""
    if (ms := _number(headers.get("retry-after-ms"))) is not None:
        return min(ms / 1000, MAX_RETRY_AFTER_S)
    value = headers.get("retry-after")
    if value is None:
        return None
    if (seconds := _number(value)) is not None:
        return min(seconds, MAX_RETRY_AFTER_S)
    try:
        delta = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("date", ""))
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(delta.total_seconds(), 0.0), MAX_RETRY_AFTER_S)


def _clean(text: str) -> str:
    """Text that can be written as UTF-8: providers cut emoji into halves, which cannot."""
    return text.encode("utf-8", "replace").decode()


def _kind(status: int, info: Info) -> Kind:
    if status < 400:
        return _by_code(info) or _by_text(info.message[:MAX_READ]) or "server"
    plain = _STATUSES.get(status) or ("server" if status >= 500 else "rejected")
    allowed = _VAGUE.get(status)
    if not allowed:
        return plain
    by_code = _by_code(info)
    if by_code is not None and (by_code in allowed or (status == 429 and by_code == plain)):
        return by_code
    by_text = _by_text(info.message[:MAX_READ], echo=status == 400 and _is_definite(info))
    return by_text if by_text in allowed else plain


def _is_definite(info: Info) -> bool:
    """Whether a code of words says what is wrong; the text may then repeat what the client wrote."""
    return info.code is not None and _number(info.code) is None and info.code.lower() not in _GENERIC


def _by_code(info: Info) -> Kind | None:
    for word in (info.code, info.type):
        if word and (kind := _CODES.get(str(word).lower())):
            return kind
    status = _number(info.code)
    if status is not None and 400 <= status < 600:  # an error inside a 200 often has the status as code
        return _STATUSES.get(int(status)) or ("server" if status >= 500 else "rejected")
    return None


def _by_text(message: str, *, echo: bool = False) -> Kind | None:
    """What a text means. One that may be an echo of the request must begin with the words to blame us."""
    for kind, pattern in _TEXTS:
        found = pattern.search(message)
        if found and (kind in _HARMLESS or (not echo and found.start() <= PREAMBLE)):
            return kind
    return None


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < float("inf") else None
