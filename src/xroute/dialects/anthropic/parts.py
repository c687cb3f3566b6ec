"""Content blocks of an Anthropic client as canonical parts.

Source: https://platform.claude.com/docs/en/api/messages/create, read 2026-11-21.
"""

from base64 import b64encode
from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.errors import InvalidPrompt, InvalidRequest

Path = tuple[str | int, ...]  # where a value stands in the client's request

_TEXT = frozenset({"type", "text", "cache_control"})

REQUIRED = "Field required"
OBJECT, LIST, TEXT = "an object", "a valid list", "a valid string"


def wrong(at: Path, text: str) -> InvalidRequest:
    """The error for the value at `at`, named as Anthropic names it: "messages.0.content: Field required"."""
    field = ".".join(map(str, at))
    kind = InvalidPrompt if at[0] in ("messages", "system") else InvalidRequest
    code = "missing_field" if text == REQUIRED else "invalid_value"
    return kind(f"{field}: {text}", param=field, code=code)


def unlike(at: Path, value: Any, expected: str) -> InvalidRequest:
    """The error for a value of the wrong type, or for one that is not there."""
    return wrong(at, REQUIRED if value is None else f"Input should be {expected}")


def text(block: Json, name: str, at: Path) -> str:
    """A field that has to be a string."""
    value = block.get(name)
    if not isinstance(value, str):
        raise unlike((*at, name), value, TEXT)
    return value


def blocks(content: Any, at: Path) -> list[Json]:
    """A list of content blocks, each an object with a type."""
    if not codec.is_list(content):
        raise unlike(at, content, "a valid string or a list of blocks")
    for place, block in enumerate(content):
        if not codec.is_object(block):
            raise unlike((*at, place), block, OBJECT)
        if not isinstance(block.get("type"), str):
            raise unlike((*at, place, "type"), block.get("type"), TEXT)
    return content


def parts(content: list[Json], at: Path) -> list[Json]:
    """The canonical parts of blocks; what nobody here knows stays as it is, for who knows it."""
    found: list[Json] = []
    for place, block in enumerate(content):
        found += part(block, (*at, place))
    return found


def part(block: Json, at: Path) -> list[Json]:
    """The parts that one block becomes; mostly one."""
    kind = block["type"]
    if kind == "text":
        text(block, "text", at)
        return [block if block.keys() <= _TEXT else _plain(block)]
    if kind == "image":
        return [_image(block, at)]
    if kind == "document":
        return _document(block, at)
    if kind == "search_result":
        return [_search_result(block, at)]
    return [block]


def _plain(block: Json) -> Json:
    """A text without what only Anthropic has beside it."""
    return {name: value for name, value in block.items() if name in _TEXT and value is not None}


def simple(found: list[Json]) -> str | list[Json]:
    """A lone text without anything beside it as a string, which every server takes."""
    if len(found) == 1 and found[0].keys() == {"type", "text"} and found[0]["type"] == "text":
        return found[0]["text"]
    return found


def _source(block: Json, at: Path) -> Json:
    source = block.get("source")
    if not codec.is_object(source):
        raise unlike((*at, "source"), source, OBJECT)
    return source


def _beside(block: Json, *names: str) -> Json:
    """The block's fields that a part keeps."""
    return {name: block[name] for name in ("cache_control", *names) if block.get(name) is not None}


def _image(block: Json, at: Path) -> Json:
    source = _source(block, at)
    kind = source.get("type")
    if kind == "base64":
        data = text(source, "data", (*at, "source"))
        url = f"data:{text(source, 'media_type', (*at, 'source'))};base64,{data}"
    elif kind == "url":
        url = text(source, "url", (*at, "source"))
    else:
        return block  # a file at Anthropic, which no other provider has
    return {"type": "image_url", "image_url": {"url": url}, **_beside(block)}


def _document(block: Json, at: Path) -> list[Json]:
    source = _source(block, at)
    where, kind = (*at, "source"), source.get("type")
    if kind == "base64":
        media = source.get("media_type") or "application/pdf"
        return [_file(block, file_data=f"data:{media};base64,{text(source, 'data', where)}")]
    if kind == "url":
        return [_file(block, file_url=text(source, "url", where))]
    if kind == "file":
        return [_file(block, file_id=text(source, "file_id", where))]
    if kind == "text":
        return [_text_document(block, text(source, "data", where))]
    if kind == "content":
        return _content_document(block, source.get("content"), (*where, "content"))
    return [block]


def _file(block: Json, **file: str) -> Json:
    if isinstance(title := block.get("title"), str) and title:
        file["filename"] = title
    return {"type": "file", "file": file, **_beside(block, "title", "context", "citations")}


def _text_document(block: Json, data: str) -> Json:
    """A file where citations are wanted, as only a provider of documents can give them; else plain text."""
    citations = block.get("citations")
    if codec.is_object(citations) and citations.get("enabled"):
        encoded = b64encode(data.encode()).decode()
        return _file(block, file_data=f"data:text/plain;base64,{encoded}")
    return {"type": "text", "text": _framed(block, data), **_beside(block)}


def _content_document(block: Json, content: Any, at: Path) -> list[Json]:
    """A document of chunks: its texts as one document, unless there are images between them."""
    if isinstance(content, str):
        return [_text_document(block, content)]
    chunks = blocks(content, at)
    if all(chunk["type"] == "text" for chunk in chunks):
        texts = [text(chunk, "text", (*at, place)) for place, chunk in enumerate(chunks)]
        return [_text_document(block, "\n".join(texts))]
    found = parts(chunks, at)
    found[-1] = {**found[-1], **_beside(block)}
    return found


def _framed(block: Json, data: str) -> str:
    """The text of a document with its title and context, kept apart from what is said about it."""
    names = [name for name in ("title", "context") if isinstance(block.get(name), str) and block[name]]
    about = "".join(f"<{name}>{block[name]}</{name}>\n" for name in names)
    return f"<document>\n{about}{data}\n</document>"


def _search_result(block: Json, at: Path) -> Json:
    """A result that the client has found itself, as text: other providers have no such part."""
    content = blocks(block.get("content"), (*at, "content"))
    texts = [chunk["text"] for chunk in content if isinstance(chunk.get("text"), str)]
    names = [name for name in ("title", "source") if isinstance(block.get(name), str)]
    about = "".join(f"<{name}>{block[name]}</{name}>\n" for name in names)
    body = "\n".join(texts)
    return {"type": "text", "text": f"<search_result>\n{about}{body}\n</search_result>", **_beside(block)}
