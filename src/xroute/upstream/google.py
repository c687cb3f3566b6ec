"""Access tokens for Google Cloud: of a service account, or of whatever this machine is logged in with.

https://cloud.google.com/docs/authentication/application-default-credentials, read 2026-11-21. Tokens last an
hour or so; google-auth, which gets them, is the extra `google`. API keys are sent as they are, without this.
"""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from xroute.errors import ConfigError, ConnectError, ProtocolError, XrouteError
from xroute.wire.http import Target

INSTALL = "tokens for Google Cloud need the extra `google`: pip install 'xroute[google]'"
SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
WAIT_S = 20.0  # for an answer of the token endpoint
AGAIN_S = 10.0  # after a renewal that failed while the old token still holds
MAX_TARGETS = 1024  # with a token on them, kept for reuse

# Kinds of credentials in a JSON file -> module and constructor of google-auth.
_KINDS = {
    "service_account": ("google.oauth2.service_account", "from_service_account_info"),
    "authorized_user": ("google.oauth2.credentials", "from_authorized_user_info"),
    "external_account": ("google.auth.identity_pool", "from_info"),
}


class GoogleSigner:
    """Signs with a bearer token, renewed in time; one renewal serves all who wait.

    `source` is the JSON of a service account (or of another kind that Google writes), the name of a file with
    it, or None: then Google's own look-up decides, GOOGLE_APPLICATION_CREDENTIALS first.
    """

    def __init__(
        self,
        source: str | None = None,
        scopes: Sequence[str] = SCOPES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises ConfigError where google-auth is not installed, or `source` is no JSON."""
        _load("google.auth")
        self._info = None if source is None else _read(source)
        self._scopes = list(scopes)
        self._clock = clock
        self._again = 0.0  # not before this time
        self._credentials: Any = None  # of google-auth
        self._renewing: asyncio.Task[XrouteError | None] | None = None
        self._signed: dict[
            int, tuple[Target, Target]
        ] = {}  # the plain target is held, so its id stays its own

    def __repr__(self) -> str:
        return f"<GoogleSigner {_state(self._credentials)}>"

    async def sign(self, method: str, target: Target, body: bytes) -> Target:
        """The target with the token; the same object as long as the token is the same.

        ConfigError where there are no usable credentials, TransportError where no token can be had now.
        """
        state = _state(self._credentials)
        if state == "INVALID":
            await self._renewed()
        elif state == "STALE" and self._clock() >= self._again:
            self._renew()
        known = self._signed.get(id(target))
        if known is None:
            if len(self._signed) >= MAX_TARGETS:
                self._signed.clear()
            known = self._signed[id(target)] = (target, self._with_token(target))
        return known[1]

    def _with_token(self, target: Target) -> Target:
        own = [("authorization", f"Bearer {self._credentials.token}")]
        if project := getattr(self._credentials, "quota_project_id", None):
            own.append(("x-goog-user-project", project))
        given = [(name, value) for name, value in target.headers if name.lower() != "authorization"]
        return replace(target, headers=(*given, *own))

    async def _renewed(self) -> None:
        """Returns with a token. Cancelling one who waits leaves the renewal to the others."""
        error = await asyncio.shield(self._renew())
        if error is not None:
            raise error

    def _renew(self) -> "asyncio.Task[XrouteError | None]":
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._ask())
        return self._renewing

    async def _ask(self) -> XrouteError | None:
        """What went wrong, as a value: nobody may be waiting for it."""
        try:
            self._credentials = await asyncio.to_thread(self._refreshed)
        except XrouteError as error:
            self._again = self._clock() + AGAIN_S
            return error
        self._signed.clear()
        return None

    def _refreshed(self) -> Any:
        """Credentials with a new token; in a thread, as google-auth waits for its answers."""
        errors = _load("google.auth.exceptions")
        try:
            found = self._credentials or self._found()
            session = _load("google.auth.transport.requests").Request()
            found.refresh(partial(session, timeout=WAIT_S))
        except errors.TransportError as error:
            raise ConnectError(f"Google's token endpoint: {_first(error)}") from error
        except errors.RefreshError as error:
            kind = ConnectError if getattr(error, "retryable", False) else ConfigError
            raise kind(f"Google gives no token for these credentials: {_first(error)}") from error
        except (errors.GoogleAuthError, ValueError, KeyError) as error:
            raise ConfigError(f"Google's credentials cannot be used: {_first(error)}") from error
        if not found.token:
            raise ProtocolError("Google answered without an access token")
        return found

    def _found(self) -> Any:
        if self._info is None:
            return _load("google.auth").default(scopes=self._scopes)[0]
        kind = str(self._info.get("type"))
        if kind not in _KINDS:
            raise ConfigError(
                f"Google's credentials are of the type {kind!r}; known are {', '.join(sorted(_KINDS))}. "
                "Others are read from the file that GOOGLE_APPLICATION_CREDENTIALS names"
            )
        module, constructor = _KINDS[kind]
        return getattr(_load(module).Credentials, constructor)(self._info, scopes=self._scopes)


def _state(credentials: Any) -> str:
    """FRESH, STALE (holds for some minutes more) or INVALID."""
    return "INVALID" if credentials is None else str(credentials.token_state.name)


def _read(source: str) -> dict[str, Any]:
    """The JSON itself, or that of the file; its text is in no error."""
    where = "the credentials' JSON" if source.lstrip().startswith("{") else source
    try:
        text = source if source.lstrip().startswith("{") else Path(source).expanduser().read_text("utf-8")
        info: Any = json.loads(text)
    except OSError as error:
        raise ConfigError(f"Google's credentials cannot be read: {error.strerror}", where) from None
    except ValueError:
        raise ConfigError("Google's credentials are no JSON", where) from None
    if not isinstance(info, dict):
        raise ConfigError("Google's credentials are no JSON object", where)
    return info  # pyright: ignore[reportUnknownVariableType]


def _first(error: Exception) -> str:
    """The text of an error of google-auth, whose arguments may hold a whole answer."""
    return str(error.args[0] if error.args else error)[:300]


def _load(name: str) -> Any:
    """A module of the extra; imported when first used, as it takes a tenth of a second."""
    try:
        return import_module(name)
    except ImportError:
        raise ConfigError(INSTALL) from None
