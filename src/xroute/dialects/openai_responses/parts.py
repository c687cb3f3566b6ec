"""Content parts of a message as the Responses API takes them."""

from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

# Marks the end of a reusable prefix; `cache_control` has no counterpart, as the API caches by itself:
# https://developers.openai.com/api/docs/guides/prompt-caching, read 2026-11-21.
_MARK = "prompt_cache_breakpoint"

_MEDIA = {
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "json": "application/json",
    "html": "text/html",
    "xml": "text/xml",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def inputs(content: Any, where: str, dropped: list[str]) -> str | list[Json]:
    """What a user, a developer or a tool says; what cannot be sent is named in `dropped`."""
    if content is None or isinstance(content, str):
        return content or ""
    parts: list[Any] = content if codec.is_list(content) else [content]
    out: list[Json] = []
    for number, part in enumerate(parts):
        if (sent := _input(part)) is None:
            dropped.append(f"{where}.content[{number}]")
        else:
            out.append(sent)
    return out


def _input(part: Any) -> Json | None:
    if isinstance(part, str):
        return {"type": "input_text", "text": part}
    if not codec.is_object(part):
        return None
    kind = part.get("type")
    sent: Json | None = None
    if kind in ("text", None) and isinstance(part.get("text"), str):
        sent = {"type": "input_text", "text": part["text"]}
    elif kind == "image_url":
        sent = _image(part.get("image_url"))
    elif kind == "file":
        sent = _file(part.get("file"))
    elif isinstance(kind, str) and kind.startswith("input_") and kind != "input_audio":
        return part  # one of its own
    if sent is not None and _MARK in part:
        sent[_MARK] = part[_MARK]
    return sent


def _image(image: Any) -> Json | None:
    given: Json = image if codec.is_object(image) else {"url": image}
    sent: Json = {"type": "input_image", "detail": given.get("detail") or "auto"}
    if isinstance(url := given.get("url"), str) and url:
        return {**sent, "image_url": url}
    return {**sent, "file_id": given["file_id"]} if given.get("file_id") else None


def _file(file: Any) -> Json | None:
    if not codec.is_object(file):
        return None
    sent: Json = {name: value for name, value in file.items() if value is not None}
    if isinstance(data := sent.get("file_data"), str):
        name: Any = sent.get("filename")
        if not data.startswith("data:"):
            data = f"data:{_media(name)};base64,{data}"
        sent["file_data"] = data
        sent.setdefault("filename", _named(data))
    return {"type": "input_file", **sent} if sent else None


def _media(name: Any) -> str:
    ending = name.rpartition(".")[2].lower() if isinstance(name, str) else ""
    return _MEDIA.get(ending, _MEDIA["pdf"])


def _named(data: str) -> str:
    """Data needs a name, by whose ending it is read."""
    media = data[5:].partition(";")[0].partition(",")[0]
    return "file." + next((ending for ending, known in _MEDIA.items() if known == media), "pdf")


def outputs(content: Any, where: str, dropped: list[str]) -> list[Json]:
    """What the assistant said, as text and refusal parts; each text without its annotations."""
    if content is None or isinstance(content, str):
        return [{"type": "output_text", "text": content}] if content else []
    parts: list[Any] = content if codec.is_list(content) else [content]
    out: list[Json] = []
    for number, part in enumerate(parts):
        if (sent := _output(part)) is None:
            dropped.append(f"{where}.content[{number}]")
        else:
            out.append(sent)
    return out


def _output(part: Any) -> Json | None:
    if isinstance(part, str):
        return {"type": "output_text", "text": part}
    if not codec.is_object(part):
        return None
    if part.get("type") == "refusal":
        return {"type": "refusal", "refusal": str(part.get("refusal") or "")}
    text: Any = part.get("text")
    return {"type": "output_text", "text": text} if isinstance(text, str) else None
