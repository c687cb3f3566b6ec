"""Instances of a JSON Schema: what a model would give as a tool's arguments or a structured answer."""

import math
import random
from collections.abc import Callable
from typing import Any, cast

from xroute.sim import pattern, words
from xroute.sim.formats import FORMATS
from xroute.sim.shape import entries

_DEEP = 6  # levels after which optional parts are left out and the simplest alternative is taken
_DEEPEST = 100
_LARGEST = 5_000  # values, or characters of a string, in one instance
_SOME = 3  # most entries of a list that sets no limit
_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")  # the simplest first

Schema = dict[str, Any]


class Unusable(ValueError):
    """No instance can be made of this schema; the text says why."""


def instance(schema: Any, rng: random.Random) -> Any:
    """A value that fits `schema`, the same for the same `rng` state; Unusable where none is found.

    Knows types, enum, const, properties, items, prefixItems, anyOf, oneOf, allOf, local $ref, limits,
    formats and simple patterns; `not`, `if` and `contains` are not looked at.
    """
    return _Maker(schema, rng).make(schema, 0)


class _Maker:
    def __init__(self, root: Any, rng: random.Random) -> None:
        self._root = root
        self._rng = rng
        self._left = _LARGEST

    def make(self, given: Any, depth: int) -> Any:
        self._left -= 1
        if depth > _DEEPEST or self._left < 0:
            raise Unusable("the schema has no instance of a reasonable size")
        schema = self._flat(given, depth)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._enum(schema)
        make: Callable[[Schema, int], Any] = getattr(self, f"_{self._type(schema, depth)}")
        return make(schema, depth)

    def _flat(self, given: Any, depth: int) -> Schema:
        """The schema without references and alternatives: one alternative is taken."""
        schema = _schema(given)
        for _ in range(_DEEPEST):
            if "$ref" in schema:
                rest = {key: value for key, value in schema.items() if key != "$ref"}
                schema = _merged(_schema(self._resolve(schema["$ref"])), rest)
            elif "allOf" in schema:
                parts = cast("list[Any]", schema["allOf"])
                schema = {key: value for key, value in schema.items() if key != "allOf"}
                for part in parts:
                    schema = _merged(schema, self._flat(part, depth))
            elif key := next((key for key in ("anyOf", "oneOf") if schema.get(key)), None):
                rest = {name: value for name, value in schema.items() if name != key}
                schema = _merged(rest, _schema(self._alternative(schema[key], depth)))
            else:
                return schema
        raise Unusable("the schema's references never end")

    def _alternative(self, options: list[Any], depth: int) -> Any:
        return min(options, key=self._weight) if depth >= _DEEP else self._rng.choice(options)

    def _weight(self, option: Any) -> int:
        if not isinstance(option, dict) or "$ref" in option:
            return len(_TYPES)
        kind = cast("Schema", option).get("type")
        return _TYPES.index(kind) if kind in _TYPES else 0

    def _resolve(self, reference: Any) -> Any:
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise Unusable(f"$ref {reference!r} is not within the schema")
        found = self._root
        for part in reference[1:].split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            try:
                found = found[int(name) if isinstance(found, list) else name]
            except (LookupError, TypeError, ValueError) as error:
                raise Unusable(f"$ref {reference!r} leads nowhere") from error
        return found

    def _enum(self, schema: Schema) -> Any:
        options = cast("list[Any]", schema["enum"])
        if "type" in schema:
            options = [option for option in options if _is_a(option, schema["type"])] or options
        if not options:
            raise Unusable("an enum is empty")
        return self._rng.choice(options)

    def _type(self, schema: Schema, depth: int) -> str:
        kind = schema.get("type")
        if isinstance(kind, list):
            kinds = cast("list[Any]", kind)
            simplest = min(kinds, key=lambda name: _TYPES.index(name) if name in _TYPES else 99)
            kind = simplest if depth >= _DEEP else self._rng.choice(kinds)
        if kind is None:
            kind = next((name for key, name in _TELLING.items() if key in schema), "string")
        if kind not in _TYPES:
            raise Unusable(f"{kind!r} is no type")
        return kind

    def _null(self, schema: Schema, depth: int) -> None:
        return None

    def _boolean(self, schema: Schema, depth: int) -> bool:
        return self._rng.random() < 0.5

    def _integer(self, schema: Schema, depth: int) -> int:
        low, high = _bounds(schema, 1)
        step = schema.get("multipleOf", 1)
        step = int(step) if step == int(step) else 1
        first, last = math.ceil(low / step), math.floor(high / step)
        if first > last:
            raise Unusable("no whole number lies within the limits")
        return self._rng.randint(first, last) * step

    def _number(self, schema: Schema, depth: int) -> float:
        step = schema.get("multipleOf")
        low, high = _bounds(schema, 0)
        if low > high:
            raise Unusable("no number lies within the limits")
        if step:
            return self._multiple(step, math.ceil(low / step), math.floor(high / step), schema)
        value = round(self._rng.uniform(low, high), 2)
        within = low <= value <= high and value not in _excluded(schema)
        return value if within else (low + high) / 2

    def _multiple(self, step: float, first: int, last: int, schema: Schema) -> float:
        for _ in range(50):
            value = round(self._rng.randint(first, last) * step, 9)
            if (value / step).is_integer() and value not in _excluded(schema):  # as a validator reckons
                return value
        raise Unusable(f"no multiple of {step} was found within the limits")

    def _string(self, schema: Schema, depth: int) -> str:
        if "pattern" in schema:
            return self._patterned(schema)
        if schema.get("format") in FORMATS:
            return FORMATS[schema["format"]](self._rng)
        low, high = schema.get("minLength", 0), schema.get("maxLength", math.inf)
        if low > _LARGEST:
            raise Unusable("a string is too long")
        text = words.phrase(self._rng)
        while len(text) < low:
            text += " " + words.phrase(self._rng)
        if len(text) > high:
            text = text[: int(high)]
        return text

    def _patterned(self, schema: Schema) -> str:
        low, high = schema.get("minLength", 0), schema.get("maxLength", math.inf)
        for _ in range(50):
            try:
                text = pattern.match(schema["pattern"], self._rng)
            except pattern.Unsupported as error:
                raise Unusable(f"the pattern {schema['pattern']!r} is beyond the simulator") from error
            if low <= len(text) <= high:
                return text
        raise Unusable(f"no string of the right length was found for the pattern {schema['pattern']!r}")

    def _array(self, schema: Schema, depth: int) -> list[Any]:
        heads = cast("list[Any]", schema.get("prefixItems", []))
        items = schema.get("items", True)
        low = schema.get("minItems", 0)
        most = low if depth >= _DEEP else max(low, self._rng.randint(min(1, low + 1), max(low, _SOME)))
        size = min(max(most, len(heads)), schema.get("maxItems", math.inf))
        if items is False:
            size = min(size, len(heads))
        found: list[Any] = []
        for index in range(int(size)):
            entry = heads[index] if index < len(heads) else items
            if not self._append(found, entry, depth, unique=bool(schema.get("uniqueItems"))):
                break
        if len(found) < low:
            raise Unusable("there are not enough different entries for a list")
        return found

    def _append(self, found: list[Any], schema: Any, depth: int, *, unique: bool) -> bool:
        for _ in range(50 if unique else 1):
            value = self.make(schema, depth + 1)
            if not unique or value not in found:
                found.append(value)
                return True
        return False

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        known = cast("dict[str, Any]", schema.get("properties", {}))
        required = cast("list[str]", schema.get("required", []))
        rest = schema.get("additionalProperties", True)
        names = [name for name in known if name in required or self._is_kept(depth)]
        names += [name for name in required if name not in known]
        found = {name: self.make(known.get(name, rest), depth + 1) for name in names}
        self._fill(found, schema, depth)
        return found

    def _fill(self, found: dict[str, Any], schema: Schema, depth: int) -> None:
        """Up to minProperties, first with known names; one entry of a map even where none is asked for."""
        known = cast("dict[str, Any]", schema.get("properties", {}))
        rest = schema.get("additionalProperties", True)
        is_map = isinstance(rest, dict) and not known and depth < _DEEP
        low = max(schema.get("minProperties", 0), min(1, schema.get("maxProperties", 1)) if is_map else 0)
        for name in known:
            if len(found) < low and name not in found:
                found[name] = self.make(known[name], depth + 1)
        while len(found) < low:
            if rest is False:
                raise Unusable("an object has fewer properties than it needs")
            found.setdefault(f"{words.word(self._rng)}_{len(found)}", self.make(rest, depth + 1))

    def _is_kept(self, depth: int) -> bool:
        return depth < _DEEP and self._rng.random() < 0.7


