"""The items of a request's `input` as the messages of a conversation.

https://developers.openai.com/api/reference/resources/responses, read 2026-11-21. All that the model did in a
row (reasoning, messages, calls, its provider's own items) is one message of the assistant; the order of the
items is noted in it where a message could not say it.
"""

from collections.abc import Iterable
from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.message import as_text
from xroute.dialects.openai.parse import wrong
from xroute.dialects.openai_responses import seal
from xroute.dialects.openai_responses.asked import Names
from xroute.dialects.openai_responses.message import CALLS, Message
from xroute.dialects.openai_responses.thought import pieces
from xroute.errors import InvalidPrompt

RESULTS = frozenset({"function_call_output", "custom_tool_call_output"})
SUMMARY = "The conversation so far, in a summary:\n\n"

_TEXTS = frozenset({"input_text", "output_text", "text", "summary_text", "reasoning_text"})
_PLAIN = frozenset({"type", "text", "annotations", "logprobs"})


class Turn(Message):
    """What the model said and did between two things that it was told."""

    def __init__(self, seed: str, names: Names) -> None:
        super().__init__("", seed)
        self._names = names

    def add(self, item: Json) -> None:
        if item.get("type") in CALLS:
            item = self._names.called(item)
        super().add(item)

    def _think(self, item: Json) -> None:
        sealed = seal.unseal(item.get("encrypted_content"))
        if sealed is None and not item.get("encrypted_content") and not item.get("content"):
            # A summary alone no Responses endpoint takes back; as text it goes to whoever wants it.
            self._thoughts += [text for _, _, text in pieces(item)]
            return
        if sealed is None:
            super()._think(item)
            return
        details, native = seal.objects(sealed.get("details")), seal.objects(sealed.get("native"))
        if details:
            self._order.append("reasoning")
        self._details += details
        self._native += native
        self._order += ["native"] * len(native)
        self._thoughts += [
            text for entry in details if isinstance(text := entry.get("text") or entry.get("summary"), str)
        ]


class Turns:
    """Reads item after item. `messages` is the conversation."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._turn: Turn | None = None
        self.messages: list[Json] = []

    def read(self, items: Iterable[Any], name: str = "input") -> None:
        """More items; InvalidPrompt for what cannot be one."""
        for place, item in enumerate(items):
            where = f"{name}[{place}]"
            if isinstance(item, str):
                self._tell({"role": "user", "content": item})
            elif codec.is_object(item):
                self._item(item, where)
            else:
                raise wrong(where, "must be an object", InvalidPrompt)

    def finish(self) -> None:
        """After the last item."""
        turn, self._turn = self._turn, None
        if turn is not None and (said := _said(turn.body())):
            self.messages.append(said)

    def _item(self, item: Json, where: str) -> None:
        kind: Any = item.get("type")
        role: Any = item.get("role")
        if kind is not None and not isinstance(kind, str):
            raise wrong(f"{where}.type", "must be a string", InvalidPrompt)
        if kind == "item_reference" or (kind is None and item.keys() == {"id"}):
            raise wrong(
                where, f"refers to the item {item.get('id')!r}, which is not kept here", InvalidPrompt
            )
        if kind is None and role is None:
            raise wrong(f"{where}.type", "is required", InvalidPrompt)
        if kind in ("message", None) and role != "assistant":
            self._message(item, where, role)
        elif kind in RESULTS:
            self._result(item, where)
        elif kind == "additional_tools":
            return  # they are among the tools
        elif kind == "compaction" and (sealed := seal.unseal(item.get("encrypted_content"))) is not None:
            self._tell({"role": "user", "content": SUMMARY + as_text(sealed.get("summary") or "")})
        elif kind == "item_reference" or (kind is None and item.keys() == {"id"}):
            raise wrong(
                where, f"refers to the item {item.get('id')!r}, which is not stored here", InvalidPrompt
            )
        elif kind is None and role is None:
            raise wrong(f"{where}.type", "is required", InvalidPrompt)
        else:
            self._done(item, where)

    def _done(self, item: Json, where: str) -> None:
        """Something that the model did."""
        kind = item.get("type") or "message"
        if kind == "message" and not isinstance(item.get("content"), (str, list)):
            raise wrong(f"{where}.content", "must be a string or a list of parts", InvalidPrompt)
        if self._turn is None:
            self._turn = Turn(f"turn-{len(self.messages)}", self._names)
        self._turn.add(item if item.get("type") else {**item, "type": kind})

    def _tell(self, message: Json) -> None:
        """Something that the model was told."""
        self.finish()
        self.messages.append(message)

    def _message(self, item: Json, where: str, role: Any) -> None:
        if not isinstance(role, str) or not role:
            raise wrong(f"{where}.role", "must be user, assistant, system or developer", InvalidPrompt)
        content: Any = item.get("content")
        if not isinstance(content, str) and not codec.is_list(content):
            raise wrong(f"{where}.content", "must be a string or a list of parts", InvalidPrompt)
        self._tell({"role": role, "content": parts(content, f"{where}.content")})

    def _result(self, item: Json, where: str) -> None:
        call_id: Any = item.get("call_id")
        if not isinstance(call_id, str) or not call_id:
            raise wrong(f"{where}.call_id", "is required", InvalidPrompt)
        output: Any = item.get("output")
        content = parts(output, f"{where}.output") if codec.is_list(output) else as_text(output or "")
        self._tell({"role": "tool", "tool_call_id": call_id, "content": content})


def _said(message: Json) -> Json | None:
    """An assistant's message without what is empty; None where nothing is left."""
    if message.get("refusal") is None:
        message.pop("refusal", None)
    if message["content"] is not None or message.get("tool_calls"):
        return message
    message["content"] = ""
    return message if len(message) > 2 else None  # more than a role and an empty text


