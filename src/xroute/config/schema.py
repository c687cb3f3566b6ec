"""The JSON Schema of xroute.yaml, for editors and for checks outside of xroute.

`python -m xroute.config.schema > src/xroute/config/xroute.schema.json` writes the copy that is shipped.
"""

import json
import sys
from typing import Any, cast

from xroute.config.settings import Settings

_VARIABLE = {"type": "string", "pattern": r"\$\{[A-Za-z_]"}  # "${PORT}" may stand where a number does
_TYPED = frozenset({"integer", "number", "boolean"})
_ABOUT = frozenset({"title", "description", "default"})


def schema() -> dict[str, Any]:
    """The schema, draft 2020-12."""
    found = Settings.model_json_schema()
    definitions = found["$defs"]
    credential = definitions["CredentialSettings"]
    definitions["CredentialSettings"] = {"anyOf": [{"type": "string", "format": "password"}, credential]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_with_variables(found),
        "title": "xroute.yaml",
    }


def text() -> str:
    """The schema as the shipped file has it."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _with_variables(part: Any) -> Any:
    """The same schema, in which a reference to a variable may stand for a number, a word or a truth value."""
    if isinstance(part, list):
        return [_with_variables(item) for item in cast("list[Any]", part)]
    if not isinstance(part, dict):
        return part
    node = cast("dict[str, Any]", part)
    if node.get("type") in _TYPED or "enum" in node:
        about = {name: value for name, value in node.items() if name in _ABOUT}
        rest = {name: value for name, value in node.items() if name not in _ABOUT}
        return {**about, "anyOf": [rest, _VARIABLE]}
    return {name: value if name == "default" else _with_variables(value) for name, value in node.items()}


if __name__ == "__main__":
    sys.stdout.write(text())
