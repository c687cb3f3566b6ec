"""The conversation as Cohere takes it: roles, content parts, tool calls and their results."""

from base64 import b64decode
from binascii import Error as NotBase64
from typing import Any

from xroute.dialects.cohere import thought
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.message import as_text, text_of

_ROLES = {"developer": "system"}
_DETAILS = frozenset({"auto", "low", "high"})


class Writer:
    """Writes messages; `dropped` names what Cohere has no place for, `documents` are files of text.

    https://docs.cohere.com/reference/chat, read 2026-11-21.
    """

    def __init__(self, *, thinks: bool) -> None:
        self._thinks = thinks  # the model takes thinking parts
        self.dropped: list[str] = []
        self.documents: list[Json] = []

    def write(self, given: Any) -> list[Any]:
        """The messages of a canonical body."""
        messages: list[Any] = given if codec.is_list(given) else []
        return [self._message(said, f"messages[{place}]") for place, said in enumerate(messages)]

    def _message(self, said: Any, where: str) -> Any:
        if not codec.is_object(said):
            return said
        role: Any = said.get("role")
        if role == "assistant":
            return self._assistant(said, where)
        if role == "tool":
            return self._result(said, where)
        content = self._content(said.get("content"), where, images=role == "user")
        return {"role": _ROLES.get(role, role), "content": content}

    def _assistant(self, said: Json, where: str) -> Json:
        written: Json = {"role": "assistant"}
        parts, plan = thought.write(said)
        content = self._content(said.get("content"), where, images=False)
        if not content and isinstance(said.get("refusal"), str):
            content = said["refusal"]
        if parts and self._thinks:
            texts: list[Json] = [{"type": "text", "text": content}] if isinstance(content, str) else content
            content = [*parts, *(part for part in texts if part.get("text") != "")]
        calls: Any = said.get("tool_calls")
        calls = calls if codec.is_list(calls) else []
        if content or not calls:
            written["content"] = content
        if calls:
            written["tool_calls"] = [_call(call) for call in calls if codec.is_object(call)]
            if plan:
                written["tool_plan"] = plan
        if cited := _citations(said.get("citations")):
            written["citations"] = cited
        return written

    def _result(self, said: Json, where: str) -> Json:
        """A tool's result; Cohere has no mark for a failed one, so its document says so."""
        content = self._content(said.get("content"), where, images=False)
        if said.get("is_error") is True:
            failed = content if isinstance(content, str) else text_of(content)
            content = [{"type": "document", "document": {"data": {"error": failed}}}]
        return {"role": "tool", "tool_call_id": str(said.get("tool_call_id") or ""), "content": content}

    def _content(self, content: Any, where: str, *, images: bool) -> str | list[Json]:
        if not codec.is_list(content):
            return content if isinstance(content, str) else "" if content is None else as_text(content)
        written: list[Json] = []
        for place, part in enumerate(content):
            own = self._part(part, images=images)
            if own is not None:
                written.append(own)
            elif not self._attached(part):
                self.dropped.append(f"{where}.content[{place}]")
        return written

    def _part(self, part: Any, *, images: bool) -> Json | None:
        """A part as Cohere takes it; None where it takes no such part here."""
        if isinstance(part, str):
            return {"type": "text", "text": part}
        if not codec.is_object(part):
            return None
        kind: Any = part.get("type")
        if kind == "image_url" and images:
            return _image(part.get("image_url"))
        if kind == "document" and codec.is_object(part.get("document")):
            return {"type": "document", "document": part["document"]}
        text: Any = part.get("refusal") if kind == "refusal" else part.get("text")
        return {"type": "text", "text": text} if isinstance(text, str) else None

    def _attached(self, part: Any) -> bool:
        """Whether a file of plain text went along as a document."""
        file: Any = part.get("file") if codec.is_object(part) else None
        text = _plain(file) if codec.is_object(file) else None
        if text is None:
            return False
        name: Any = file.get("filename")
        data: Json = {"title": name, "text": text} if isinstance(name, str) and name else {"text": text}
        self.documents.append({"data": data})
        return True


def _image(given: Any) -> Json | None:
    own: Json = given if codec.is_object(given) else {"url": given}
    if not isinstance(own.get("url"), str):
        return None
    image: Json = {"url": own["url"]}
    if isinstance(detail := own.get("detail"), str) and detail in _DETAILS:
        image["detail"] = detail
    return {"type": "image_url", "image_url": image}


def _plain(file: Json) -> str | None:
    """The text of a file that is one; None for any other."""
    data: Any = file.get("file_data")
    if not isinstance(data, str) or not data.startswith(("data:text/", "data:application/json")):
        return None
    head, _, body = data.partition(",")
    try:
        return b64decode(body, validate=True).decode() if head.endswith(";base64") else None
    except (NotBase64, UnicodeDecodeError):
        return None


def _call(call: Json) -> Json:
    """A tool call; one of a custom tool has its text as the argument `input`."""
    custom: Any = call.get("custom")
    if codec.is_object(custom):
        arguments = codec.write({"input": custom.get("input") or ""}).decode()
        function: Json = {"name": custom.get("name") or "", "arguments": arguments}
    else:
        own: Any = call.get("function")
        own = own if codec.is_object(own) else {}
        function = {"name": own.get("name") or "", "arguments": as_text(own.get("arguments") or "{}")}
    return {"id": str(call.get("id") or ""), "type": "function", "function": function}


def _citations(given: Any) -> list[Json]:
    """Citations that Cohere made; those of other providers have another form."""
    items: list[Any] = given if codec.is_list(given) else []
    return [item for item in items if codec.is_object(item) and codec.is_list(item.get("sources"))]
