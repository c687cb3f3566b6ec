"""A bearer key becomes a `Who`, or the request ends there."""

import pytest

from xroute.config.settings import Settings
from xroute.errors import Authentication
from xroute.store.directory import Directory
from xroute.store.pepper import digest
from xroute.web.auth import MAX_KEY, Keyring

PEPPER = b"pepper"
HERE = {"client": ("127.0.0.1", 1)}


def ring(pepper=PEPPER, **keys):
    """The keys of a config, looked for under a pepper."""
    made = [{"name": name, "key": key} for name, key in keys.items()]
    return Keyring(pepper, Directory.of_settings(Settings.model_validate({"keys": made}), PEPPER))


KEYRING = ring(laptop="xr-stored-1", bench="sk-bench")


def refusal(headers: dict[str, str], keyring: Keyring = KEYRING) -> Authentication:
    with pytest.raises(Authentication) as caught:
        keyring.find(headers, HERE)
    return caught.value


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"authorization": "Bearer sk-bench"}, "bench"),
        ({"authorization": "bearer sk-bench"}, "bench"),
        ({"authorization": "BEARER   sk-bench  "}, "bench"),
        ({"authorization": "Bearer xr-stored-1"}, "laptop"),
        ({"x-api-key": "sk-bench"}, "bench"),
        ({"api-key": "xr-stored-1"}, "laptop"),
        ({"authorization": "Bearer sk-bench", "x-api-key": "another"}, "bench"),
    ],
)
def test_a_known_key_is_known_by_its_name(headers, name):
    assert KEYRING.find(headers, HERE).name == name


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": "Basic c2stYmVuY2g6"},
        {"authorization": "sk-bench"},
        {"authorization": "Token sk-bench"},
        {"x-api-key": ""},
    ],
)
def test_no_key_is_said_with_how_to_send_it(headers):
    error = refusal(headers)
    assert (error.status, error.code) == (401, "missing_api_key")
    assert "Authorization: Bearer <key>" in error.message


@pytest.mark.parametrize(
    "key",
    [
        "sk-benc",
        "sk-bench1",
        "SK-BENCH",
        "xr-stored",
        digest(PEPPER, "sk-bench").hex(),
        "\x00",
        "ключ",
        "a" * MAX_KEY,
        "a" * (MAX_KEY + 1),
        "a" * 10**6,
    ],
)
def test_an_unknown_key_is_refused_and_not_repeated(key):
    error = refusal({"authorization": f"Bearer {key}"})
    assert (error.status, error.code) == (401, "invalid_api_key")
    assert key not in error.message


def test_a_key_longer_than_any_is_not_even_compared():
    long = "k" * (MAX_KEY + 1)
    refusal({"authorization": f"Bearer {long}"}, ring(long=long))


def test_without_keys_nobody_comes_in():
    assert refusal({"authorization": "Bearer sk-bench"}, ring()).code == "invalid_api_key"


def test_a_stored_key_counts_under_its_own_pepper_only():
    assert (
        refusal({"authorization": "Bearer xr-stored-1"}, ring(b"other", laptop="xr-stored-1")).status == 401
    )
