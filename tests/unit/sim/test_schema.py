"""Instances of JSON Schemas, judged by jsonschema."""

import datetime
import random
import re
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AnyUrl, TypeAdapter

from xroute.sim import schema

TREE = {
    "type": "object",
    "properties": {
        "value": {"type": "integer"},
        "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
    },
    "required": ["value", "children"],
    "additionalProperties": False,
}
KNOWN = {
    "anything": {},
    "true": True,
    "string": {"type": "string"},
    "lengths": {"type": "string", "minLength": 30, "maxLength": 33},
    "short": {"type": "string", "maxLength": 2},
    "integer": {"type": "integer", "minimum": 3, "maximum": 5},
    "exclusive": {"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5},
    "negative": {"type": "integer", "maximum": -3},
    "multiple": {"type": "integer", "multipleOf": 7, "minimum": 1},
    "number": {"type": "number", "minimum": 0.1, "maximum": 0.2},
    "open": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.001},
    "step": {"type": "number", "multipleOf": 0.25, "minimum": 1, "maximum": 9},
    "tenth": {"type": "number", "multipleOf": 0.1},
    "boolean": {"type": "boolean"},
    "null": {"type": "null"},
    "const": {"const": {"a": [1]}},
    "enum": {"enum": ["a", 1, None]},
    "typed enum": {"type": ["string", "null"], "enum": ["a", None]},
    "types": {"type": ["string", "null", "integer"]},
    "pattern": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{2,4}$"},
    "pattern and length": {"type": "string", "pattern": "^[a-z]+$", "minLength": 3, "maxLength": 4},
    "list": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
    "unique": {"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": True, "minItems": 3},
    "tuple": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "null"}], "items": False},
    "empty list": {"type": "array", "maxItems": 0},
    "map": {"type": "object", "additionalProperties": {"type": "integer"}},
    "least": {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 4},
    "most": {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 0},
    "required without properties": {"type": "object", "required": ["x"]},
    "no type": {"properties": {"a": {"type": "string"}}, "required": ["a"]},
    "nested": {
        "type": "object",
        "properties": {
            "steps": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "why": {"type": "string"},
                        "how": {"anyOf": [{"type": "null"}, TREE["properties"]["value"]]},
                    },
                    "required": ["why", "how"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["steps"],
        "additionalProperties": False,
    },
    "one of": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
    "any of beside properties": {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    },
    "all of": {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
            {"properties": {"b": {"type": "integer", "minimum": 2}}, "required": ["b"]},
        ]
    },
    "limits merged": {"allOf": [{"type": "integer", "minimum": 2}, {"minimum": 5, "maximum": 6}]},
    "recursive": {"$defs": {"node": TREE}, "$ref": "#/$defs/node"},
    "recursive by root": {
        "type": "object",
        "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        "required": ["next"],
    },
    "escaped reference": {"$defs": {"a/b~c": {"const": 1}}, "$ref": "#/$defs/a~1b~0c"},
    "reference into a list": {"anyOf": [{"const": 5}], "allOf": [{"$ref": "#/anyOf/0"}]},
}


@pytest.mark.parametrize("name", KNOWN)
def test_the_instance_fits(name):
    validator = jsonschema.Draft202012Validator(KNOWN[name])
    for seed in range(60):
        validator.validate(schema.instance(KNOWN[name], random.Random(seed)))


JUDGES = {
    "date": datetime.date,
    "time": datetime.time,
    "date-time": datetime.datetime,
    "duration": datetime.timedelta,
    "ipv4": IPv4Address,
    "ipv6": IPv6Address,
    "uuid": UUID,
    "uri": AnyUrl,
}


@pytest.mark.parametrize("form", JUDGES)
def test_a_format_is_kept(form):
    judge = TypeAdapter(JUDGES[form])
    for seed in range(30):
        judge.validate_python(schema.instance({"type": "string", "format": form}, random.Random(seed)))


@pytest.mark.parametrize(
    ("form", "shape"),
    [
        ("email", r"^\w+@\w+\.example\.com$"),
        ("hostname", r"^\w+\.example\.com$"),
        ("uri-reference", r"^/\w+$"),
        ("json-pointer", r"^/\w+$"),
        ("regex", r"^\^\w+\$$"),
    ],
)
def test_other_formats_have_their_shape(form, shape):
    assert re.match(shape, schema.instance({"type": "string", "format": form}, random.Random(0)))


@pytest.mark.parametrize(
    "given",
    [
        False,
        {"type": "text"},
        {"$ref": "#/$defs/none"},
        {"$ref": "https://example.com/schema"},
        {"$ref": "#"},
        {"enum": []},
        {"type": "integer", "minimum": 5, "maximum": 4},
        {"type": "number", "minimum": 5, "maximum": 4},
        {"type": "integer", "multipleOf": 10, "minimum": 1, "maximum": 9},
        {"type": "string", "pattern": "(?=x)y"},
        {"type": "string", "minLength": 10**9},
        {"type": "array", "minItems": 10**9},
        {"type": "array", "items": {"const": 1}, "uniqueItems": True, "minItems": 2},
        {"type": "object", "required": ["a"], "additionalProperties": False},
        {"type": "object", "minProperties": 2, "additionalProperties": False},
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
    ],
)
def test_a_schema_without_an_instance_is_refused(given):
    with pytest.raises(schema.Unusable):
        schema.instance(given, random.Random(0))


def test_the_same_seed_gives_the_same_instance():
    one, other, third = (schema.instance(KNOWN["nested"], random.Random(seed)) for seed in (4, 4, 5))
    assert one == other != third


limits = st.tuples(st.integers(-50, 50), st.integers(0, 50)).map(lambda pair: (pair[0], sum(pair)))
leaves = st.one_of(
    limits.map(lambda pair: {"type": "integer", "minimum": pair[0], "maximum": pair[1]}),
    limits.map(lambda pair: {"type": "number", "minimum": pair[0], "maximum": pair[1]}),
    st.integers(0, 30).map(lambda low: {"type": "string", "minLength": low, "maxLength": low + 9}),
    st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"enum": [1, "a", None]}, {"const": [1]}, {}]),
)
names = st.sampled_from(["a", "b", "c", "name", "city"])


def deeper(inner):
    objects = st.dictionaries(names, inner, max_size=4).flatmap(
        lambda known: st.sets(st.sampled_from(sorted(known) or ["a"])).map(
            lambda required: {
                "type": "object",
                "properties": known,
                "required": sorted(required),
                "additionalProperties": bool(set(required) - known.keys()),
            }
        )
    )
    lists = st.tuples(inner, st.integers(0, 3)).map(
        lambda pair: {"type": "array", "items": pair[0], "minItems": pair[1], "maxItems": pair[1] + 1}
    )
    return st.one_of(objects, lists, st.lists(inner, min_size=1, max_size=3).map(lambda all: {"anyOf": all}))


@settings(max_examples=200)
@given(st.recursive(leaves, deeper, max_leaves=12), st.integers(0, 2**32))
def test_any_schema_made_of_the_known_keywords_has_a_fitting_instance(given, seed):
    jsonschema.Draft202012Validator(given).validate(schema.instance(given, random.Random(seed)))
