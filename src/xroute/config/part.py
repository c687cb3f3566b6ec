"""What every section of the settings is made of: a strict mapping, and types with their limits."""

from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError


def _no_bool(value: object) -> object:
    """Python counts true as 1; a port of `true` is a slip of the pen."""
    if isinstance(value, bool):
        raise PydanticCustomError("int_type", "expected a number")
    return value


def _plain_url(value: str) -> str:
    """An http(s) address with nothing in it that a request would have to hide."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise PydanticCustomError("url", "expected an address such as https://host/v1")
    if "@" in parts.netloc:
        raise PydanticCustomError("url", "has a user name or password in it: put the credential in api_key")
    if parts.query or parts.fragment:
        raise PydanticCustomError("url", "has a query or fragment in it: put parameters in query")
    return value.rstrip("/")


Whole = Annotated[int, BeforeValidator(_no_bool)]
Number = Annotated[float, BeforeValidator(_no_bool), Field(allow_inf_nan=False)]
Seconds = Annotated[Number, Field(gt=0)]
Tokens = Annotated[Whole, Field(gt=0, le=10**15)]  # as the API takes: columns and Redis count so far exactly
Days = Annotated[Whole, Field(ge=1, le=36_500)]
Text = Annotated[str, Field(min_length=1)]
Url = Annotated[str, AfterValidator(_plain_url)]
# A provider's id stands before the slash of "provider/model", so it has none itself.
ProviderId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
# Nano-dollars are the smallest money there is, hence nine places; USD per million tokens or per call.
Usd = Annotated[Decimal, BeforeValidator(_no_bool), Field(ge=0, le=1_000_000, decimal_places=9)]


class Part(BaseModel):
    """A mapping of the file: unknown keys are errors, nothing changes once it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def changes(self) -> dict[str, Any]:
        """What was set, without the defaults: `null` that was written stays, as it switches off."""
        return {
            name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set
        }
