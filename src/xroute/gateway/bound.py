"""Where a stored credential may go, and what a stored credential may be.

Addresses come from the config and the catalog alone: nothing that comes through the API chooses a host.
"""

from typing import Any, cast

import orjson

from xroute.catalog.entries import Provider
from xroute.config.secret import Secret
from xroute.errors import ConfigError, InvalidRequest
from xroute.gateway.hosts import try_head
from xroute.upstream.auth import filled, models_target
from xroute.upstream.head import origin_of

# Where Google's service accounts get their tokens: https://developers.google.com/identity/protocols/oauth2/
# service-account#httprest, read 2026-11-21. Any other address would be one that the credential chooses.
GOOGLE_TOKENS = frozenset(
    {"https://oauth2.googleapis.com/token", "https://accounts.google.com/o/oauth2/token"}
)
GOOGLE = "googleapis.com"
AWS_KEYS = ("AKIA", "ASIA")  # how access keys begin; they sign together with a secret key


def origins(provider: Provider, variables: dict[str, str]) -> str:
    """All that a credential of this provider is sent to: `https://api.openai.com`, or several with spaces.

    ConfigError for an address that is not complete.
    """
    urls = [models_target(provider, None, variables).url]
    if provider.auth == "oauth":
        urls.append(filled(provider.token.get("url", ""), provider, variables))
    try:
        return " ".join(sorted({origin_of(url) for url in urls}))
    except ValueError as error:
        raise ConfigError(str(error), f"providers.{provider.id}") from None


def check_secret(provider: Provider, secret: Secret, variables: dict[str, str]) -> None:
    """InvalidRequest for a credential that would borrow this machine's own, or choose an address.

    In the config an access key of AWS may stand alone and a file of Google's be named: what this machine has
    then signs. That is for who owns the machine, and not for who may store a credential.
    """
    text = secret.reveal()
    try:
        try_head(models_target(provider, text, variables), "secret")
    except ConfigError as error:
        raise _wrong(error.message) from None
    secret_key = text.partition(":")[2].partition(":")[0]
    if provider.auth == "aws" and text.startswith(AWS_KEYS) and not secret_key:
        raise _wrong("An access key of AWS signs with its secret key: write <access key>:<secret key>.")
    if provider.auth == "google_cloud":
        _check_google(text)


def _check_google(text: str) -> None:
    if not text.startswith("{"):
        if text.endswith(".json"):
            raise _wrong("Send the JSON of the service account itself, and not the name of a file.")
        return
    try:
        info: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _wrong("The service account's JSON cannot be read.") from None
    account = cast("dict[str, Any]", info)
    if account.get("type") != "service_account":
        raise _wrong('Only the JSON of a service account can be stored: "type": "service_account".')
    if account.get("token_uri") not in GOOGLE_TOKENS:
        raise _wrong(f"The service account's token_uri must be {min(GOOGLE_TOKENS, key=len)}.")
    if account.get("universe_domain", GOOGLE) != GOOGLE:
        raise _wrong(f"The service account's universe_domain must be {GOOGLE}.")


def _wrong(text: str) -> InvalidRequest:
    return InvalidRequest(text, code="invalid_credential", param="secret")
