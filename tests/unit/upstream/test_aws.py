"""Signatures for AWS, judged by botocore's own client."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.auth
import botocore.session
import pytest
from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from botocore.stub import Stubber

from xroute.errors import ConfigError, TransportError
from xroute.upstream import aws
from xroute.upstream.aws import AwsSigner, Source
from xroute.wire.http import Target

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
MODELS = (
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ab12cd34ef56",
    "amazon.nova-lite-v1:0",
)
KEYS = Source(access_key="AKIDEXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG")
TARGET = Target("https://host/model/a%3A0/converse", (("content-type", "application/json"),))


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials of this machine, no instance metadata, and the time stands still."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: NOW.replace(tzinfo=None))


def sent_by_botocore(model: str, source: Source, stream: bool) -> Any:
    """The request that AWS's client would send, signed by it."""
    client = botocore.session.Session().create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        aws_access_key_id=source.access_key,
        aws_secret_access_key=source.secret_key,
        aws_session_token=source.session_token or None,
        config=Config(retries={"max_attempts": 0}),
    )
    caught: list[Any] = []

    class Enough(Exception):
        """The request is there; it is not sent."""

    def catch(request: Any, **_: Any) -> None:
        caught.append(request)
        raise Enough

    client.meta.events.register("before-send", catch)
    call = client.converse_stream if stream else client.converse
    with pytest.raises(Enough):
        call(modelId=model, messages=[{"role": "user", "content": [{"text": "Grüße"}]}])
    client.close()
    return caught[0]


def signed_headers(request: Any) -> dict[str, str]:
    given = {name.lower(): value for name, value in request.headers.items()}
    given = {name: value.decode() if isinstance(value, bytes) else value for name, value in given.items()}
    names = given["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    return {name: given[name] for name in names if name in given}


@pytest.mark.parametrize("token", ["", "FQoGZXIvYXdzEXAMPLETOKEN=="])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [False, True])
async def test_the_signature_is_that_of_botocores_own_client(model: str, token: str, stream: bool) -> None:
    source = Source(KEYS.access_key, KEYS.secret_key, token)
    theirs = sent_by_botocore(model, source, stream)
    assert "%3A" in theirs.url
    headers = signed_headers(theirs)
    own = {"host", "x-amz-date", "x-amz-security-token"}
    target = Target(theirs.url, tuple((name, value) for name, value in headers.items() if name not in own))
    ours = dict((await AwsSigner("us-east-1", source).sign("POST", target, theirs.body)).headers)
    assert ours["authorization"] == theirs.headers["Authorization"].decode()
    assert ours.get("x-amz-security-token") == headers.get("x-amz-security-token")


async def test_url_and_headers_stay_and_another_body_has_another_signature() -> None:
    signer = AwsSigner("eu-west-1", KEYS)
    one, other = await signer.sign("POST", TARGET, b"{}"), await signer.sign("POST", TARGET, b"{ }")
    assert one.url == TARGET.url
    assert one.headers[0] == TARGET.headers[0]
    assert dict(one.headers)["authorization"] != dict(other.headers)["authorization"]
    assert "/eu-west-1/bedrock/aws4_request" in dict(one.headers)["authorization"]


async def test_a_long_body_is_signed_the_same_way_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    signer, body = AwsSigner("us-east-1", KEYS), b"x" * 2000
    here = await signer.sign("POST", TARGET, body)
    monkeypatch.setattr(aws, "LONG_BODY", 1000)
    assert (await signer.sign("POST", TARGET, body)).headers == here.headers


async def test_an_older_signature_on_the_target_is_replaced() -> None:
    signer = AwsSigner("us-east-1", KEYS)
    once = await signer.sign("POST", TARGET, b"{}")
    assert await signer.sign("POST", once, b"{}") == once


async def test_keys_are_found_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS.secret_key)
    found = await AwsSigner("us-east-1").sign("POST", TARGET, b"{}")
    assert found == await AwsSigner("us-east-1", KEYS).sign("POST", TARGET, b"{}")


async def test_a_profile_of_the_shared_files_is_used(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        f"[team]\naws_access_key_id = {KEYS.access_key}\naws_secret_access_key = {KEYS.secret_key}\n"
    )
    found = await AwsSigner("us-east-1", Source(profile="team")).sign("POST", TARGET, b"{}")
    assert found == await AwsSigner("us-east-1", KEYS).sign("POST", TARGET, b"{}")


async def test_a_profile_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="nobody"):
        await AwsSigner("us-east-1", Source(profile="nobody")).sign("POST", TARGET, b"{}")


