"""What is taken out of kept bodies, and that nobody can make it slow."""

import time

import pytest

from xroute.errors import ConfigError
from xroute.store.redact import MASK, Redactor

REDACTOR = Redactor()
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"


@pytest.mark.parametrize(
    "secret",
    [
        f"xr-{LETTERS}",
        f"xrt-{LETTERS}",
        f"sk-proj-{LETTERS}",
        f"sk_live_{LETTERS}",
        f"gsk_{LETTERS}",
        f"hf_{LETTERS}",
        f"ghp_{LETTERS}",
        f"github_pat_{LETTERS}",
        "xoxb-123456789012-abcdef",
        "AKIAIOSFODNN7EXAMPLE",
        f"AIza{LETTERS[:35]}",
        JWT,
        f"Bearer {LETTERS}=",
        f"-----BEGIN RSA PRIVATE KEY-----\\n{LETTERS}\\n{LETTERS}\\n",
    ],
)
@pytest.mark.parametrize("frame", ["{}", '{{"a": "{}"}}', "line\\n{}", "key={},", "({})"])
def test_what_looks_like_a_credential_is_taken_out(secret, frame):
    cleaned = REDACTOR.clean(frame.format(secret))
    assert LETTERS[:16] not in cleaned
    assert secret not in cleaned
    assert cleaned.rstrip("\\n") == frame.format(MASK)


@pytest.mark.parametrize(
    "text",
    [
        "sk-short",
        "a task-oriented-assistant-for-everybody",
        "the bearer of this letter",
        "AKIA",
        "desk_of_mine_and_yours_x",
    ],
)
def test_ordinary_words_stay(text):
    assert REDACTOR.clean(text) == text


def test_known_credentials_are_found_to_the_letter():
    assert REDACTOR.clean("say hunter2hunter2!", ["hunter2hunter2"]) == f"say {MASK}!"
    assert REDACTOR.clean("a short one", ["short"]) == "a short one"


def test_expressions_of_the_config_are_applied_too():
    assert Redactor([r"\b\d{4}-\d{4}\b"]).clean("card 1234-5678") == f"card {MASK}"


def test_an_expression_that_is_none_is_named():
    with pytest.raises(ConfigError, match="is no regular expression") as caught:
        Redactor(["fine", "("])
    assert caught.value.where == "bodies.redact[1]"


@pytest.mark.parametrize(
    "part",
    ["eyJ-", "eyJhhhhhhhhhh.", "-----BEGIN PRIVATE KEY-----", "bearer ", "sk-", "Bearer  a", "\\nsk-", "xox"],
)
def test_the_time_grows_with_the_length_alone(part):
    text = part * (256 * 1024 // len(part))
    began = time.process_time()
    REDACTOR.clean(text)
    assert time.process_time() - began < 2.0  # a quadratic one takes minutes
