"""Schema, page and example say what the settings are; the words shared with other rooms are the same."""

import dataclasses
import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from xroute.catalog.entries import ABILITIES, Quirks
from xroute.config import reference, schema
from xroute.config import settings as config
from xroute.config.load import load
from xroute.wire.http import Timeouts

ROOT = Path(__file__).parents[3]


def test_the_shipped_schema_is_fresh():
    shipped = (Path(schema.__file__).parent / "xroute.schema.json").read_text("utf-8")
    assert shipped == schema.text(), (
        "run: python -m xroute.config.schema > src/xroute/config/xroute.schema.json"
    )


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(schema.schema())


def test_every_setting_is_described():
    bare = [
        f"{prefix}.{name}"
        for prefix, part in reference.sections("", config.Settings)
        for name, field in part.model_fields.items()
        if not field.description
    ]
    assert bare == []


def test_every_setting_stands_in_the_reference():
    page = (ROOT / "docs/reference/config.md").read_text("utf-8")
    missing = [
        key
        for prefix, part in reference.sections("", config.Settings)
        for name in part.model_fields
        if f"| `{(key := f'{prefix}.{name}'.removeprefix('.'))}` |" not in page
    ]
    assert missing == []
    assert page == reference.renew(page), "run: python -m xroute.config.reference docs/reference/config.md"


def test_the_example_is_a_good_file():
    example = ROOT / "xroute.example.yaml"
    loaded = load(example, {"HOME": "/"})
    assert loaded.settings.models["smart"].fallback
    jsonschema.validate(yaml.safe_load(example.read_text("utf-8")), schema.schema())


COMMENTED = re.compile(r"^# ( *(?:- \{|[a-z_]+:(?: |$)).*)$", re.M)


def test_what_is_commented_out_in_the_example_is_good_too():
    text = (ROOT / "xroute.example.yaml").read_text("utf-8")
    lines = COMMENTED.findall(text)
    data = yaml.safe_load(COMMENTED.sub(r"\1", text))
    assert len(lines) > 10
    assert {"admin_token", "database", "redis", "workers", "smtp", "stripe", "public_url"} <= data.keys()
    assert len(data["sign_in"]["oidc"]) == 2
    jsonschema.validate(data, schema.schema())


@pytest.mark.parametrize(
    ("data", "good"),
    [
        ({"port": "${PORT}", "routing": {"strategy": "${S:-price}"}}, True),
        ({"timeouts": {"total": None}}, True),
        ({"providers": {"p": {"api_keys": ["a", {"key": "b"}]}}}, True),
        ({"port": "abc"}, False),
        ({"prot": 1}, False),
        ({"routing": {"strategy": "fast"}}, False),
        ({"providers": {"p": {"api_keys": [{"kee": "b"}]}}}, False),
    ],
)
def test_the_schema_judges_as_the_loader_does(data, good):
    judge = jsonschema.Draft202012Validator(json.loads(schema.text()))
    assert judge.is_valid(data) is good


def test_abilities_are_the_catalogs():
    assert config.ABILITIES == ABILITIES


def test_timeouts_are_those_of_the_wire():
    assert config.TimeoutSettings().model_dump() == dataclasses.asdict(Timeouts())
    assert list(config.PartialTimeouts.model_fields) == list(config.TimeoutSettings.model_fields)


def test_quirks_are_the_catalogs():
    ours = config.QuirkSettings()
    assert {name: getattr(ours, name) for name in config.QuirkSettings.model_fields} == dataclasses.asdict(
        Quirks()
    )
