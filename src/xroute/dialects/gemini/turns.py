"""A Gemini client's contents as canonical messages."""

from typing import Any

from xroute.dialects.gemini import seal
from xroute.dialects.openai import codec
from xroute.dialects.openai.calls import made_id
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.message import as_text
from xroute.errors import InvalidPrompt

FORMAT = "google-gemini-v1"  # of reasoning_details


def take(given: Json, name: str) -> Any:
    """The value of a field under its camelCase or snake_case name."""
    if name in given:
        return given[name]
    return given.get("".join("_" + c.lower() if c.isupper() else c for c in name))


def messages(system: Any, contents: Any) -> list[Json]:
    """InvalidPrompt names what is no content."""
    found: list[Json] = []
    if codec.is_object(system) and (said := _plain(take(system, "parts"))):
        found.append({"role": "system", "content": said})
    elif isinstance(system, str):
        found.append({"role": "system", "content": system})
    calls = _Calls()
    given: list[Any] = contents if codec.is_list(contents) else [contents]
    for place, content in enumerate(given):
        where = f"contents[{place}]"
        if isinstance(content, str):
            found.append({"role": "user", "content": content})
            continue
        if not codec.is_object(content):
            raise InvalidPrompt(f"`{where}` must be an object.", param=where, code="invalid_value")
        parts: Any = content.get("parts") or []
        if not codec.is_list(parts) or not all(codec.is_object(part) for part in parts):
            where += ".parts"
            raise InvalidPrompt(f"`{where}` must be a list of objects.", param=where, code="invalid_value")
        found += _model(parts, calls) if content.get("role") == "model" else _user(parts, calls)
    return found


class _Calls:
    """The function calls so far: Gemini's clients mostly leave their ids out."""

    def __init__(self) -> None:
        self._made = 0
        self._open: list[tuple[str, str]] = []  # (id, name) of those without an answer

    def begin(self, call: Json) -> str:
        id_ = as_text(call.get("id") or made_id(f"gemini:{self._made}:{call.get('name')}"))
        self._made += 1
        self._open.append((id_, as_text(call.get("name") or "")))
        return id_

    def answer(self, response: Json) -> str:
        own, name = as_text(response.get("id") or ""), as_text(response.get("name") or "")
        for place, (id_, called) in enumerate(self._open):
            if id_ == own or (not own and called == name):
                del self._open[place]
                return id_
        return own or made_id(f"gemini:lost:{name}")


def _plain(parts: Any) -> Any:
    """Text parts as one string, or as a list where there are several."""
    given: list[Any] = parts if codec.is_list(parts) else [parts]
    texts = [part["text"] for part in given if codec.is_object(part) and isinstance(part.get("text"), str)]
    return texts[0] if len(texts) == 1 else [{"type": "text", "text": text} for text in texts]


def _user(parts: list[Json], calls: _Calls) -> list[Json]:
    """Function responses become tool messages, in their place among the rest."""
    found: list[Json] = []
    said: list[Json] = []
    for part in parts:
        response = take(part, "functionResponse")
        if codec.is_object(response):
            found += _said(said)
            said = []
            found.append(_result(response, calls))
        elif (made := _part(part)) is not None:
            said.append(made)
    return found + _said(said)


def _said(parts: list[Json]) -> list[Json]:
    if not parts:
        return []
    alone = len(parts) == 1 and parts[0].keys() == {"type", "text"}
    return [{"role": "user", "content": parts[0]["text"] if alone else parts}]


def _result(response: Json, calls: _Calls) -> Json:
    message: Json = {
        "role": "tool",
        "tool_call_id": calls.answer(response),
        "name": as_text(response.get("name") or ""),
    }
    given: Any = response.get("response")
    text = given if isinstance(given, str) else codec.write(given or {}).decode()
    if codec.is_object(given) and len(given) == 1:
        ((name, value),) = given.items()
        if name in ("output", "result", "error") and isinstance(value, str):
            text = value
        if name == "error":
            message["is_error"] = True
    parts: Any = response.get("parts")
    given = parts if codec.is_list(parts) else []
    shown = [made for part in given if codec.is_object(part) and (made := _part(part)) is not None]
    message["content"] = [{"type": "text", "text": text}, *shown] if shown else text
    return message


