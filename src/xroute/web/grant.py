"""What authlib and joserfc do for a sign-in by another issuer. They have no types, and import slowly."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
LEEWAY_S: Final = 60  # between an issuer's clock and ours


class InvalidToken(Exception):
    """An id token that proves nothing; the text is a word for it."""


def authorization_uri(
    endpoint: str,
    client_id: str,
    callback: str,
    scope: str,
    state: str,
    verifier: str,
    more: Mapping[str, str],
) -> str:
    """Where to send somebody; only the hash of `verifier` is in it (RFC 7636)."""
    parameters = import_module("authlib.oauth2.rfc6749.parameters")
    challenge = import_module("authlib.oauth2.rfc7636").create_s256_code_challenge(verifier)
    return parameters.prepare_grant_uri(
        endpoint,
        client_id,
        "code",
        callback,
        scope,
        state,
        code_challenge=challenge,
        code_challenge_method="S256",
        **more,
    )


def token_request(
    endpoint: str, client_id: str, secret: str, method: str, callback: str, code: str, verifier: str
) -> tuple[str, dict[str, str], str]:
    """(address, headers, form) of the exchange of a code; `method` is how the client shows who it is."""
    parameters = import_module("authlib.oauth2.rfc6749.parameters")
    form = parameters.prepare_token_request(
        "authorization_code", redirect_uri=callback, code=code, code_verifier=verifier
    )
    signed = import_module("authlib.oauth2.auth").ClientAuth(client_id, secret, method)
    return signed.prepare("POST", endpoint, {}, form)


def key_set(found: list[Any]) -> Any:
    """joserfc's KeySet of the public keys for signatures among them."""
    jwk = import_module("joserfc.jwk")
    errors = import_module("joserfc.errors")
    keys: list[Any] = []
    for each in found:
        # No secret ones: with a key that both sides have, anybody who knows it makes tokens.
        if isinstance(each, dict) and each.get("kty") in ("RSA", "EC") and each.get("use", "sig") == "sig":  # pyright: ignore[reportUnknownMemberType]
            try:
                keys.append(jwk.JWKRegistry.import_key(each))
            except (errors.JoseError, ValueError):
                continue  # of a kind or curve that is not used here
    return jwk.KeySet(keys)


def key_id(token: str) -> str | None:
    """The id of the key that a token says it is signed with. InvalidToken for what is no token."""
    try:
        return import_module("joserfc.jws").extract_compact(token.encode()).headers().get("kid")
    except _errors() as error:
        raise _invalid(error) from error


def decode(token: str, keys: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """(header, claims) of a token that one of the keys has signed. InvalidToken for any other."""
    try:
        found = import_module("joserfc.jwt").decode(token, keys, algorithms=ALGORITHMS)
    except _errors() as error:
        raise _invalid(error) from error
    return found.header, found.claims


def check(
    header: dict[str, Any],
    claims: dict[str, Any],
    issuer: str,
    client_id: str,
    nonce: str,
    access_token: str,
    now: int,
) -> None:
    """InvalidToken for claims of another issuer, for another client or sign-in, or of another time."""
    options = {
        "iss": {"essential": True, "value": issuer},
        "aud": {"essential": True, "value": client_id},
        "sub": {"essential": True},
    }
    params = {"nonce": nonce, "client_id": client_id, "access_token": access_token}
    try:
        import_module("authlib.oidc.core").CodeIDToken(claims, header, options, params).validate(
            now, LEEWAY_S
        )
    except _errors() as error:
        raise _invalid(error) from error


def _errors() -> tuple[type[Exception], ...]:
    return import_module("joserfc.errors").JoseError, ValueError


def _invalid(error: Exception) -> InvalidToken:
    return InvalidToken(str(getattr(error, "error", "")) or "invalid_token")
