"""Settings come from four sources in order; what is wrong is named with its source, line and key."""

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from xroute.config import environ as environment
from xroute.config.load import Loaded, leaves, load
from xroute.config.problem import dotted
from xroute.config.settings import Settings
from xroute.errors import ConfigError

HOME = {"HOME": "/home/someone"}
MINIMAL = """\
keys: [{name: bench, key: sk-bench}]
providers:
  openai: {api_key: "${OPENAI_API_KEY}", base_url: "http://127.0.0.1:9100/v1"}
  my-vllm: {base_url: "http://localhost:8000/v1", models: [{id: llama-3.3-70b, serves: meta/llama-3.3-70b}]}
models:
  smart: {fallback: [openai/gpt-4o, groq/llama-3.3-70b-versatile]}
prices:
  meta/llama-3.3-70b: {input: 0.2, output: 0.6}      # USD per million tokens, over what genai-prices says
"""


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def of(text: str, environ: dict[str, str] | None = None, **overrides: Any) -> Loaded:
    Path("xroute.yaml").write_text(text, "utf-8")
    return load(None, HOME | (environ or {}), overrides)


def refusal(text: str, environ: dict[str, str] | None = None, **overrides: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        of(text, environ, **overrides)
    return str(caught.value)


def test_without_any_source_the_defaults_hold():
    loaded = load(None, HOME)
    assert loaded.settings.host == "127.0.0.1"
    assert loaded.settings.port == 8790
    assert loaded.path is None
    assert set(loaded.origins.values()) == {"default"}


def test_the_minimal_file_is_read():
    settings = of(MINIMAL, {"OPENAI_API_KEY": "sk-env"}).settings
    assert settings.keys[0].key.reveal() == "sk-bench"
    assert [c.key.reveal() for c in settings.providers["openai"].credentials] == ["sk-env"]
    assert settings.providers["my-vllm"].models[0].serves == "meta/llama-3.3-70b"
    assert settings.models["smart"].fallback == ["openai/gpt-4o", "groq/llama-3.3-70b-versatile"]
    assert settings.prices["meta/llama-3.3-70b"].input == Decimal("0.2")


def test_a_price_is_not_rounded_through_a_binary_float():
    price = of("prices: {m: {input: 0.1, output: 1234.123456789}}").settings.prices["m"]
    assert (str(price.input), str(price.output)) == ("0.1", "1234.123456789")


def test_later_sources_go_over_earlier_ones():
    text = "port: 1001\nhost: file\nrouting: {max_attempts: 7, strategy: price}\n"
    environ = {
        "XROUTE_HOST": "environment",
        "XROUTE_ROUTING__STRATEGY": "latency",
        "XROUTE_LOG_LEVEL": "debug",
    }
    loaded = of(text, environ, host="command")
    assert (loaded.settings.port, loaded.settings.host) == (1001, "command")
    assert (loaded.settings.routing.strategy, loaded.settings.routing.max_attempts) == ("latency", 7)
    chosen = {
        key: loaded.origins[key] for key in ("port", "host", "routing.strategy", "log_level", "drop_params")
    }
    assert chosen == {
        "port": "xroute.yaml:1",
        "host": "--host",
        "routing.strategy": "XROUTE_ROUTING__STRATEGY",
        "log_level": "XROUTE_LOG_LEVEL",
        "drop_params": "default",
    }
    assert loaded.origins["routing.max_attempts"] == "xroute.yaml:3"


def test_an_option_that_was_not_given_changes_nothing():
    loaded = of("port: 5", port=None)
    assert (loaded.settings.port, loaded.origins["port"]) == (5, "xroute.yaml:1")


def test_every_value_has_an_origin():
    loaded = of(MINIMAL, {"OPENAI_API_KEY": "sk-env"})
    assert set(loaded.origins) == {dotted(key) for key, _ in leaves(loaded.settings)}
    assert loaded.origins["providers.my-vllm.models[0].id"] == "xroute.yaml:4"
    assert loaded.origins["prices.meta/llama-3.3-70b.output"] == "xroute.yaml:8"
    assert loaded.origins["prices.meta/llama-3.3-70b.reasoning"] == "default"


def test_a_list_of_a_later_source_replaces_the_earlier_one():
    loaded = of("keys: [{name: a, key: k1}, {name: b, key: k2}]", {"XROUTE_KEYS": "[{name: c, key: k3}]"})
    assert [key.name for key in loaded.settings.keys] == ["c"]
    assert loaded.origins["keys[0].name"] == "XROUTE_KEYS"


def test_a_variable_names_a_provider_as_the_file_spells_it():
    text = "providers: {My-vLLM: {base_url: 'http://h/v1'}}"
    loaded = of(text, {"XROUTE_PROVIDERS__MY_VLLM__WEIGHT": "2.5", "XROUTE_PROVIDERS__GROQ__API_KEY": "[x"})
    assert loaded.settings.providers["My-vLLM"].weight == 2.5
    assert loaded.settings.providers["groq"].credentials[0].key.reveal() == "[x"


def test_null_in_a_variable_switches_a_timeout_off():
    assert of("", {"XROUTE_TIMEOUTS__TOTAL": "null"}).settings.timeouts.total is None


def test_an_empty_variable_is_not_set():
    assert of("port: 3", {"XROUTE_PORT": ""}).settings.port == 3


def test_what_kubernetes_sets_for_a_service_of_that_name_is_not_meant_for_us():
    services = {
        "XROUTE_PORT": "tcp://10.0.0.1:8790",
        "XROUTE_SERVICE_HOST": "10.0.0.1",
        "XROUTE_SERVICE_PORT": "8790",
        "XROUTE_SERVICE_PORT_HTTP": "8790",
        "XROUTE_PORT_8790_TCP": "tcp://10.0.0.1:8790",
        "XROUTE_PORT_8790_TCP_ADDR": "10.0.0.1",
    }
    assert of("", services).settings == of("").settings


def test_the_variable_xroute_config_names_the_file(tmp_path: Path):
    other = tmp_path / "other.yaml"
    other.write_text("port: 77")
    loaded = load(None, HOME | {"XROUTE_CONFIG": str(other)})
    assert (loaded.settings.port, loaded.origins["port"]) == (77, f"{other}:1")


def test_a_json_file_is_read():
    Path("c.json").write_text(json.dumps({"port": 5, "timeouts": {"total": 1.5}}, indent=2))
    loaded = load(Path("c.json"), HOME)
    assert loaded.settings.timeouts.total == 1.5
    assert loaded.origins["timeouts.total"] == "c.json:4"


def test_a_variable_may_stand_where_a_number_does():
    assert of("port: ${PORT}", {"PORT": "91"}).settings.port == 91


def test_partial_timeouts_know_what_was_set():
    text = "models: {a: {fallback: [x], timeouts: {total: null, connect: 2}}}"
    timeouts = of(text).settings.models["a"].timeouts
    assert timeouts
    assert timeouts.changes() == {"total": None, "connect": 2.0}


def test_folders_follow_the_xdg_variables(tmp_path: Path):
    loaded = load(None, HOME | {"XDG_STATE_HOME": "/s", "XDG_CONFIG_HOME": "relative"})
    assert loaded.state_dir == Path("/s/xroute")
    assert loaded.catalog_dir == Path("/home/someone/.config/xroute/catalog")


def test_a_folder_in_a_file_is_relative_to_it(tmp_path: Path):
    (tmp_path / "sub").mkdir()
    file = tmp_path / "sub" / "x.yaml"
    file.write_text("state_dir: here\ncatalog_dir: ~/there")
    loaded = load(file, HOME)
    assert loaded.state_dir == tmp_path / "sub" / "here"
    assert loaded.catalog_dir == Path("/home/someone/there")


PROVIDER = "providers:\n  p:\n    "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("prot: 1", "xroute.yaml:1 prot: unknown setting; did you mean port or projects?"),
        ("zzz: 1", "xroute.yaml:1 zzz: unknown setting; known here: host, port, keys"),
        ("port: abc", "xroute.yaml:1 port: expected a whole number, found 'abc'"),
        ("port: 1.5", "xroute.yaml:1 port: expected a whole number, found the number 1.5"),
        ("port: true", "xroute.yaml:1 port: expected a whole number, found true"),
        ("port: 0", "xroute.yaml:1 port: must be at least 1"),
        ("port: 65536", "xroute.yaml:1 port: must be at most 65535"),
        ("host: 12", "xroute.yaml:1 host: expected text, found a number: put quotes around it"),
        ("host: ''", "xroute.yaml:1 host: is empty"),
        ("drop_params: maybe", "xroute.yaml:1 drop_params: expected true or false, found 'maybe'"),
        ("keys: {a: b}", "xroute.yaml:1 keys: expected a list (`- item` lines, or [a, b]), found a mapping"),
        ("keys:\n- {name: a}", "xroute.yaml:2 keys[0].key: is missing"),
        (
            "keys:\n- {name: a, key: x}\n- {name: a, key: y}",
            "xroute.yaml:1 keys: has the same name twice",
        ),
        (
            f"keys: [{{name: a, key: x, limits: {{rpm: {10**30}}}}}]",
            "xroute.yaml:1 keys[0].limits.rpm: must be at most 1000000000000000",
        ),
        (
            f"sign_in: {{session_hours: {10**15}}}",
            "xroute.yaml:1 sign_in.session_hours: must be at most 876000",
        ),
        (f"accounting: {{retention_days: {10**15}}}", "accounting.retention_days: must be at most 36500"),
        ("timeouts: 5", "xroute.yaml:1 timeouts: expected a mapping (`key: value` lines), found a number"),
        ("timeouts:\n  total: 0", "xroute.yaml:2 timeouts.total: must be more than 0"),
        ("timeouts:\n  total: .inf", "xroute.yaml:2 timeouts.total: expected a number, found '.inf'"),
        ("timeouts:\n  totl: 1", "xroute.yaml:2 timeouts.totl: unknown setting; did you mean total?"),
        ("routing: {strategy: ballanced}", "found 'ballanced'; did you mean balanced?"),
        ("prices: {a: {}}", "xroute.yaml:1 prices.a: gives no price"),
        ("prices: {a: {input: -1}}", "xroute.yaml:1 prices.a.input: must be at least 0"),
        ("prices: {a: {input: cheap}}", "xroute.yaml:1 prices.a.input: expected a number, found 'cheap'"),
        ("prices: {a: {input: 0.0000000001}}", "xroute.yaml:1 prices.a.input: has more than 9 digits"),
        ("providers: {a/b: {}}", "xroute.yaml:1 providers.a/b: is no name for a provider"),
        (
            PROVIDER + "base_url: ftp://h",
            "xroute.yaml:3 providers.p.base_url: expected an address such as https://host",
        ),
        (PROVIDER + "base_url: https://u:p@h", "providers.p.base_url: has a user name or password in it"),
        (PROVIDER + "base_url: https://h/?k=v", "providers.p.base_url: has a query or fragment in it"),
        (PROVIDER + "api_key: ''", "xroute.yaml:3 providers.p.api_key: is empty"),
        (PROVIDER + "api_key: ${NOPE}", "providers.p.api_key: the environment variable NOPE is not set"),
        (PROVIDER + "models: [{id: m, abilities: [tols]}]", "found 'tols'; did you mean tools?"),
        (
            PROVIDER + "quirks: {renames: {}}",
            "providers.p.quirks.renames: unknown setting; did you mean rename?",
        ),
        (PROVIDER + "weight: -1", "xroute.yaml:3 providers.p.weight: must be at least 0"),
        ("a: [", "xroute.yaml:1: not valid YAML"),
        ("port: 1\nport: 2", "xroute.yaml:2 port: is there twice, first in line 1"),
    ],
)
def test_each_kind_of_error_names_line_and_key_and_what_to_do(text, expected):
    assert expected in refusal(text)


