"""Whatever is sent to the management API, the answer says what is wrong with it and is no fault of ours."""

from typing import Any

import orjson
import pytest
from tests.api.office import Caller

BAD = [
    orjson.dumps(each)
    for each in (
        None, "", "\x00", "é" * 300, 0, -1, 1.5, True, [], {}, [[]], {"\x00": "\x00"}, "1e400", "NaN", "*",
        "0.0000000001", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "../UTC", "a@b.c\r\nBcc: d",
    )
]  # fmt: skip
BAD += [b'"\\ud800"', b"1e400", b"9" * 30, b"9223372036854775808"]
WHOLE = [b"", b"null", b"[]", b"{", b'{"a":' * 5000, b"\xff\xfe", b'{"name":"a","name":"b"}']
ASKED = [
    "",
    "%00",
    "-1",
    "9" * 30,
    "x" * 5000,
    "%FF",
    "0001-01-01T00:00:00Z",
    "9999-12-31",
    "MS4A",
    "tag:%00",
]
IDS = ["%00", "x" * 3000, "%FF%FE", "a%2Fb", "9" * 40, "2026-13", "9999-12", "0001-01"]
VALID = {
    "/api/v1/limits": {"rpm": 5, "scope": "workspace"},
    "/api/v1/budgets": {"usd": 5, "scope": "workspace"},
}


class Book:
    """What the API says of itself."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec

    def operations(self):
        """(method, path, fields of the body with an example of each that is needed, names in the query)."""
        for path, methods in self.spec["paths"].items():
            for method, operation in methods.items():
                if path.startswith("/api/v1/") and not path.endswith("/close"):
                    asked = [
                        each["name"] for each in operation.get("parameters", []) if each["in"] == "query"
                    ]
                    yield method.upper(), path, *self._body(operation), asked

    def _body(self, operation: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            return [], {}
        shape = self._shape(content["schema"])
        fields = shape.get("properties", {})
        return list(fields), {name: self._example(fields[name]) for name in shape.get("required", [])}

    def _shape(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            schema = self.spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema

    def _example(self, schema: dict[str, Any]) -> Any:
        schema = self._shape(schema)
        if "anyOf" in schema:
            return self._example(schema["anyOf"][0])
        if "enum" in schema:
            return schema["enum"][0]
        of_type = {"integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}
        return of_type.get(schema.get("type", ""), "abc")


def broken(fields: list[str], valid: dict[str, Any]):
    """Bodies with one thing wrong in each."""
    yield from WHOLE
    for name in fields:
        rest = b"".join(b"%b:%b," % (orjson.dumps(n), orjson.dumps(v)) for n, v in valid.items() if n != name)
        for value in BAD:
            yield b"{%b%b:%b}" % (rest, orjson.dumps(name), value)


@pytest.fixture
async def operator(whole, database_url):
    async with whole(database_url) as office:
        yield office.operator()


async def test_no_input_is_answered_by_a_fault_of_ours(operator: Caller):
    book = Book((await operator.get("/openapi.json")).json)
    key = (await operator.post("/api/v1/keys", {"name": "k"})).json["id"]
    faults: list[Any] = []

    async def ask(method: str, path: str, body: bytes | None = None) -> None:
        answer = await operator.ask(method, path, body)
        if answer.status >= 500:
            faults.append((method, path, body, answer.body))

    for method, path, fields, needed, asked in book.operations():
        valid = needed | VALID.get(path, {}) if method == "POST" else needed
        there = path.replace("{id}", key) if path.startswith("/api/v1/keys/") else path
        for body in broken(fields, valid) if fields else [None]:
            if method != "DELETE":
                await ask(method, there, body)
        for name in asked:
            for value in ASKED:
                await ask(method, f"{there}?{name}={value}", orjson.dumps(valid) if fields else None)
        if "{" in path:
            for id_ in IDS:
                start, _, end = path.partition("{")
                await ask(
                    method, start + id_ + end.partition("}")[2], orjson.dumps(valid) if fields else None
                )
    assert faults == []
