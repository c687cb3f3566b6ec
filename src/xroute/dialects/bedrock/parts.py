"""Canonical content as Converse's blocks.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html, read 2026-11-21.
"""

import re
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from xroute.dialects.bedrock.draft import Draft
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

# Blocks of Converse's own that a client may put among the parts, as they are.
NATIVE = frozenset(
    {"json", "image", "document", "video", "audio", "guardContent", "cachePoint", "searchResult"}
    | {"citationsContent", "toolUse", "toolResult", "reasoningContent", "toolAddition", "toolRemoval"}
)
# What a toolResult may hold: the rest of a tool's answer cannot be sent.
_RESULT = frozenset({"text", "json", "image", "document", "video", "searchResult"})

_IMAGES = {"png": "png", "jpeg": "jpeg", "jpg": "jpeg", "gif": "gif", "webp": "webp"}
_DOCUMENTS = {
    "pdf": "pdf", "csv": "csv", "doc": "doc", "docx": "docx", "xls": "xls", "xlsx": "xlsx", "html": "html",
    "htm": "html", "txt": "txt", "text": "txt", "plain": "txt", "md": "md", "markdown": "md", "msword": "doc",
    "x-markdown": "md", "vnd.ms-excel": "xls",
    "vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}  # fmt: skip
_VIDEOS = {
    "mp4": "mp4", "mkv": "mkv", "x-matroska": "mkv", "mov": "mov", "quicktime": "mov", "webm": "webm",
    "flv": "flv", "x-flv": "flv", "mpeg": "mpeg", "mpg": "mpg", "wmv": "wmv", "x-ms-wmv": "wmv",
    "3gpp": "three_gp", "3gp": "three_gp", "three_gp": "three_gp",
}  # fmt: skip
_AUDIO = {
    "mp3": "mp3", "mpeg": "mp3", "wav": "wav", "x-wav": "wav", "wave": "wav", "opus": "opus", "aac": "aac",
    "flac": "flac", "x-flac": "flac", "mp4": "mp4", "ogg": "ogg", "m4a": "m4a", "x-m4a": "m4a",
    "webm": "webm", "pcm": "pcm", "pcm16": "pcm", "x-aac": "x-aac", "mka": "mka", "mkv": "mkv",
}  # fmt: skip
_KINDS = {"image": _IMAGES, "video": _VIDEOS, "audio": _AUDIO}
_PLAIN = "txt"

_DATA = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.I)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]")


class Media(NamedTuple):
    """Where the bytes of a part are, and what they are."""

    source: Json  # Converse's source: {"bytes": base64} or {"s3Location": {"uri"}}
    major: str  # image, video, audio, text, application; "" = not said
    minor: str  # png, vnd.ms-excel, ...; "" = not said


def write(content: Any, where: str, draft: Draft) -> list[Json]:
    """The blocks of a message's content, a text or a list of parts; what cannot be sent is noted.

    Blank texts are left out: Bedrock refuses a message that has one.
    """
    if isinstance(content, str):
        return text(content)
    blocks: list[Json] = []
    given: list[Any] = content if codec.is_list(content) else []
    for number, item in enumerate(given):
        place = f"{where}.content[{number}]"
        found = part(item, place, draft)
        if found is None:
            draft.drop(place)
            continue
        blocks += found
        if codec.is_object(item):
            draft.mark(blocks, item, place)
    return blocks


def result(content: Any, where: str, draft: Draft) -> tuple[list[Json], list[Json]]:
    """(the content of a toolResult, the cache points that belong behind it)."""
    blocks = write(content, where, draft)
    points = [block for block in blocks if "cachePoint" in block][-1:]
    kept = [block for block in blocks if not block.keys().isdisjoint(_RESULT)]
    if len(kept) + sum("cachePoint" in block for block in blocks) < len(blocks):
        draft.drop(f"{where}.content")
    return kept, points


def text(value: Any) -> list[Json]:
    """A text block; none for a blank text."""
    return [{"text": value}] if isinstance(value, str) and value.strip() else []


def part(item: Any, where: str, draft: Draft) -> list[Json] | None:
    """The blocks of one part; None where Converse has no place for it."""
    if isinstance(item, str):
        return text(item)
    if not codec.is_object(item):
        return None
    kind: Any = item.get("type")
    if writer := _WRITERS.get(kind if isinstance(kind, str) else ""):
        return writer(item, draft)
    return _native(item) if kind is None else None


def _native(item: Json) -> list[Json] | None:
    names = item.keys() & NATIVE
    if len(names) != 1:
        return None
    name = names.pop()
    return [{name: item[name]}] if codec.is_object(item[name]) else None


