"""A credential in memory: masked wherever it could be printed, shown only by `reveal`."""

from typing import Any, NoReturn

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

MASK = "***"
SHOWN_FROM = 12  # characters; the last four of a shorter one would tell too much of it


class Secret:
    """A credential; `str`, `repr`, format and every serialisation give its mask."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The credential itself, for the one request it is made for."""
        return self._value

    def __str__(self) -> str:
        return MASK + self._value[-4:] if len(self._value) >= SHOWN_FROM else MASK

    def __repr__(self) -> str:
        return f"Secret({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: object) -> "Secret":
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled: it would be written in clear")

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        mask = core_schema.plain_serializer_function_ser_schema(str)
        return core_schema.no_info_plain_validator_function(_parse, serialization=mask)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "format": "password"}


def _parse(value: object) -> Secret:
    """A secret of a string; the errors say what is wrong and never what it is."""
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "expected text")
    text = value.strip()  # a key read from a file often brings its line end along
    if not text:
        raise PydanticCustomError("secret_empty", "is empty: give the value, or leave the key out")
    if not text.isprintable():
        raise PydanticCustomError("secret_control", "has a control character in it, such as a line break")
    return Secret(text)
