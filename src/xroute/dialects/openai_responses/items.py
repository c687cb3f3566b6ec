"""A conversation as the items of a request's `input`."""

from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.calls import made_id
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.message import as_text
from xroute.dialects.openai_responses import citation, order, parts, thought
from xroute.dialects.openai_responses.message import entries

# Items that are put back as they came; all others of `native_content` are another dialect's.
NATIVE = frozenset(
    {
        "additional_tools", "compaction", "compaction_trigger", "configuration_update", "item_reference",
        "mcp_approval_request", "mcp_approval_response", "mcp_list_tools", "program", "program_output",
        "tool_search_output",
    }
)  # fmt: skip
_HOSTED = ("_call", "_call_output")  # how the types of all others end

_CALL = frozenset({"index", "id", "type", "function", "custom", "cache_control"})  # read here


class Writer:
    """Writes message after message. `items` is the input, `dropped` names what could not be said."""

    def __init__(self, upstream: str, developer_role: bool) -> None:
        self._format = thought.format_of(upstream)
        self._developer_role = developer_role
        self._customs: set[str] = set()  # ids of calls of custom tools
        self._last_function = ""  # id of the latest call of the API before tools
        self.items: list[Json] = []
        self.dropped: list[str] = []

    def write(self, messages: Any) -> None:
        """All messages of a canonical body."""
        given: list[Any] = messages if codec.is_list(messages) else []
        for place, message in enumerate(given):
            if codec.is_object(message):
                self._message(message, f"messages[{place}]")

    def _message(self, message: Json, where: str) -> None:
        role = message.get("role")
        if role == "assistant":
            self._assistant(message, where)
        elif role == "tool":
            self._result(message, where, message.get("tool_call_id"))
        elif role == "function":
            self._result(message, where, self._last_function)
        else:
            self._said(message, where, str(role or "user"))

    def _said(self, message: Json, where: str, role: str) -> None:
        """System and developer messages keep their role and their place: `instructions` would lose both."""
        if role == "developer" and not self._developer_role:
            role = "system"
        native = self._native(message)
        content = parts.inputs(message.get("content"), where, self.dropped)
        if message.get("name"):
            self.dropped.append(f"{where}.name")
        if content or not native:
            self.items.append({"type": "message", "role": role, "content": content})
        self.items += native

    def _result(self, message: Json, where: str, id_: Any) -> None:
        call_id = str(id_ or "")
        output = parts.inputs(message.get("content"), where, self.dropped)
        if len(output) == 1 and codec.is_object(only := output[0]) and only.keys() == {"type", "text"}:
            output = str(only["text"])
        if message.get("is_error"):
            self.dropped.append(f"{where}.is_error")
        kind = "custom_tool_call_output" if call_id in self._customs else "function_call_output"
        self.items.append({"type": kind, "call_id": call_id, "output": output})
        self.items += self._native(message)

    def _assistant(self, message: Json, where: str) -> None:
        entry = order.find(entries(message.get("native_content")))
        have: dict[str, list[Any]] = {
            "reasoning": thought.items(message.get("reasoning_details"), self._format),
            "native": self._native(message),
            "message": self._texts(message, where, entry),
            "call": self._calls(message, where),
        }
        if message.get("audio"):
            self.dropped.append(f"{where}.audio")
        written = order.arrange(entry, have)
        self.items += written or [{"type": "message", "role": "assistant", "content": ""}]

    @staticmethod
    def _native(message: Json) -> list[Json]:
        return [item for item in entries(message.get("native_content")) if is_native(item)]

    def _texts(self, message: Json, where: str, entry: Json | None) -> list[Json | None]:
        """The message items of an assistant's turn; None for one that says nothing."""
        content: Any = message.get("content")
        if not isinstance(content, str):
            said = parts.outputs(content, where, self.dropped)
            return _refused([_spoken(said, message.get("phase"))], message.get("refusal"))
        out: list[Json | None] = []
        place = 0
        for text, note in order.split(entry, content):
            said = self._cited(text, place, message)
            out.append(_spoken(said, note.get("phase") or message.get("phase")))
            place += len(text) + len(order.BETWEEN) if text else 0
        return _refused(out, message.get("refusal"))

    @staticmethod
    def _cited(text: str, place: int, message: Json) -> list[Json]:
        if not text:
            return []
        cited = citation.flat(message.get("annotations"), place, place + len(text))
        part: Json = {"type": "output_text", "text": text}
        return [{**part, "annotations": cited} if cited else part]

    def _calls(self, message: Json, where: str) -> list[Json]:
        out: list[Json] = []
        for number, call in enumerate(entries(message.get("tool_calls"))):
            out.append(self._call(call, f"{where}.tool_calls[{number}]"))
        if codec.is_object(call := message.get("function_call")):
            self._last_function = made_id(f"{where}.function_call")
            out.append(self._call({"id": self._last_function, "function": call}, where))
        return out

    def _call(self, call: Json, where: str) -> Json:
        """An item without an id: one whose reasoning is gone would be refused with it."""
        call_id = str(call.get("id") or made_id(where))
        beside = {name: value for name, value in call.items() if name not in _CALL}
        if codec.is_object(custom := call.get("custom")):
            self._customs.add(call_id)
            said = {"name": custom.get("name") or "", "input": as_text(custom.get("input") or "")}
            return {"type": "custom_tool_call", "call_id": call_id, **said, **beside}
        function: Any = call.get("function")
        own: Json = function if codec.is_object(function) else {}
        arguments: Any = own.get("arguments")
        said = {"name": own.get("name") or "", "arguments": as_text(arguments) if arguments else "{}"}
        return {"type": "function_call", "call_id": call_id, **said, **beside}


def is_native(item: Json) -> bool:
    """Whether an entry of `native_content` is an item of this API."""
    kind: Any = item.get("type")
    return isinstance(kind, str) and (kind in NATIVE or kind.endswith(_HOSTED))


def _spoken(said: list[Json], phase: Any) -> Json | None:
    """A message item; plain text stays a string, which every server takes."""
    if not said:
        return None
    plain = len(said) == 1 and said[0].keys() == {"type", "text"}
    content: Any = said[0]["text"] if plain else said
    item: Json = {"type": "message", "role": "assistant", "content": content}
    return {**item, "phase": phase} if isinstance(phase, str) else item


def _refused(messages: list[Json | None], refusal: Any) -> list[Json | None]:
    """The messages with a refusal after the last text."""
    if not isinstance(refusal, str) or not refusal:
        return messages
    part: Json = {"type": "refusal", "refusal": refusal}
    last = messages[-1] if messages else None
    if last is None:
        return [*messages[:-1], _spoken([part], None)]
    content: Any = last["content"]
    said: list[Json] = [{"type": "output_text", "text": content}] if isinstance(content, str) else content
    return [*messages[:-1], {**last, "content": [*said, part]}]
