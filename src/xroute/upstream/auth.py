"""How a credential is put on a request. It is sent only to the host it was stored for."""

from urllib.parse import parse_qsl, quote, urlsplit

from xroute.catalog.entries import Provider
from xroute.errors import ConfigError
from xroute.wire.http import Target

# Headers that are no secret: a provider that says what is wrong with one has to be understood.
OPEN = frozenset({"content-type", "accept", "anthropic-version", "anthropic-beta"})
SHORTEST_SECRET = 8  # characters; what is shorter would also be found in ordinary words


def model_target(
    provider: Provider, path: str, upstream: str, key: str | None, variables: dict[str, str]
) -> Target:
    """Where an operation of this model goes, with the credential on it; `path` may hold {model}."""
    return target(provider, path.replace("{model}", quote(upstream, safe="")), key, variables)


def models_target(provider: Provider, key: str | None, variables: dict[str, str]) -> Target:
    """Where the provider lists its models."""
    return target(provider, provider.models_path, key, variables)


def target(provider: Provider, path: str, key: str | None, variables: dict[str, str]) -> Target:
    """URL and headers for a path of this provider; ConfigError for a missing placeholder or a bad URL."""
    base = _fill(provider, variables).rstrip("/")
    query = dict(provider.query)
    headers = [("content-type", "application/json"), *provider.headers.items()]
    if key:
        match provider.auth:
            case "bearer":
                headers.append(("authorization", f"Bearer {key}"))
            case "header":
                name, _, scheme = provider.auth_name.partition(" ")
                headers.append((name, f"{scheme} {key}" if scheme else key))
            case "query":
                query[provider.auth_name] = key
            case "aws" | "google_cloud":  # an API key, an access token: sent as it is
                headers.append(("authorization", f"Bearer {key}"))
            case "none" | "oauth":
                pass
    url = base + path
    if query:
        pairs = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in query.items())
        url += ("&" if "?" in url else "?") + pairs
    return Target(url, tuple(headers))


def mask(text: str, target: Target) -> str:
    """A provider's text without what was sent there in secret: some repeat a credential they refuse."""
    values = [value for name, value in target.headers if name.lower() not in OPEN]
    for _, value in parse_qsl(urlsplit(target.url).query):
        values += [value, quote(value, safe="")]
    for value in values:
        for secret in (value.rpartition(" ")[2], value):  # "Bearer", or another word before it, may stay
            if len(secret) >= SHORTEST_SECRET:
                text = text.replace(secret, "***")
    return text


def filled(text: str, provider: Provider, variables: dict[str, str]) -> str:
    """A text of the provider's file with its placeholders filled; ConfigError says which has no value."""
    url = text
    for name, variable in provider.vars.items():
        if "{" + name + "}" not in text:
            continue
        value = variables.get(name, "")
        if not value:
            names = variable.replace("|", " or ")
            raise ConfigError(
                f"set {names}, or vars.{name} in the config: the address {url} needs it",
                f"providers.{provider.id}",
            )
        url = url.replace("{" + name + "}", value)
    return url


def _fill(provider: Provider, variables: dict[str, str]) -> str:
    own = (provider.bases[value] for value in variables.values() if value in provider.bases)
    url = filled(next(own, provider.base_url), provider, variables)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "sim") or (parts.scheme != "sim" and not parts.hostname):
        raise ConfigError(f"base_url {url!r} is no http or https address", f"providers.{provider.id}")
    if parts.username or parts.password:
        raise ConfigError("base_url must not hold a user name or password", f"providers.{provider.id}")
    return url
