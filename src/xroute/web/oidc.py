"""Sign-in by another issuer: an authorization code with PKCE, state and nonce, or GitHub's OAuth.

OpenID Connect Core 1.0 and Discovery 1.0 (https://openid.net/developers/specs/), RFC 7636 (PKCE), RFC 9207
and RFC 9700 (best practice), all read 2026-11-21.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlsplit

from xroute.config.accounts import OidcSettings
from xroute.errors import InvalidRequest, PermissionDenied
from xroute.store.identities import Identity
from xroute.web import grant
from xroute.web.fetch import Fetcher, FetchFailed
from xroute.web.issuers import API, CONSUMERS, Known

KEPT_S: Final = 3600.0  # discovery and keys
AGAIN_S: Final = 30.0  # between looks for a key that is not known: a forged token may name any
TENANT: Final = "{tenantid}"  # in an issuer's address: whose tenant it is
_GUID = re.compile(r"[0-9a-fA-F-]{36}")


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that was sent on to the issuer, as the browser's cookie keeps it."""

    state: str
    nonce: str
    verifier: str


class Issuer:
    """One issuer, with what was learnt of it."""

    def __init__(
        self,
        settings: OidcSettings,
        known: Known,
        fetcher: Fetcher,
        callback: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`callback` is the address that the issuer sends people back to."""
        self.settings = settings
        self.callback = callback
        self._known = known
        self._fetcher = fetcher
        self._clock = clock
        self._turn = asyncio.Lock()
        self._facts: Mapping[str, Any] = _own_facts(known)
        self._learnt = float("inf") if known.endpoints else float("-inf")
        self._keys: Any = None  # joserfc's KeySet
        self._keys_at = float("-inf")

    @property
    def name(self) -> str:
        """What it is called in addresses."""
        return self.settings.name

    async def begin(self, begun: Begun) -> str:
        """The address to send somebody to. FetchFailed where the issuer is away."""
        facts = await self._discover()
        return grant.authorization_uri(
            facts["authorization_endpoint"],
            self.settings.client_id,
            self.callback,
            self._known.scope,
            begun.state,
            begun.verifier,
            {} if self._known.endpoints else {"nonce": begun.nonce},
        )

    async def finish(self, begun: Begun, code: str, issuer: str | None) -> Identity:
        """Who it is. `issuer` is what the answer says it is from (RFC 9207), where it says so.

        InvalidRequest or PermissionDenied for an answer that proves nothing, FetchFailed where the issuer is
        away.
        """
        facts = await self._discover()
        if issuer is not None and issuer != facts["issuer"]:
            raise InvalidRequest("This answer is from another issuer.", code="wrong_issuer")
        token = await self._exchange(facts, begun, code)
        if self._known.endpoints:
            return await self._ask_who(facts, token["access_token"])
        claims = await self._check(facts, begun, token)
        if "email" not in claims and isinstance(facts.get("userinfo_endpoint"), str):
            claims = await self._add_userinfo(facts, claims, token["access_token"])
        return self._identity(claims)

    # What the issuer says of itself.

    async def _discover(self) -> Mapping[str, Any]:
        async with self._turn:
            if self._clock() - self._learnt > KEPT_S:
                url = f"{self._known.issuer}/.well-known/openid-configuration"
                self._facts = self._usable(await self._fetcher.get(url))
                self._learnt = self._clock()
            return self._facts

    def _usable(self, found: Any) -> Mapping[str, Any]:
        """FetchFailed for facts that are another issuer's, or that lead from https to http."""
        if not isinstance(found, dict):
            raise FetchFailed(f"{self._known.issuer}: its configuration is no JSON object")
        facts = cast("dict[str, Any]", found)
        said = str(facts.get("issuer"))
        mine, theirs = urlsplit(self._known.issuer), urlsplit(said)
        is_template = TENANT in said and self._known.proves_own and mine.netloc == theirs.netloc
        if said.rstrip("/") != self._known.issuer and not is_template:
            raise FetchFailed(f"{self._known.issuer} says that it is {said[:200]!r}")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            parts = urlsplit(str(facts.get(name)))
            if parts.scheme not in ("https", mine.scheme) or not parts.netloc:
                raise FetchFailed(f"{self._known.issuer}: its {name} is no usable address")
        return facts

    async def _key_set(self, facts: Mapping[str, Any], kid: str | None) -> Any:
        """Its keys; asked for again where the wanted one is not among them."""
        async with self._turn:
            age_s = self._clock() - self._keys_at
            is_there = self._keys is not None and kid in {key.kid for key in self._keys.keys}
            if age_s > KEPT_S or (not is_there and age_s > AGAIN_S):
                self._keys = _read_keys(await self._fetcher.get(facts["jwks_uri"]))
                self._keys_at = self._clock()
            return self._keys

    # The code, and what it is exchanged for.

    async def _exchange(self, facts: Mapping[str, Any], begun: Begun, code: str) -> dict[str, Any]:
        methods: list[str] = facts.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        url, headers, form = grant.token_request(
            facts["token_endpoint"],
            self.settings.client_id,
            self.settings.client_secret.reveal(),
            "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post",
            self.callback,
            code,
            begun.verifier,
        )
        token = await self._fetcher.post(url, headers.items(), form)
        if not isinstance(token.get("access_token"), str):
            reason = _word(token.get("error"))
            raise InvalidRequest(
                f"The issuer did not take this sign-in ({reason}). Begin again.", code="code_refused"
            )
        return token

    async def _check(
        self, facts: Mapping[str, Any], begun: Begun, token: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The claims of an id token that was made by this issuer, for us, for this very sign-in, just now."""
        text, now = str(token.get("id_token")), int(self._clock())
        client, access = self.settings.client_id, str(token["access_token"])
        try:
            keys = await self._key_set(facts, grant.key_id(text))
            header, claims = grant.decode(text, keys)
            issuer = _issuer_of(str(facts["issuer"]), claims)
            grant.check(header, claims, issuer, client, begun.nonce, access, now)
        except grant.InvalidToken as error:
            raise PermissionDenied(
                f"The issuer's token proves nothing ({error}). Begin again.", code="invalid_id_token"
            ) from error
        return claims

    async def _add_userinfo(
        self, facts: Mapping[str, Any], claims: dict[str, Any], token: str
    ) -> dict[str, Any]:
        found = await self._fetcher.get(facts["userinfo_endpoint"], token)
        if not isinstance(found, dict) or found.get("sub") != claims["sub"]:  # pyright: ignore[reportUnknownMemberType]
            raise PermissionDenied("The issuer tells of somebody else.", code="wrong_subject")
        return cast("dict[str, Any]", found) | claims

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        said = claims.get(self._known.proof) in (True, "true", "1")
        # Who runs this installation has chosen that tenant: its word counts for every mail of it.
        is_own = self._known.proves_own and str(self._facts["issuer"]) == claims["iss"] != CONSUMERS
        return Identity(
            issuer=str(claims["iss"]),
            subject=str(claims["sub"]),
            email=str(claims.get("email") or "").strip().lower()[:254],
            is_verified=said or is_own,
            name=_name(claims.get("name")),
        )

    # Without OpenID Connect.

    async def _ask_who(self, facts: Mapping[str, Any], token: str) -> Identity:
        """By the API of an issuer that has no id token: the user, and the one mail that they use."""
        user = await self._fetcher.get(f"{facts['api']}/user", token)
        mails = await self._fetcher.get(f"{facts['api']}/user/emails", token)
        if not isinstance(user, dict) or not isinstance(mails, list):
            raise FetchFailed(f"{facts['api']} answered neither a user nor mail addresses")
        told = cast("dict[str, Any]", user)
        if not isinstance(told.get("id"), int):
            raise FetchFailed(f"{facts['api']}/user has no id")
        each = [cast("dict[str, Any]", mail) for mail in cast("list[Any]", mails) if isinstance(mail, dict)]
        nothing: dict[str, Any] = {}
        mail = next((mail for mail in each if mail.get("primary") is True), nothing)
        return Identity(
            issuer=str(facts["issuer"]),
            subject=str(told["id"]),
            email=str(mail.get("email") or "").strip().lower()[:254],
            is_verified=mail.get("verified") is True,
            name=_name(told.get("name") or told.get("login")),
        )


def _own_facts(known: Known) -> Mapping[str, Any]:
    """What is known beforehand of an issuer without discovery."""
    if not known.endpoints:
        return {}
    at = {name: f"{known.issuer}{path}" for name, path in known.endpoints.items()}
    at["api"] = API.get(known.issuer, at["api"])
    return {"issuer": known.issuer, "token_endpoint_auth_methods_supported": ["client_secret_post"], **at}


def _issuer_of(said: str, claims: Mapping[str, Any]) -> str:
    """The issuer that a token has to name; of one with tenants, that of the token's."""
    tenant = str(claims.get("tid"))
    return said.replace(TENANT, tenant) if _GUID.fullmatch(tenant) else said


def _read_keys(found: Any) -> Any:
    listed = cast("dict[str, Any]", found).get("keys") if isinstance(found, dict) else None
    if not isinstance(listed, list):
        raise FetchFailed("the issuer's keys are no key set")
    return grant.key_set(cast("list[Any]", listed))


def _word(value: object) -> str:
    """A short word of somebody else's, which may be shown."""
    text = str(value or "unknown")[:60]
    return text if re.fullmatch(r"[\w .,:'-]+", text) else "unknown"


def _name(value: object) -> str:
    text = "".join(each for each in str(value or "") if each.isprintable()).strip()
    return text[:200]
