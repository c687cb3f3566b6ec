"""A text becomes data with lines; what YAML is too clever about stays as it was written."""

from decimal import Decimal

import pytest

from xroute.config import document
from xroute.config.document import read


def problems(text: str, environ: dict[str, str] | None = None) -> list[str]:
    return [f"{p.where}: {p.text}" for p in read(text, "f.yaml", environ or {}).problems]


@pytest.mark.parametrize(
    "word", ["yes", "no", "on", "off", "12:30", "2026-11-21", "1_000", "=", "0b11", "1e", "."]
)
def test_what_only_yaml_1_1_converts_is_text(word):
    assert read(f"a: {word}", "f", {}).data == {"a": word}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-3", -3),
        ("010", 10),
        ("0x1f", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("-.5E-1", -0.05),
        ("true", True),
        ("False", False),
        ("~", None),
        ('"12"', "12"),
        ("'true'", "true"),
        ("|\n  x", "x"),
    ],
)
def test_scalars_are_those_of_the_core_schema(text, value):
    found = read(f"x: {{}}\na: {text}", "f", {}).data.get("a")
    assert found == value
    assert type(found) is type(value)


def test_json_is_read_too():
    assert read('{"a": [1, 1.5, null, "x", true], "b": {"c": 1e2}}', "f", {}).data == {
        "a": [1, 1.5, None, "x", True],
        "b": {"c": 100.0},
    }


def test_json_escapes_of_large_characters_are_joined():
    assert read('{"\\ud83d\\ude00": "\\ud83d\\ude00 \\ud83d"}', "f", {}).data == {"😀": "😀 \ufffd"}


def test_a_price_keeps_its_digits():
    data = read("prices: {m: {input: 0.1, output: 3}}\ntimeouts: {total: 0.1}", "f", {}).data
    assert data["prices"]["m"]["input"] == Decimal("0.1")
    assert type(data["prices"]["m"]["input"]) is Decimal
    assert type(data["timeouts"]["total"]) is float


def test_every_key_has_its_line():
    found = read("a: 1\nb:\n  - x\n  - {c: 2}\n", "f.yaml", {})
    assert found.lines == {("a",): 1, ("b",): 2, ("b", 0): 3, ("b", 1): 4, ("b", 1, "c"): 4}
    assert found.sources["b", 1] == "f.yaml:4"


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null"])
def test_an_empty_file_has_no_settings(text):
    found = read(text, "f", {})
    assert (found.data, found.problems) == ({}, [])


def test_a_section_without_content_is_not_there():
    assert read("providers:\nport: 1\n", "f", {}).data == {"port": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a", "f.yaml:1: expected a mapping"),
        ("a: 1\nb: [", "f.yaml:2: not valid YAML"),
        ("a: 1\n\tb: 2", "f.yaml:2: not valid YAML"),
        ("a: *x", "f.yaml:1: not valid YAML"),
        ("a: 1\n---\nb: 2", "f.yaml:2: not valid YAML"),
        ("a: \x00", "f.yaml:1: not valid YAML"),
        ("a: 1\nb: 2\na: 3", "f.yaml:3 a: is there twice, first in line 1"),
        ("a:\n  b: 1\n  b: 2", "f.yaml:3 a.b: is there twice"),
        ("a: !!python/object/apply:os.system [ls]", "f.yaml:1 a: has a YAML tag"),
        ("a: !thing x", "f.yaml:1 a: has a YAML tag"),
        ("a: !thing {b: 1}", "f.yaml:1 a: has a YAML tag"),
        ("x: &x {a: 1}\ny:\n  <<: *x", "f.yaml:3 y.<<: merge keys are not supported"),
        ("? [a]\n: 1", "f.yaml:1: a key is text"),
        ("a: &a [*a]", "f.yaml:1: is too large or nested too deeply"),
        ("[" * 5000, "f.yaml:1: "),
    ],
)
def test_what_cannot_be_used_is_named_with_its_line(text, expected):
    assert problems(text)[0].startswith(expected)


def test_aliases_cannot_multiply_a_small_file():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    found = read("\n".join(lines), "f", {})
    assert "too large" in found.problems[0].text
    assert len(found.problems) == 1
    assert len(found.sources) <= 2 * document.MAX_NODES


def test_an_alias_gives_the_same_value_twice():
    assert read("a: &x {b: 1}\nc: *x", "f", {}).data == {"a": {"b": 1}, "c": {"b": 1}}


def test_a_reference_without_quotes_inside_braces_gets_a_hint():
    assert 'a reference needs quotes: "${VAR}"' in problems("a: {b: ${KEY}}")[0]


def test_references_are_replaced_and_known_as_such():
    found = read('a: "${X}-${Y:-d}"\nb: c\n', "f", {"X": "1", "Y": ""})
    assert found.data == {"a": "1-d", "b": "c"}
    assert found.expanded == {("a",)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A}", "one"),
        ("x${A}y${A}", "xoneyone"),
        ("$${A}", "${A}"),
        ("${NONE:-}", ""),
        ("${NONE:-a:-b}", "a:-b"),
        ("${EMPTY}", ""),
        ("$A {A} $", "$A {A} $"),
    ],
)
def test_references_read_as_in_a_shell(text, expected):
    assert read(f"v: '{text}'", "f", {"A": "one", "EMPTY": ""}).data["v"] == expected


@pytest.mark.parametrize("text", ["${NONE}", "${A-b}", "${A", "${}", "${1X}", "${A }"])
def test_a_reference_that_cannot_be_replaced_is_a_problem(text):
    (found,) = problems(f"k: 1\nv: '{text}'", {"A": "one"})
    assert found.startswith("f.yaml:2 v: ")


def test_the_value_of_a_variable_is_not_expanded_again():
    assert read("v: '${A}'", "f", {"A": "${B}"}).data["v"] == "${B}"


def test_one_value_in_flow_form_is_read_without_references():
    assert document.value("[1, {a: '${X}'}]", ("k",)) == [1, {"a": "${X}"}]
    with pytest.raises(ValueError, match="not valid YAML"):
        document.value("[1", ("k",))
