"""Every error of xroute, in one tree.

XrouteError
  ConfigError            the configuration cannot be used: file, line and key are named; exit code 2
  CallError              what a client is told: status, error_type, code, param
    InvalidRequest         400 invalid_request
      InvalidPrompt          400 invalid_prompt
      ContextLength          400 context_length_exceeded
      ContentPolicy          400 content_policy_violation
      Conflict               409 invalid_request
    Authentication         401 authentication
    PaymentRequired        402 payment_required
    PermissionDenied       403 permission_denied
    NotFound               404 not_found
    MethodNotAllowed       405 invalid_request
    PayloadTooLarge        413 payload_too_large
    Unprocessable          422 unprocessable
    RateLimited            429 rate_limit_exceeded
    ServerError            500 server
    ProviderUnavailable    502 provider_unavailable
    ProviderOverloaded     503 provider_overloaded
    Unavailable            503 server
    Timeout                504 timeout
  JournalFull            a call cannot be written down: `accounting.spool_full` says what then
  TransportError         a provider could not be talked to; never shown to a client as it is
    ConnectError           refused, reset before anything was sent, DNS, TLS
    TimedOut               `stage` says which limit: connect, first_byte, first_token, between_chunks, total
    CutError               the connection ended before the answer did
    ProtocolError          what came is not HTTP, or is larger than allowed

The status, the `error_type` word and what a client may do are class attributes, so nobody needs an
isinstance chain. The words and statuses are those OpenRouter publishes
(https://openrouter.ai/docs/api-reference/errors, read 2026-11-21).
"""

from typing import Any, ClassVar


class XrouteError(Exception):
    """Root of the tree. The message is for people; the docstring serves where none is given."""

    def __init__(self, message: str | None = None) -> None:
        self.message = message if message is not None else (type(self).__doc__ or "").strip()
        super().__init__(self.message)


class ConfigError(XrouteError):
    """The configuration cannot be used; `where` is `file:line key` as far as it is known."""

    def __init__(self, message: str, where: str = "") -> None:
        self.where = where
        super().__init__(f"{where}: {message}" if where else message)


class CallError(XrouteError):
    """What a client is told. Its text never holds a credential, a prompt or a stack trace."""

    status: ClassVar[int] = 500
    error_type: ClassVar[str] = "server"
    kind: ClassVar[str] = "api_error"  # OpenAI's `error.type`

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        param: str | None = None,
        provider: str | None = None,
        retry_after_s: float | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.param = param
        self.provider = provider
        self.retry_after_s = retry_after_s
        self.metadata = metadata
        self.headers: list[str] = []  # lines of the answer, besides those that every error has


class InvalidRequest(CallError):
    """The request cannot be understood."""

    status, error_type, kind = 400, "invalid_request", "invalid_request_error"


class InvalidPrompt(InvalidRequest):
    """The messages cannot be used."""

    error_type = "invalid_prompt"


class ContextLength(InvalidRequest):
    """The request is longer than every usable model's context window."""

    error_type = "context_length_exceeded"


class ContentPolicy(InvalidRequest):
    """A provider's content policy refused the request."""

    error_type = "content_policy_violation"


class Conflict(InvalidRequest):
    """The request contradicts an earlier one."""

    status = 409


class Authentication(CallError):
    """No usable key was given: send `Authorization: Bearer <key>`."""

    status, error_type, kind = 401, "authentication", "authentication_error"


class PaymentRequired(CallError):
    """There is not enough credit for this call."""

    status, error_type, kind = 402, "payment_required", "insufficient_quota"


class PermissionDenied(CallError):
    """This key may not do that."""

    status, error_type, kind = 403, "permission_denied", "permission_error"


class NotFound(CallError):
    """There is nothing at this address."""

    status, error_type, kind = 404, "not_found", "invalid_request_error"


class MethodNotAllowed(CallError):
    """This address does not take this method."""

    status, error_type, kind = 405, "invalid_request", "invalid_request_error"


class PayloadTooLarge(CallError):
    """The request body is larger than this server takes."""

    status, error_type, kind = 413, "payload_too_large", "invalid_request_error"


class Unprocessable(CallError):
    """The provider understood the request but cannot process it."""

    status, error_type, kind = 422, "unprocessable", "invalid_request_error"


class RateLimited(CallError):
    """Too many requests; wait for `Retry-After` seconds."""

    status, error_type, kind = 429, "rate_limit_exceeded", "rate_limit_error"


class ServerError(CallError):
    """xroute failed; the request id finds the reason in its log."""


class ProviderUnavailable(CallError):
    """No provider gave a usable answer."""

    status, error_type = 502, "provider_unavailable"


class ProviderOverloaded(CallError):
    """Every provider that could answer is overloaded; try again later."""

    status, error_type = 503, "provider_overloaded"


class Unavailable(CallError):
    """Something that xroute itself needs for this is away; try again later."""

    status = 503


class Timeout(CallError):
    """No provider answered in time."""

    status, error_type = 504, "timeout"


class JournalFull(XrouteError):
    """What happens cannot be written down: the disk is full or broken."""


class TransportError(XrouteError):
    """A provider could not be talked to."""


class ConnectError(TransportError):
    """No connection: refused, reset before anything was answered, name not found, or TLS failed."""


class TimedOut(TransportError):
    """A limit passed; `stage` is connect, first_byte, first_token, between_chunks or total."""

    def __init__(self, stage: str, limit_s: float) -> None:
        self.stage = stage
        self.limit_s = limit_s
        super().__init__(f"no {stage} within {limit_s:g} s")


class CutError(TransportError):
    """The connection ended before the answer did."""


class ProtocolError(TransportError):
    """What came back is not HTTP, or is larger than allowed."""
