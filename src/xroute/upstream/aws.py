"""Requests signed for AWS: Signature Version 4, with credentials wherever AWS's own tools look for them.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html, read 2026-11-21. Bedrock's API
keys need none of this: they are sent as bearer tokens.
"""

import asyncio
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from xroute.errors import ConfigError, TransportError
from xroute.wire.http import Target

INSTALL = "signing requests to AWS needs the extra `aws`: pip install 'xroute[aws]'"
LONG_BODY = 1024 * 1024  # bytes; a longer one is hashed in a thread, as that takes milliseconds
SESSION_NAME = "xroute"  # of an assumed role; shows up in AWS's logs

_UNSIGNED = frozenset({"authorization", "x-amz-date", "x-amz-security-token", "host"})
_OURS = _UNSIGNED | {"x-amz-content-sha256"}  # which S3 wants to be told


@dataclass(frozen=True, slots=True)
class Source:
    """Where the credentials come from; all empty = AWS's default chain.

    The chain: variables, shared files and profiles, SSO, web identity, container, instance metadata:
    https://boto3.amazonaws.com/v1/documentation/api/latest/guide/credentials.html, read 2026-11-21.
    """

    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    profile: str = ""  # of the shared config; "" = AWS_PROFILE, or default
    role: str = ""  # ARN of a role that is assumed with the credentials found
    external_id: str = field(default="", repr=False)  # that the role asks for


class AwsSigner:
    """Signs requests to one service in one region. Credentials are looked up at the first request."""

    def __init__(self, region: str, source: Source = Source(), service: str = "bedrock") -> None:
        """Raises ConfigError where botocore is not installed, or half of a key is given."""
        _load("botocore")
        if bool(source.access_key) != bool(source.secret_key):
            raise ConfigError("an AWS access key and its secret key belong together: set both or neither")
        self._region = region
        self._service = service
        self._source = source
        self._found: Any = None  # botocore's credentials
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        return f"AwsSigner({self._service}, {self._region})"

    async def sign(self, method: str, target: Target, body: bytes) -> Target:
        """The target with date, token and signature; every header it has is signed.

        ConfigError where no credentials are to be found, TransportError where they cannot be renewed now.
        """
        keys = await self._keys()
        if len(body) > LONG_BODY:
            return await asyncio.to_thread(self._signed, keys, method, target, body)
        return self._signed(keys, method, target, body)

    def _signed(self, keys: Any, method: str, target: Target, body: bytes) -> Target:
        """The path is signed as it is sent, encoded once more, as every service but S3 wants it.

        https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, read 2026-11-21.
        """
        given = tuple((name, value) for name, value in target.headers if name.lower() not in _UNSIGNED)
        request = _load("botocore.awsrequest").AWSRequest(method, target.url, data=body)
        for name, value in given:
            request.headers.add_header(name, value)
        auth = _load("botocore.auth")
        kind = auth.S3SigV4Auth if self._service == "s3" else auth.SigV4Auth
        kind(keys, self._service, self._region).add_auth(request)
        added = ((name.lower(), str(value)) for name, value in request.headers.items())
        return Target(target.url, (*given, *((name, value) for name, value in added if name in _OURS)))

    async def _keys(self) -> Any:
        """Keys that hold now: looked up or renewed in a thread, as that may ask a server."""
        found = self._found
        if found is None:
            async with self._lock:  # one look-up for all the requests that come meanwhile
                if self._found is None:
                    self._found = await self._asked(self._look_up)
                found = self._found
        if hasattr(found, "refresh_needed") and found.refresh_needed():
            return await self._asked(found.get_frozen_credentials)
        return found.get_frozen_credentials()

    async def _asked(self, ask: Any) -> Any:
        """The text of botocore's errors names paths and addresses, never a secret."""
        errors = _load("botocore.exceptions")
        try:
            return await asyncio.to_thread(ask)
        except (errors.ProfileNotFound, errors.PartialCredentialsError, errors.ConfigParseError) as error:
            raise ConfigError(f"AWS credentials: {error}") from error
        except (errors.BotoCoreError, errors.ClientError) as error:
            raise TransportError(f"AWS credentials cannot be had now: {error}") from error

    def _look_up(self) -> Any:
        session = _load("botocore.session").Session(profile=self._source.profile or None)
        source = self._source
        if source.access_key:
            found = _load("botocore.credentials").Credentials(
                source.access_key, source.secret_key, source.session_token or None, method="explicit"
            )
        else:
            found = session.get_credentials()
        if found is None:
            raise ConfigError(
                "no AWS credentials were found: set AWS_BEARER_TOKEN_BEDROCK, or AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or a profile; `aws configure` writes one"
            )
        return self._assumed(session, found) if source.role else found

    def _assumed(self, session: Any, found: Any) -> Any:
        """The role's own keys, renewed before they end."""
        module = _load("botocore.credentials")
        extra = {"RoleSessionName": SESSION_NAME}
        if self._source.external_id:
            extra["ExternalId"] = self._source.external_id

        def create(name: str, **given: Any) -> Any:
            return session.create_client(name, region_name=self._region, **given)

        fetcher = module.AssumeRoleCredentialFetcher(create, found, self._source.role, extra_args=extra)
        return module.DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")


def _load(name: str) -> Any:
    """A module of botocore, which is optional; imported late, as it is large."""
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise ConfigError(INSTALL) from None
