"""How a credential is put on a request, and what of an address is refused."""

from dataclasses import replace

import pytest

from xroute.catalog.entries import Provider
from xroute.errors import ConfigError
from xroute.upstream.auth import mask, model_target, models_target
from xroute.wire.http import Target

BEARER = Provider(id="p", name="P", dialect="openai", base_url="https://api.p.test/v1")
JSON = ("content-type", "application/json")


CHAT = "/chat/completions"


def test_a_bearer_key_is_an_authorization_header():
    target = model_target(BEARER, CHAT, "gpt-4o", "sk-1", {})
    assert target.url == "https://api.p.test/v1/chat/completions"
    assert target.headers == (JSON, ("authorization", "Bearer sk-1"))


def test_a_key_may_go_into_a_header_of_its_own():
    target = model_target(replace(BEARER, auth="header", auth_name="api-key"), CHAT, "gpt-4o", "sk-1", {})
    assert target.headers == (JSON, ("api-key", "sk-1"))


def test_a_key_may_go_into_the_query():
    provider = replace(BEARER, auth="query", auth_name="key", query={"api-version": "2024-10-21"})
    target = model_target(provider, CHAT, "gpt-4o", "s&k=1/ü", {})
    assert target.url.endswith("/chat/completions?api-version=2024-10-21&key=s%26k%3D1%2F%C3%BC")
    assert target.headers == (JSON,)


@pytest.mark.parametrize("key", ["sk-1", None])
def test_who_takes_no_key_gets_none(key):
    target = model_target(replace(BEARER, auth="none"), CHAT, "gpt-4o", key, {})
    assert (target.url, target.headers) == ("https://api.p.test/v1/chat/completions", (JSON,))


@pytest.mark.parametrize("auth", ["bearer", "header", "query"])
def test_without_a_key_nothing_is_sent(auth):
    target = models_target(replace(BEARER, auth=auth, auth_name="key"), None, {})
    assert (target.url, target.headers) == ("https://api.p.test/v1/models", (JSON,))


def test_the_providers_own_headers_are_sent():
    target = models_target(replace(BEARER, headers={"x-title": "xroute"}), "sk-1", {})
    assert target.headers == (JSON, ("x-title", "xroute"), ("authorization", "Bearer sk-1"))


def test_a_model_in_the_path_cannot_leave_its_place():
    path = "/deployments/{model}/chat/completions"
    target = model_target(BEARER, path, "../../x?a=b#c", None, {})
    assert target.url == "https://api.p.test/v1/deployments/..%2F..%2Fx%3Fa%3Db%23c/chat/completions"


def test_placeholders_of_the_address_are_filled():
    provider = replace(BEARER, base_url="https://{host}/{account}/v1/", vars={"host": "H", "account": "A"})
    assert (
        models_target(provider, None, {"host": "h.test", "account": "7"}).url == "https://h.test/7/v1/models"
    )


def test_a_missing_placeholder_says_which_variable_to_set():
    provider = replace(BEARER, base_url="https://p.test/{account_id}/v1", vars={"account_id": "P_ACCOUNT"})
    for variables in ({}, {"account_id": ""}):
        with pytest.raises(ConfigError, match=r"set P_ACCOUNT, or vars\.account_id") as caught:
            models_target(provider, "sk-1", variables)
        assert caught.value.where == "providers.p"


def test_a_placeholder_that_a_configured_address_has_no_more_is_not_asked_for():
    provider = replace(BEARER, vars={"account_id": "P_ACCOUNT"})
    assert models_target(provider, None, {}).url == "https://api.p.test/v1/models"


@pytest.mark.parametrize(
    "url", ["ftp://p.test/v1", "file:///etc/passwd", "p.test/v1", "https://", "http:///v1", ""]
)
def test_only_http_addresses_are_called(url):
    with pytest.raises(ConfigError, match="no http or https address"):
        models_target(replace(BEARER, base_url=url), None, {})


def test_an_address_holds_no_user_name_and_the_message_not_the_key():
    with pytest.raises(ConfigError) as caught:
        models_target(replace(BEARER, base_url="https://user:hunter2@p.test/v1"), "sk-secret", {})
    assert "hunter2" not in str(caught.value)
    assert "sk-secret" not in str(caught.value)


def test_a_target_shows_no_credential():
    assert "sk-1" not in repr(model_target(BEARER, CHAT, "gpt-4o", "sk-1", {}))


def test_a_target_shows_no_credential_of_its_query():
    provider = replace(BEARER, auth="query", auth_name="key")
    assert "sk-1" not in repr(model_target(provider, CHAT, "gpt-4o", "sk-1", {}))


def test_the_simulator_has_an_address_of_its_own():
    assert model_target(replace(BEARER, base_url="sim:"), CHAT, "m", None, {}).url == "sim:/chat/completions"


@pytest.mark.parametrize("sent", ["Bearer sk-secret-1", "Key sk-secret-1", "sk-secret-1"])
def test_a_credential_that_a_provider_repeats_is_masked_with_or_without_its_word(sent):
    told = mask(f"{sent} is wrong: sk-secret-1", Target("https://p.test/", (("x-auth", sent),)))
    assert "sk-secret-1" not in told


def test_a_credential_of_the_address_is_masked_as_it_was_written_there():
    told = mask("no: ?key=a%2Fb%2Fc%2Fd%2Fe, a/b/c/d/e", Target("https://p.test/?key=a%2Fb%2Fc%2Fd%2Fe", ()))
    assert told == "no: ?key=***, ***"


def test_what_a_provider_says_of_an_open_header_is_not_masked():
    target = Target(
        "https://p.test/", (("anthropic-beta", "files-api-2025"), ("content-type", "application/json"))
    )
    assert mask("unknown: files-api-2025", target) == "unknown: files-api-2025"
