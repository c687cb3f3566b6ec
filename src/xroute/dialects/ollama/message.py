"""The conversation as Ollama takes it: one text and a list of images a message."""

from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.message import as_text

_BASE64 = ";base64,"


class Writer:
    """Writes messages; `dropped` names what Ollama has no place for.

    https://docs.ollama.com/api/chat, read 2026-11-21.
    """

    def __init__(self) -> None:
        self.dropped: list[str] = []
        self._names: dict[str, str] = {}  # id of a tool call -> its tool

    def write(self, given: Any) -> list[Any]:
        """The messages of a canonical body."""
        messages: list[Any] = given if codec.is_list(given) else []
        return [self._message(said, f"messages[{place}]") for place, said in enumerate(messages)]

    def _message(self, said: Any, where: str) -> Any:
        if not codec.is_object(said):
            return said
        role: Any = said.get("role")
        text, images = self._content(said.get("content"), where)
        written: Json = {"role": "system" if role == "developer" else role, "content": text}
        if images:
            written["images"] = images
        if role == "assistant":
            self._assistant(said, written)
        elif role == "tool":
            self._result(said, written)
        return written

    def _assistant(self, said: Json, written: Json) -> None:
        """Thinking is plain text here; what another provider signed is not for Ollama."""
        thoughts: Any = said.get("reasoning") or said.get("reasoning_content")
        if isinstance(thoughts, str) and not said.get("reasoning_details"):
            written["thinking"] = thoughts
        if not written["content"] and isinstance(said.get("refusal"), str):
            written["content"] = said["refusal"]
        calls: Any = said.get("tool_calls")
        if codec.is_list(calls) and calls:
            written["tool_calls"] = [self._call(call) for call in calls if codec.is_object(call)]

    def _call(self, call: Json) -> Json:
        own: Any = call.get("function") or call.get("custom")
        own = own if codec.is_object(own) else {}
        name = str(own.get("name") or "")
        arguments = _object(own.get("arguments")) if "input" not in own else {"input": own["input"]}
        written: Json = {"type": "function", "function": {"name": name, "arguments": arguments}}
        if isinstance(call.get("id"), str) and call["id"]:
            self._names[call["id"]] = name
            written = {"id": call["id"], **written}
        return written

    def _result(self, said: Json, written: Json) -> None:
        """A tool's result names its tool; Ollama has no mark for one that failed, so its text says so."""
        own: Any = said.get("tool_call_id")
        name: Any = said.get("name") or self._names.get(own if isinstance(own, str) else "")
        if isinstance(name, str) and name:
            written["tool_name"] = name
        if isinstance(own, str) and own:
            written["tool_call_id"] = own
        if said.get("is_error") is True and not written["content"].lower().startswith("error"):
            written["content"] = "Error: " + written["content"]

    def _content(self, content: Any, where: str) -> tuple[str, list[str]]:
        """(the text, the images as base64) of a message."""
        if not codec.is_list(content):
            return ("" if content is None else as_text(content)), []
        texts: list[str] = []
        images: list[str] = []
        for place, part in enumerate(content):
            if (text := _text(part)) is not None:
                texts.append(text)
            elif (image := _image(part)) is not None:
                images.append(image)
            else:
                self.dropped.append(f"{where}.content[{place}]")
        return "\n".join(texts), images


def _text(part: Any) -> str | None:
    if not codec.is_object(part):
        return part if isinstance(part, str) else None
    text: Any = part.get("refusal") if part.get("type") == "refusal" else part.get("text")
    return text if isinstance(text, str) else None


def _image(part: Any) -> str | None:
    """The base64 of an image that came along; Ollama fetches no address."""
    own: Any = part.get("image_url") if codec.is_object(part) else None
    url: Any = own.get("url") if codec.is_object(own) else own
    if not isinstance(url, str) or not url.startswith("data:") or _BASE64 not in url[:200]:
        return None
    return url.partition(_BASE64)[2]


def _object(arguments: Any) -> Json:
    """Arguments as the object that Ollama wants; a text that is none becomes `input`."""
    if codec.is_object(arguments):
        return arguments
    text = arguments if isinstance(arguments, str) else ""
    if not text.strip():
        return {}
    try:
        value = codec.read(text.encode("utf-8", "surrogatepass"))
    except ValueError:
        return {"input": text}
    return value if codec.is_object(value) else {"input": value}