def _text(item: Json, _: Draft) -> list[Json] | None:
    return text(item.get("text"))


def _refusal(item: Json, _: Draft) -> list[Json] | None:
    return text(item.get("refusal"))


def _image(item: Json, draft: Draft) -> list[Json] | None:
    return _medium(locate(_address(item.get("image_url"))), "image", draft)


def _video(item: Json, draft: Draft) -> list[Json] | None:
    return _medium(locate(_address(item.get("video_url"))), "video", draft)


def _audio(item: Json, draft: Draft) -> list[Json] | None:
    given: Any = item.get("input_audio")
    if not codec.is_object(given) or not isinstance(given.get("data"), str):
        return None
    said: Any = given.get("format")
    media = locate(given["data"]) or Media({"bytes": given["data"]}, "audio", str(said or ""))
    return _medium(media, "audio", draft)


def _address(value: Any) -> str:
    """{"url": ...} or the URL itself."""
    url: Any = value.get("url") if codec.is_object(value) else value
    return url if isinstance(url, str) else ""


def _file(item: Json, draft: Draft) -> list[Json] | None:
    """A file becomes a document, or what its type says; one that only its id names cannot be sent."""
    given: Any = item.get("file")
    own: Json = given if codec.is_object(given) else item
    data, name = own.get("file_data"), own.get("filename")
    filename = name if isinstance(name, str) else ""
    if isinstance(data, str) and data:
        media = locate(data) or Media({"bytes": data}, "", "")
    else:
        media = locate(_address(own.get("file_url")))
    if media is None:
        return None
    for kind in _KINDS:
        if media.major == kind:
            return _medium(media, kind, draft)
    return _document(media, filename, {**item, **own}, draft)


def _document(media: Media, filename: str, item: Json, draft: Draft) -> list[Json] | None:
    stem, _, extension = filename.rpartition(".")
    known = _DOCUMENTS.get(extension.lower())
    form = _DOCUMENTS.get(media.minor) or known or _ending(media.source, _DOCUMENTS)
    if form is None and media.major == "text":
        form = _PLAIN
    if form is None:
        kind = next((kind for kind, forms in _KINDS.items() if extension.lower() in forms), "")
        return _medium(Media(media.source, kind, extension.lower()), kind, draft) if kind else None
    title: Any = item.get("title")
    name = title if isinstance(title, str) and title else stem if known else filename
    block: Json = {"format": form, "name": draft.title(name), "source": media.source}
    if isinstance(context := item.get("context"), str) and context:
        block["context"] = context
    if codec.is_object(citations := item.get("citations")) and isinstance(citations.get("enabled"), bool):
        block["citations"] = {"enabled": citations["enabled"]}
    return [{"document": block}]


def _medium(media: Media | None, kind: str, _: Draft) -> list[Json] | None:
    if media is None:
        return None
    form = _KINDS[kind].get(media.minor) or _ending(media.source, _KINDS[kind])
    return [{kind: {"format": form, "source": media.source}}] if form else None


def _ending(source: Json, forms: dict[str, str]) -> str | None:
    """The format that an object's name in S3 tells."""
    uri: str = source["s3Location"]["uri"] if "s3Location" in source else ""
    return forms.get(uri.rpartition(".")[2].lower())


def locate(url: str) -> Media | None:
    """The bytes of a data: URL, or the place in S3; None for any other address: Bedrock fetches none."""
    if url[:5].lower() == "s3://":
        return Media({"s3Location": {"uri": url}}, "", "")
    head = _DATA.match(url)
    if head is None:
        return None
    major, _, minor = head.group(1).lower().partition("/")
    rest = url[head.end() :]
    data = _base64(rest) if ";base64" in head.group(2).lower() else b64encode(unquote_to_bytes(rest)).decode()
    return Media({"bytes": data}, major, minor) if data else None


def _base64(given: str) -> str | None:
    """Base64 as AWS reads it: padded, the usual alphabet, no blanks; None where it is none."""
    plain = given.strip()
    if len(plain) % 4 == 0 and _BASE64.fullmatch(plain):
        return plain
    raw = _NOT_BASE64.sub(b"", plain.replace("-", "+").replace("_", "/").encode("ascii", "ignore"))
    raw = raw.rstrip(b"=")
    try:
        a2b_base64(raw + b"=" * (-len(raw) % 4))
    except Base64Error:
        return None
    return (raw + b"=" * (-len(raw) % 4)).decode()


_WRITERS: dict[str, Callable[[Json, Draft], list[Json] | None]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "refusal": _refusal,
    "image_url": _image,
    "video_url": _video,
    "input_audio": _audio,
    "file": _file,
}
