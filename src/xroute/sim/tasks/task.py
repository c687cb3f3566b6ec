"""What is asked of the simulator besides chats: a request that one body answers, at once."""

from typing import Any, NamedTuple

from xroute.errors import InvalidRequest
from xroute.sim.ask import SimRequest
from xroute.sim.shape import entries, load
from xroute.sim.tongues.openai import Chat
from xroute.sim.tongues.tongue import Tongue

Json = dict[str, Any]
JSON = "application/json"


class Made(NamedTuple):
    """An answer."""

    body: bytes
    media: str = JSON


class Task:
    """One request. `tongue` tells its errors in the words of its dialect."""

    model = ""  # where the request names none; "" = it has to

    def __init__(self, request: SimRequest, model: str = "", action: str = "") -> None:
        """`model` and `action` are what stands in the path."""
        self.request = request
        self.tongue: Tongue = Chat(request)
        self._named = model
        self._action = action

    def read(self) -> Json:
        """The fields of the request; InvalidRequest for what cannot be one."""
        body = load(self.request.body)
        if self.model and body.get("model") is None:
            body["model"] = self.model
        return body

    def answer(self, body: Json, model: str, seed: int) -> Made:
        """The answer to what `read` gave; `model` is without its controls. Raises InvalidRequest."""
        raise NotImplementedError


def tokens_of(text: str) -> int:
    """Four bytes a token, as in chats."""
    return (len(text.encode("utf-8", "replace")) + 3) // 4


def required(body: Json, name: str) -> Any:
    """The field; InvalidRequest where there is none."""
    value = body.get(name)
    if value is None or value in ("", []):
        raise InvalidRequest(
            f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter"
        )
    return value


def several(body: Json, name: str) -> list[Any]:
    """The entries of a list that must be there; InvalidRequest for anything else."""
    value = required(body, name)
    if not isinstance(value, list):
        raise InvalidRequest(
            f"Invalid type for '{name}': expected an array.", param=name, code="invalid_type"
        )
    return entries(value)


def whole(body: Json, name: str, default: int, most: int) -> int:
    """A whole number from 1 to `most`."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise InvalidRequest(
            f"Invalid '{name}': expected a whole number from 1 to {most}.", param=name, code="invalid_value"
        )
    return value