def _part(part: Json) -> Json | None:
    """One part of a user's content; an unknown one is kept as it is."""
    if isinstance(text := part.get("text"), str):
        return {"type": "text", "text": text}
    if codec.is_object(blob := take(part, "inlineData")):
        mime = str(take(blob, "mimeType") or "application/octet-stream")
        return _media(mime, str(blob.get("data") or ""), take(blob, "displayName"))
    if codec.is_object(file := take(part, "fileData")):
        return _linked(str(take(file, "mimeType") or ""), str(take(file, "fileUri") or ""))
    kinds = [name for name in part if name not in ("thought", "thoughtSignature", "thought_signature")]
    return {"type": kinds[0], **part} if kinds else None


def _media(mime: str, data: str, name: Any) -> Json:
    kind, _, form = mime.partition("/")
    url = f"data:{mime};base64,{data}"
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": url}}
    if kind == "audio":
        form = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav"}.get(form, form)
        return {"type": "input_audio", "input_audio": {"data": data, "format": form}}
    if kind == "video":
        return {"type": "video_url", "video_url": {"url": url}}
    return {"type": "file", "file": {"file_data": url, "filename": str(name or f"file.{form}")}}


def _linked(mime: str, uri: str) -> Json:
    kind = mime.partition("/")[0]
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": uri}}
    if kind == "video" or (not kind and "youtu" in uri):
        return {"type": "video_url", "video_url": {"url": uri}}
    return {"type": "file", "file": {"file_url": uri, "mime_type": mime}}


def _model(parts: list[Json], calls: _Calls) -> list[Json]:
    """One assistant message; thoughts and signatures as reasoning_details, which go back unchanged."""
    said: Json = {"role": "assistant", "content": None}
    texts: list[str] = []
    thoughts: list[str] = []
    details: list[Json] = []
    tools: list[Json] = []
    images: list[Json] = []
    natives: list[Json] = []
    carried: list[Json] = []  # another maker's reasoning, of which thoughts here are the text
    for part in parts:
        if (items := seal.unseal(take(part, "thoughtSignature"))) is not None:
            carried += items
            continue
        id_ = None
        text = part.get("text")
        if codec.is_object(call := take(part, "functionCall")):
            id_ = calls.begin(call)
            arguments = codec.write(call.get("args") or {}).decode()
            function = {"name": as_text(call.get("name") or ""), "arguments": arguments}
            tools.append({"id": id_, "type": "function", "function": function})
        elif isinstance(text, str) and part.get("thought"):
            thoughts.append(text)
            details.append({"type": "reasoning.text", "text": text, "format": FORMAT, "index": len(details)})
        elif isinstance(text, str):
            texts.append(text)
        elif (made := _part(part)) is not None:
            (images if made["type"] == "image_url" else natives).append(made)
        signature = take(part, "thoughtSignature")
        if isinstance(signature, str) and details and id_ is None and part.get("thought"):
            details[-1]["signature"] = signature
        elif isinstance(signature, str):
            sealed: Json = {"type": "reasoning.encrypted", "data": signature, "format": FORMAT}
            details.append({**sealed, "index": len(details)} | ({"id": id_} if id_ else {}))
    if texts:
        said["content"] = "".join(texts)
    if carried:
        details = [*carried, *(item for item in details if seal.is_worth([item]))]
    elif not seal.is_worth(details):
        details = []  # thoughts that nobody has signed: their text says it all, to any provider
    lists = {"tool_calls": tools, "reasoning_details": details, "images": images, "native_content": natives}
    said |= {name: value for name, value in lists.items() if value}
    if thoughts:
        said["reasoning"] = "".join(thoughts)
    return [said]