async def test_without_any_credentials_the_error_says_what_to_set() -> None:
    signer = AwsSigner("us-east-1")
    with pytest.raises(ConfigError, match="AWS_ACCESS_KEY_ID"):
        await signer.sign("POST", TARGET, b"{}")


async def test_credentials_that_come_later_are_found_then(monkeypatch: pytest.MonkeyPatch) -> None:
    signer = AwsSigner("us-east-1")
    with pytest.raises(ConfigError):
        await signer.sign("POST", TARGET, b"{}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS.secret_key)
    assert dict((await signer.sign("POST", TARGET, b"{}")).headers)["authorization"]


def process_profile(tmp_path: Path, command: str) -> None:
    (tmp_path / "config").write_text(f"[profile temporary]\ncredential_process = {command}\n")


async def test_keys_that_end_soon_are_renewed(tmp_path: Path) -> None:
    count = tmp_path / "count"
    count.write_text("")
    soon = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    answer = json.dumps({"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "s", "Expiration": soon})
    script = tmp_path / "give.sh"
    script.write_text(f"#!/bin/sh\necho x >> {count}\necho '{answer}'\n")
    process_profile(tmp_path, f"sh {script}")
    signer = AwsSigner("us-east-1", Source(profile="temporary"))
    await signer.sign("POST", TARGET, b"{}")
    before = len(count.read_text())
    await signer.sign("POST", TARGET, b"{}")
    assert len(count.read_text()) > before


async def test_requests_at_once_look_up_credentials_once(tmp_path: Path) -> None:
    count = tmp_path / "count"
    late = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    answer = json.dumps({"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "s", "Expiration": late})
    script = tmp_path / "give.sh"
    script.write_text(f"#!/bin/sh\necho x >> {count}\necho '{answer}'\n")
    process_profile(tmp_path, f"sh {script}")
    signer = AwsSigner("us-east-1", Source(profile="temporary"))
    await asyncio.gather(*(signer.sign("POST", TARGET, b"{}") for _ in range(5)))
    assert count.read_text() == "x\n"


async def test_a_source_that_fails_is_a_broken_exchange_and_not_a_wrong_config(tmp_path: Path) -> None:
    process_profile(tmp_path, "sh -c 'exit 3'")
    with pytest.raises(TransportError, match="cannot be had"):
        await AwsSigner("us-east-1", Source(profile="temporary")).sign("POST", TARGET, b"{}")


async def test_a_role_is_assumed_with_the_keys_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sts = botocore.session.Session().create_client(
        "sts", region_name="us-east-1", aws_access_key_id="A", aws_secret_access_key="s"
    )
    stub = Stubber(sts)
    role = "arn:aws:iam::123456789012:role/team"
    late = datetime.now(UTC) + timedelta(days=1)
    given = {
        "AccessKeyId": "ASIAROLE12345678",
        "SecretAccessKey": "t",
        "SessionToken": "k",
        "Expiration": late,
    }
    stub.add_response(
        "assume_role",
        {"Credentials": given},
        {"RoleArn": role, "RoleSessionName": "xroute", "ExternalId": "id-1"},
    )
    asked: list[str] = []

    def create(_: Any, name: str, **keys: Any) -> Any:
        asked.append(keys["aws_access_key_id"])
        return sts

    monkeypatch.setattr(botocore.session.Session, "create_client", create)
    source = Source(KEYS.access_key, KEYS.secret_key, role=role, external_id="id-1")
    with stub:
        signed = dict((await AwsSigner("us-east-1", source).sign("POST", TARGET, b"{}")).headers)
    assert signed["x-amz-security-token"] == "k"
    assert "Credential=ASIAROLE12345678/" in signed["authorization"]
    assert asked == [KEYS.access_key]


def test_half_of_a_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="belong together"):
        AwsSigner("us-east-1", Source(access_key="AKID"))


def test_without_botocore_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(aws, "import_module", missing)
    with pytest.raises(ConfigError, match=r"xroute\[aws\]"):
        AwsSigner("us-east-1")


def test_no_secret_shows_in_a_repr() -> None:
    source = Source("AKID", "hidden-secret", "hidden-token", external_id="hidden-id")
    assert "hidden" not in repr(source)
    assert "hidden" not in repr(AwsSigner("us-east-1", source))


def test_refreshable_credentials_still_have_what_the_signer_asks_for() -> None:
    assert callable(RefreshableCredentials.refresh_needed)
