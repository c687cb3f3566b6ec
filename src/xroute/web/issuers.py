"""Issuers that are known by name: where they are, and what they do differently."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from xroute.config.accounts import OidcSettings
from xroute.errors import ConfigError

PROOF: Final = "email_verified"  # OpenID Connect Core 1.0, section 5.1


@dataclass(frozen=True, slots=True)
class Known:
    """An issuer. Paths in `endpoints` are those of one that has no discovery and no id token."""

    issuer: str
    scope: str = "openid email profile"
    proof: str = PROOF  # the claim that says that the mail is theirs
    proves_own: bool = False  # one that has a tenant of its own speaks for every mail of it
    endpoints: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


KNOWN: Final = {
    "google": Known("https://accounts.google.com"),
    # Without a tenant anybody's tenant may sign in, and tells whatever mail it likes: only xms_edov says that
    # the domain is theirs. https://learn.microsoft.com/entra/identity-platform/optional-claims-reference and
    # .../claims-validation, read 2026-11-21
    "microsoft": Known(
        "https://login.microsoftonline.com/organizations/v2.0", proof="xms_edov", proves_own=True
    ),
    # OAuth without OpenID Connect. An enterprise's own server has its API below /api/v3.
    # https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps and
    # https://docs.github.com/rest/users/emails, read 2026-11-21
    "github": Known(
        "https://github.com",
        scope="read:user user:email",
        endpoints=MappingProxyType(
            {
                "authorization_endpoint": "/login/oauth/authorize",
                "token_endpoint": "/login/oauth/access_token",
                "api": "/api/v3",
            }
        ),
    ),
}
# Personal accounts, whose tenant is nobody's own.
CONSUMERS: Final = "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"
API: Final = {"https://github.com": "https://api.github.com"}  # where the API stands elsewhere


def known(settings: OidcSettings) -> Known:
    """What is known of an issuer; ConfigError for one with neither a known name nor an address."""
    found = KNOWN.get(settings.name)
    if settings.issuer is None:
        if found is None:
            names = ", ".join(sorted(KNOWN))
            raise ConfigError(
                f"needs `issuer`, the address of the issuer; {names} are known by name",
                f"sign_in.oidc ({settings.name})",
            )
        return found
    return replace(found, issuer=settings.issuer) if found else Known(settings.issuer)