_TELLING = {  # keywords that tell the type where none is named
    "properties": "object",
    "required": "object",
    "additionalProperties": "object",
    "items": "array",
    "prefixItems": "array",
    "minItems": "array",
    "minimum": "number",
    "maximum": "number",
    "exclusiveMinimum": "number",
    "exclusiveMaximum": "number",
    "multipleOf": "number",
}


def _schema(given: Any) -> Schema:
    if given is True:
        return {}
    if not isinstance(given, dict):
        raise Unusable("a schema is neither an object nor true")
    return cast("Schema", given)


def _merged(left: Schema, right: Schema) -> Schema:
    """Both schemas at once, as far as keywords can be put together."""
    found = left | right
    for key in ("properties", "$defs"):
        if key in left and key in right:
            found[key] = left[key] | right[key]
    if "required" in left and "required" in right:
        found["required"] = [*left["required"], *(n for n in right["required"] if n not in left["required"])]
    if "enum" in left and "enum" in right:
        found["enum"] = [option for option in left["enum"] if option in right["enum"]]
    for key, pick in (("minimum", max), ("maximum", min), ("minLength", max), ("maxLength", min)):
        if key in left and key in right:
            found[key] = pick(left[key], right[key])
    return found


def _is_a(value: Any, kinds: Any) -> bool:
    checks: dict[str, bool] = {
        "null": value is None,
        "boolean": isinstance(value, bool),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "string": isinstance(value, str),
        "array": isinstance(value, list),
        "object": isinstance(value, dict),
    }
    return any(checks.get(kind, False) for kind in entries(kinds) or [kinds])


def _excluded(schema: Schema) -> tuple[Any, Any]:
    return schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")


def _bounds(schema: Schema, inset: int) -> tuple[float, float]:
    """Least and greatest value; an excluded limit is moved inwards by `inset`."""
    low = max(
        (x for x in (schema.get("minimum"), _inner(schema, "exclusiveMinimum", inset)) if x is not None),
        default=None,
    )
    high = min(
        (x for x in (schema.get("maximum"), _inner(schema, "exclusiveMaximum", -inset)) if x is not None),
        default=None,
    )
    if low is None:
        low = 0 if high is None or high >= 0 else high - 100
    return low, low + 100 if high is None else high


def _inner(schema: Schema, key: str, inset: int) -> float | None:
    limit = schema.get(key)
    if limit is None or isinstance(limit, bool):  # a boolean is draft 4's form
        return None
    return math.floor(limit) + inset if inset > 0 else math.ceil(limit) + inset if inset < 0 else limit