def test_all_problems_of_all_sources_are_named_at_once():
    lines = refusal(
        "port: x\nhsot: y\nproviders:\n  p: {api_key: '${NOPE}'}\n",
        {"XROUTE_LOG_LEVEL": "loud", "XROUTE_ROUTNG__STRATEGY": "price"},
        host=5,
    ).splitlines()
    wheres = [line.split(": ")[0] for line in lines]
    assert sorted(wheres[:3]) == [
        "--host host",
        "XROUTE_LOG_LEVEL log_level",
        "XROUTE_ROUTNG__STRATEGY routng",
    ]
    assert wheres[3:] == ["xroute.yaml:1 port", "xroute.yaml:2 hsot", "xroute.yaml:4 providers.p.api_key"]


def test_a_problem_of_one_key_is_named_once():
    assert refusal("port: '${NOPE}'").count("\n") == 0


def test_a_missing_key_of_a_replaced_list_names_its_new_source():
    text = refusal("keys: [{name: a, key: k1}]", {"XROUTE_KEYS": "[{name: c}]"})
    assert text.startswith("XROUTE_KEYS keys[0].key: is missing")


@pytest.mark.parametrize(
    "text",
    [
        "providers: {p: SECRET}",
        "providers: SECRET",
        "providers: {p: {api_key: [SECRET]}}",
        "providers: {p: {api_keys: SECRET}}",
        "providers: {p: {api_keys: [{kee: SECRET}]}}",
        "providers: {p: {base_url: 'https://SECRET@host'}}",
        "providers: {p: {base_url: 'SECRET'}}",
        "providers: {p: {headers: [SECRET]}}",
        "providers: {p: {timeouts: SECRET}}",
        "keys: SECRET",
        "keys: [SECRET]",
        "sim: SECRET",
        'port: "${LEAK}"',
        'routing: {strategy: "${LEAK}"}',
        "providers: {p: {api_key: 909090909090909090}}",
        "providers: {p: {api_keys: [909090909090909090]}}",
        "providers: {p: {api_key: 'SECRET\\nSECRET', nope: 1}}",
    ],
)
def test_no_error_quotes_a_secret(text):
    with pytest.raises(ConfigError) as caught:
        of(text.replace("SECRET", "sk-verysecret"), {"LEAK": "sk-verysecret"})
    shown = repr(caught.value) + str(caught.value) + str(caught.value.__cause__)
    assert "sk-verysecret" not in shown
    assert "9090" not in shown


