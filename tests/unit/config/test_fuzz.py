"""Whatever stands in a file: settings, or one error that names it; never another exception."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xroute.config.document import read
from xroute.config.load import load
from xroute.config.settings import Settings
from xroute.errors import ConfigError

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["${A}", "${NOPE}", "${", "1e999", "openai", "https://h/v1"])
)
NAMES = st.text(max_size=5) | st.sampled_from(
    [
        *Settings.model_fields,
        "name",
        "key",
        "api_key",
        "api_keys",
        "fallback",
        "input",
        "total",
        "force",
        "quirks",
    ]
)


# The machine may be busy, and one folder serves every example.
RELAXED = settings(deadline=None, suppress_health_check=list(HealthCheck))
VARIABLES = ["XROUTE_PORT", "XROUTE_KEYS", "XROUTE_SIM__A", "XROUTE_", "XROUTE___A", "XROUTE_PORT__X"]


def trees(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def wider(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4)

    return st.recursive(leaves, wider, max_leaves=8)


@RELAXED
@given(st.text(alphabet="ab:-[]{}#&*!|>'\"%@`?,$\n\t \\~=<0123456789.e\x00\u0085\u2028é", max_size=60))
def test_any_text_is_read_or_refused(text: str):
    found = read(text, "f", {})
    assert isinstance(found.data, dict)


@RELAXED
@given(st.dictionaries(NAMES, trees(LEAVES), max_size=4))
def test_any_tree_is_loaded_or_refused(tmp_path: Path, tree: dict[str, Any]):
    file = tmp_path / "x.yaml"
    file.write_text(json.dumps(tree), "utf-8")
    try:
        loaded = load(file, {"HOME": "/", "A": "sk-verysecret"})
    except ConfigError as error:
        assert str(file) in str(error)
        assert "verysecret" not in str(error)
    else:
        assert loaded.settings.port > 0


@RELAXED
@given(st.dictionaries(st.sampled_from(VARIABLES), st.text(max_size=8)))
def test_any_variable_is_taken_or_refused(environ: dict[str, str]):
    try:
        loaded = load(None, {"HOME": "/"} | environ)
    except ConfigError as error:
        assert "XROUTE_" in str(error)
    else:
        assert loaded.settings.host


def test_a_variable_without_a_name_is_refused():
    with pytest.raises(ConfigError, match="XROUTE_"):
        load(None, {"HOME": "/", "XROUTE_": "1"})
