"""Which credentials have to be put on each request anew, and what does it."""

from xroute.catalog.entries import Provider
from xroute.errors import ConfigError
from xroute.upstream.auth import filled
from xroute.upstream.oauth import TokenSigner
from xroute.wire.http import Signer


def signer_of(provider: Provider, key: str | None, variables: dict[str, str]) -> Signer | None:
    """What signs this provider's requests with this key; None where the key itself is sent.

    1. aws: an API key is sent; `<access key>:<secret>[:<session token>]` signs, and without a key, or with
       an access key alone, what the machine has (environment, profile, role) does
    2. google_cloud: an access token is sent; the JSON of a service account, or the name of its file, signs,
       and without a key the machine's default credentials do
    3. oauth: the key is changed into a token at `token.url`
    """
    match provider.auth:
        case "aws":
            return _aws(provider, key, variables)
        case "google_cloud":
            return _google(key)
        case "oauth":
            return _token(provider, key or "", variables)
        case _:
            return None


def _aws(provider: Provider, key: str | None, variables: dict[str, str]) -> Signer | None:
    if key and not key.startswith(("AKIA", "ASIA")):
        return None
    parts = (key or "").split(":", 2)
    from xroute.upstream.aws import AwsSigner, Source  # an extra: only those who use it need it

    access, secret, session = (*parts, "", "")[:3] if len(parts) > 1 else ("", "", "")
    source = Source(access, secret, session, variables.get("profile", ""), variables.get("role", ""))
    return AwsSigner(filled("{region}", provider, variables), source)


def _google(key: str | None) -> Signer | None:
    if key and not (key.startswith("{") or key.endswith(".json")):
        return None
    from xroute.upstream.google import GoogleSigner  # an extra: only those who use it need it

    return GoogleSigner(key)


def _token(provider: Provider, key: str, variables: dict[str, str]) -> Signer:
    form = {
        name: filled(text, provider, variables).replace("{key}", key) for name, text in provider.token.items()
    }
    url = form.pop("url", "")
    if not url.startswith(("https://", "http://")):
        raise ConfigError("auth = oauth needs a token table with a url", f"providers.{provider.id}")
    return TokenSigner(url, form)