def parts(content: str | list[Any], where: str) -> str | list[Json]:
    """Content as the chat API has it; one plain text stays a string, which every provider takes."""
    if isinstance(content, str):
        return content
    out = [_part(part, f"{where}[{place}]") for place, part in enumerate(content)]
    if len(out) == 1 and out[0].keys() == {"type", "text"}:
        return out[0]["text"]
    return out


def _part(part: Any, where: str) -> Json:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if not codec.is_object(part):
        raise wrong(where, "must be an object", InvalidPrompt)
    kind: Any = part.get("type")
    if kind is not None and not isinstance(kind, str):
        raise wrong(f"{where}.type", "must be a string", InvalidPrompt)
    if kind in _TEXTS:
        if not isinstance(part.get("text"), str):
            raise wrong(f"{where}.text", "must be a string", InvalidPrompt)
        more = {name: value for name, value in part.items() if name not in _PLAIN}
        return {"type": "text", "text": part["text"], **more}
    if kind in ("input_image", "computer_screenshot"):
        return _image(part, where)
    if kind == "input_file":
        return _nested(part, "file", where)
    if kind == "input_video":
        return {"type": "video_url", "video_url": {"url": part.get("video_url") or ""}}
    return part


def _image(part: Json, where: str) -> Json:
    url, id_ = part.get("image_url"), part.get("file_id")
    if codec.is_object(url):  # the chat API's own form
        url = url.get("url")
    if not isinstance(url, str) and not id_:
        raise wrong(f"{where}.image_url", "is required", InvalidPrompt)
    image: Json = {"url": url} if isinstance(url, str) else {"file_id": id_}
    if part.get("detail") not in (None, "auto"):
        image["detail"] = part["detail"]
    return _kept(part, {"type": "image_url", "image_url": image})


def _nested(part: Json, name: str, where: str) -> Json:
    own = {
        field: value
        for field in ("file_data", "file_id", "file_url", "filename")
        if (value := part.get(field)) is not None
    }
    if own.keys() <= {"filename"}:
        raise wrong(where, "must have file_data, file_url or file_id", InvalidPrompt)
    return _kept(part, {"type": name, name: own})


def _kept(part: Json, made: Json) -> Json:
    """`made` with the marks of a prompt's cacheable beginning."""
    marks = {name: part[name] for name in ("cache_control", "prompt_cache_breakpoint") if name in part}
    return {**made, **marks}
