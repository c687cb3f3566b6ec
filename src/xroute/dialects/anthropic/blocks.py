"""Canonical parts of a message as Anthropic's content blocks.

https://platform.claude.com/docs/en/api/messages/create, read 2026-11-21.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import Any
from urllib.parse import unquote_to_bytes

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
PDF = "application/pdf"

# Blocks of Anthropic's own that OpenAI has no part for; they go as they are.
OWN = re.compile(
    r"image|document|search_result|container_upload|tool_reference|tool_addition|tool_removal|browser_state"
    r"|server_tool_use|mcp_tool_use|compaction|fallback|\w+_tool_result"
)

_DATA = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),(.*)", re.S)
_KEPT = ("cache_control", "citations", "title", "context")
_TEXTS = (".txt", ".md", ".csv", ".json")  # endings of names


def of(part: Any) -> Json | None:
    """The block for one part; {} where the part says nothing, None where Anthropic has no block for it."""
    if not codec.is_object(part):
        return text(part) if isinstance(part, str) else None
    kind = part.get("type")
    if not isinstance(kind, str):
        return None
    if kind in _SAID:
        return text(part.get("refusal" if kind == "refusal" else "text"), part)
    if kind in _MADE:
        return _beside(_MADE[kind](part.get(kind)), part)
    return part if OWN.fullmatch(kind) else None


def text(said: Any, part: Json | None = None) -> Json:
    """A text block; {} for one without a visible character, which Anthropic refuses."""
    if not isinstance(said, str) or not said.strip():
        return {}
    block: Json = {"type": "text", "text": said}
    return _beside(block, part, "cache_control", "citations") if part else block


def cache(blocks: list[Json], control: Any) -> None:
    """A message's own cache marker: on its last block that takes one, unless that has its own."""
    if not codec.is_object(control):
        return
    for place in range(len(blocks) - 1, -1, -1):
        if blocks[place].get("type") not in ("thinking", "redacted_thinking"):
            blocks[place] = {"cache_control": control, **blocks[place]}
            return


def plain(blocks: list[Json]) -> str | list[Json]:
    """A lone text with nothing beside it as a string, which every server of this format takes."""
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"} and blocks[0]["type"] == "text":
        return blocks[0]["text"]
    return blocks


def _beside(block: Any, part: Json, *names: str) -> Any:
    """The block with the fields that the part has beside its content."""
    if not block:
        return block
    names = names or (_KEPT if block["type"] == "document" else ("cache_control",))
    return block | {name: part[name] for name in names if part.get(name) is not None}


def _image(given: Any) -> Json | None:
    """`detail` has no counterpart: Anthropic scales images by itself."""
    url: Any = given.get("url") if codec.is_object(given) else given
    if not isinstance(url, str):
        return None
    if url.startswith(("http://", "https://")):
        return {"type": "image", "source": {"type": "url", "url": url}}
    media, data = _data(url)
    return _picture(media, data) if data else None


def _picture(media: str, data: str) -> Json | None:
    media = "image/jpeg" if media == "image/jpg" else media
    if media not in IMAGES:
        return None
    return {"type": "image", "source": {"type": "base64", "media_type": media, "data": data}}


def _file(given: Any) -> Json | None:
    if not codec.is_object(given):
        return None
    name: Any = given.get("filename")
    source = _source(given, name if isinstance(name, str) else "")
    if source is None or source["type"] == "image":
        return source
    block: Json = {"type": "document", "source": source}
    return block | {"title": name} if isinstance(name, str) and name else block


def _source(given: Json, name: str) -> Json | None:
    """A document's source, or a whole image block where the file is an image."""
    for field, kind in (("file_url", "url"), ("file_id", "file_id")):
        if isinstance(value := given.get(field), str) and value:
            return {"type": "url" if kind == "url" else "file", kind: value}
    if not isinstance(value := given.get("file_data"), str) or not value:
        return None
    media, data = _data(value) if value.startswith("data:") else (_guess(value, name), value)
    if media == PDF:
        return {"type": "base64", "media_type": PDF, "data": data}
    if media.startswith("image/"):
        return _picture(media, data)
    if media.startswith("text/") or media in ("application/json", "application/xml"):
        return _plain_text(data)
    return None


def _guess(data: str, name: str) -> str:
    """The media type of bare base64: by the first bytes of a PDF, or by the ending of the name."""
    if data.startswith("JVBERi0"):
        return PDF
    return "text/plain" if name.lower().endswith(_TEXTS) else PDF


def _plain_text(data: str) -> Json | None:
    try:
        said = b64decode(data).decode("utf-8", "replace")
    except (Base64Error, ValueError):
        return None
    return {"type": "text", "media_type": "text/plain", "data": said}


_SAID = frozenset({"text", "input_text", "output_text", "refusal"})
_MADE = {"image_url": _image, "file": _file}


def _data(url: str) -> tuple[str, str]:
    """(media type, base64) of a data: URL; ("", "") where it is none."""
    found = _DATA.fullmatch(url)
    if found is None:
        return "", ""
    media, options, data = found.groups()
    if ";base64" not in options.lower():
        data = b64encode(unquote_to_bytes(data)).decode()
    return media.strip().lower() or "text/plain", data
