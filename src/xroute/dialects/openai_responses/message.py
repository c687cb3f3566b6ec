"""The items of a response as one chat message."""

from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.calls import made_id
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.message import as_text
from xroute.dialects.openai_responses import citation, order, thought

CALLS = frozenset({"function_call", "custom_tool_call"})

# Fields of a call that the chat API has no word for, and that must come back with it.
_BESIDE = ("namespace", "caller")


class Message:
    """Collects items, in order."""

    def __init__(self, model: str, request_id: str) -> None:
        self._format = thought.format_of(model)
        self._request_id = request_id
        self._texts: list[str] = []
        self._refusals: list[str] = []
        self._thoughts: list[str] = []
        self._details: list[Json] = []
        self._order: list[str] = []
        self._messages: list[Json] = []  # of order.note
        self._citations: list[Json] = []
        self._others: list[Json] = []  # annotations that are no url_citation
        self._native: list[Json] = []
        self.calls: list[Json] = []
        self.logprobs: list[Json] = []

    @property
    def holds(self) -> bool:
        """Whether there is anything of an answer."""
        return bool(any(self._texts) or self._refusals or self._details or self._native or self.calls)

    def add(self, item: Json) -> None:
        """The next item."""
        kind = type_of(item)
        if kind == "message":
            self._say(item)
        elif kind == "reasoning":
            self._think(item)
        elif kind in CALLS:
            self._order.append("call")
            self.calls.append(call_of(item, f"{self._request_id}:{len(self.calls)}"))
        else:
            self._order.append("native")
            self._native.append(item)

    def body(self) -> Json:
        """The assistant's message; fields that would be empty are left out, but for content."""
        native: list[Json] = [*self._native]
        if entry := order.note(self._order, self._messages):
            native.append(entry)
        fields: Json = {
            "refusal": "".join(self._refusals) or None,
            "reasoning": order.BETWEEN.join(self._thoughts),
            "reasoning_details": self._details,
            "tool_calls": self.calls,
            "annotations": self._citations,
            "other_annotations": self._others,
            "images": [found for item in self._native if (found := image_of(item))],
            "native_content": native,
            "phase": self._messages[0].get("phase") if len(self._messages) == 1 else None,
        }
        content = order.BETWEEN.join(text for text in self._texts if text)
        said: Json = {"role": "assistant", "content": content or None}
        return said | {name: value for name, value in fields.items() if value or name == "refusal"}

    def _say(self, item: Json) -> None:
        before = sum(len(text) + len(order.BETWEEN) for text in self._texts if text)
        text = ""
        for part in parts_of(item):
            if part.get("type") == "refusal":
                self._refusals.append(as_text(part.get("refusal") or ""))
                continue
            self._cite(part, before + len(text))
            text += as_text(part.get("text") or "")
            self.logprobs += entries(part.get("logprobs"))
        self._texts.append(text)
        self._order.append("message")
        self._messages.append(note_of(item, len(text)))

    def _cite(self, part: Json, offset: int) -> None:
        for annotation in entries(part.get("annotations")):
            if cited := citation.nested(annotation, offset):
                self._citations.append(cited)
            else:
                self._others.append(annotation)

    def _think(self, item: Json) -> None:
        id_ = id_of(item)
        found = [
            thought.detail(kind, text, len(self._details) + number, self._format, id_)
            for number, (kind, _, text) in enumerate(thought.pieces(item))
        ]
        if found:
            self._order.append("reasoning")
        self._details += found
        self._thoughts += [text for kind, _, text in thought.pieces(item) if kind != "secret"]


def type_of(value: Json) -> str:
    """The type of an item or an event; "" where it has none."""
    return type_ if isinstance(type_ := value.get("type"), str) else ""


def id_of(item: Json) -> str:
    """An item's id; "" where it has none."""
    return id_ if isinstance(id_ := item.get("id"), str) else ""


def parts_of(item: Json) -> list[Json]:
    """The content parts of a message item; a bare string is one."""
    content: Any = item.get("content")
    return [{"type": "output_text", "text": content}] if isinstance(content, str) else entries(content)


def entries(value: Any) -> list[Json]:
    """The objects in a list; none where it is no list."""
    return [entry for entry in value if codec.is_object(entry)] if codec.is_list(value) else []


def note_of(item: Json, length: int) -> Json:
    """What `order` notes of a message item: its text's length, and its phase where it has one.

    The phase must come back: https://developers.openai.com/api/docs/guides/reasoning, read 2026-11-21.
    """
    phase: Any = item.get("phase")
    return {"length": length, "phase": phase} if isinstance(phase, str) else {"length": length}


def call_of(item: Json, seed: str) -> Json:
    """A function or custom tool call in the chat API's form; its id is the item's call_id."""
    id_: Any = item.get("call_id") or item.get("id")
    call: Json = {"id": id_ if isinstance(id_, str) else made_id(seed), **form_of(item, arguments_of(item))}
    return call | {name: item[name] for name in _BESIDE if item.get(name) is not None}


def form_of(item: Json, text: str) -> Json:
    """`type` and the function or custom tool, with `text` as what it is called with."""
    name = as_text(item.get("name") or "")
    if item.get("type") == "custom_tool_call":
        return {"type": "custom", "custom": {"name": name, "input": text}}
    return {"type": "function", "function": {"name": name, "arguments": text}}


def arguments_of(item: Json) -> str:
    """What a call's tool is called with, as the provider's text."""
    if item.get("type") == "custom_tool_call":
        return as_text(item.get("input") or "")
    arguments: Any = item.get("arguments")
    return "{}" if arguments is None else as_text(arguments)


def image_of(item: Json) -> Json | None:
    """The picture that an image_generation_call made, as a data URL in OpenRouter's form."""
    result: Any = item.get("result")
    if item.get("type") != "image_generation_call" or not isinstance(result, str) or not result:
        return None
    kind = item.get("output_format") or "png"
    url = f"data:image/{'svg+xml' if kind == 'svg' else kind};base64,{result}"
    return {"type": "image_url", "image_url": {"url": url}}