def test_nothing_that_can_be_printed_of_the_settings_shows_a_secret():
    text = (
        "keys: [{name: a, key: sk-verysecret-1}]\n"
        "providers: {p: {api_key: sk-verysecret-2, api_keys: [sk-verysecret-3, {key: sk-verysecret-4}],"
        " headers: {x-key: sk-verysecret-5}, query: {key: sk-verysecret-6}}}"
    )
    loaded = of(text, {"OPENAI_API_KEY": "sk-verysecret-7"})
    shown = (
        repr(loaded)
        + str(loaded.settings)
        + loaded.settings.model_dump_json()
        + str(loaded.settings.model_dump())
    )
    assert "sk-very" not in shown
    assert [c.key.reveal()[-1] for c in loaded.settings.providers["p"].credentials] == ["2", "3", "4"]


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"nope\.yaml: cannot be read: No such file"):
        load(Path("nope.yaml"), HOME)
    Path("latin.yaml").write_bytes(b"host: caf\xe9")
    with pytest.raises(ConfigError, match=r"latin\.yaml: is not UTF-8 text"):
        load(Path("latin.yaml"), HOME)


def test_an_error_found_later_is_given_its_line():
    loaded = of("port: 1\nmodels:\n  smart: {fallback: [nobody/knows]}\n")
    error = loaded.locate(ConfigError("no such model", where="models.smart.fallback[0]"))
    assert str(error) == "xroute.yaml:3 models.smart.fallback[0]: no such model"
    section = loaded.locate(ConfigError("no", where="models.smart"))
    assert section.where == "xroute.yaml:3 models.smart"
    elsewhere = ConfigError("no", where="other.toml model[x]")
    assert loaded.locate(elsewhere) is elsewhere


def test_settings_do_not_change():
    settings = Settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1  # type: ignore[misc]


def test_the_environment_is_copied(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XROUTE_PORT", "12")
    copied = environment.read()
    assert copied == dict(os.environ)
    copied["XROUTE_PORT"] = "13"
    assert os.environ["XROUTE_PORT"] == "12"


def test_only_one_function_reads_the_environment():
    root = Path(environment.__file__).parents[1]
    readers = [
        p.name
        for p in root.rglob("*.py")
        if "os.environ" in p.read_text("utf-8") or "getenv" in p.read_text("utf-8")
    ]
    assert readers == ["environ.py"]
