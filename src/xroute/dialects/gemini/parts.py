"""Content parts of a canonical message as Gemini's parts.

https://ai.google.dev/api/caching#Part, read 2026-11-21. The provider fetches public addresses itself:
https://ai.google.dev/gemini-api/docs/file-input-methods, read 2026-11-21.
"""

from base64 import b64encode
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from xroute.dialects.gemini.family import Family
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

FILES = "https://generativelanguage.googleapis.com/v1beta/"  # what a file id as "files/abc" is short for

# The kinds of a native part: one that comes as it is, goes as it is.
NATIVE = frozenset(
    {
        "inlineData",
        "inline_data",
        "fileData",
        "file_data",
        "executableCode",
        "executable_code",
        "codeExecutionResult",
        "code_execution_result",
        "toolCall",
        "tool_call",
        "toolResponse",
        "tool_response",
    }
)

_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "html": "text/html",
    "htm": "text/html",
    "csv": "text/csv",
    "json": "application/json",
    "xml": "text/xml",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "mpeg": "video/mpeg",
    "mpg": "video/mpeg",
    "webm": "video/webm",
    "wmv": "video/wmv",
    "flv": "video/x-flv",
    "3gp": "video/3gpp",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "aiff": "audio/aiff",
    "pcm16": "audio/pcm",
    "pcm": "audio/pcm",
}
# What a part is taken for where neither it nor its name says it.
_USUAL = {"image_url": "image/jpeg", "video_url": "video/mp4", "input_audio": "audio/wav"}

# OpenAI's words for how closely an image is looked at: https://ai.google.dev/gemini-api/docs/media-resolution,
# read 2026-11-21.
DETAILS = {
    "low": "MEDIA_RESOLUTION_LOW",
    "medium": "MEDIA_RESOLUTION_MEDIUM",
    "high": "MEDIA_RESOLUTION_HIGH",
    "original": "MEDIA_RESOLUTION_ULTRA_HIGH",
}


def is_native(part: Json) -> bool:
    """Whether it is a part of Gemini's own, with its kind as `type` or without one."""
    return not NATIVE.isdisjoint(part) and part.get("type", "") in ("", *NATIVE)


def untyped(part: Json) -> Json:
    """The part as Gemini has it."""
    return {name: value for name, value in part.items() if name not in ("type", "cache_control")}


def texts(content: Any) -> str:
    """The text of a content, parts joined."""
    if isinstance(content, str):
        return content
    given: list[Any] = content if codec.is_list(content) else []
    return "".join(str(part.get("text") or "") for part in given if codec.is_object(part))


class Parts:
    """Turns the parts of one request, and remembers what concerns all of it."""

    def __init__(self, family: Family, dropped: list[str]) -> None:
        self._family = family
        self._dropped = dropped
        self._details: set[str] = set()
        self.is_marked = False  # a cache_control was seen

    def of(self, content: Any, where: str) -> list[Json]:
        """Gemini's parts for a string, a part or a list of them; what cannot be carried is named."""
        if isinstance(content, str):
            return [{"text": content}] if content else []
        given: list[Any] = content if codec.is_list(content) else [] if content is None else [content]
        found: list[Json] = []
        for place, part in enumerate(given):
            new = self._part(part)
            if new is None:
                self._dropped.append(f"{where}[{place}]")
            elif new:
                found.append(new)
        return found

    @property
    def resolution(self) -> str | None:
        """The mediaResolution of the whole request, for models that have none for each part."""
        found = [word for name, word in DETAILS.items() if name in self._details and name != "original"]
        return found[-1] if found else None

    def _part(self, part: Any) -> Json | None:
        """One part; {} for an empty one, None for what cannot be carried."""
        if isinstance(part, str):
            return {"text": part} if part else {}
        if not codec.is_object(part):
            return None
        self.is_marked = self.is_marked or part.get("cache_control") is not None
        kind: Any = part.get("type") or ("text" if "text" in part else None)
        if not isinstance(kind, str | None):
            return None
        if kind in ("text", "input_text", "output_text", "refusal"):
            text: Any = part.get("text") or part.get("refusal")
            return {"text": text} if isinstance(text, str) and text else {}
        if kind in _MEDIA:
            new = self._media(part, kind)
            return new if new is None else new | _video(part, kind)
        return untyped(part) if is_native(part) else None

    def _media(self, part: Json, kind: str) -> Json | None:
        inner: Any = part.get(kind)
        inner = {_MEDIA[kind][0]: inner} if isinstance(inner, str) else inner
        if not codec.is_object(inner):
            return None
        name: Any = inner.get("filename") or ""
        source = next((inner[field] for field in _MEDIA[kind] if isinstance(inner.get(field), str)), None)
        if source is None:
            return None
        found = _data(source, _type(inner, name if isinstance(name, str) else ""), kind)
        return found | self._resolution(inner.get("detail"))

    def _resolution(self, detail: Any) -> Json:
        if not isinstance(detail, str) or detail not in DETAILS:
            return {}
        if self._family.mixes:
            return {"mediaResolution": {"level": DETAILS[detail]}}
        self._details.add(detail)
        return {}


# Kind of part -> where its data or address may stand.
_MEDIA: dict[str, tuple[str, ...]] = {
    "image_url": ("url",),
    "video_url": ("url",),
    "input_audio": ("data", "url"),
    "file": ("file_data", "file_url", "file_id"),
}


def _data(source: str, mime: str, kind: str) -> Json:
    """A blob for data at hand, an address for what the provider has to fetch."""
    if source.startswith("data:"):
        return _inline(source, mime or _USUAL.get(kind, "application/pdf"))
    if "://" in source:
        return _address(source, mime or _of_name(_path(source)) or _USUAL.get(kind, ""))
    if source.startswith("files/"):
        return _address(FILES + source, mime)
    return {"inlineData": {"mimeType": mime or _USUAL.get(kind, "application/pdf"), "data": source}}


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:  # the address is for its provider to refuse
        return ""


def _address(uri: str, mime: str) -> Json:
    return {"fileData": {"mimeType": mime, "fileUri": uri} if mime else {"fileUri": uri}}


def _inline(url: str, mime: str) -> Json:
    """A data: URL (RFC 2397); what is not base64 becomes it."""
    head, _, data = url[5:].partition(",")
    said, *parameters = head.split(";")
    if "base64" in parameters:
        parameters.remove("base64")
    else:
        data = b64encode(unquote_to_bytes(data)).decode()
    kept = [parameter for parameter in parameters if "=" in parameter]
    return {"inlineData": {"mimeType": ";".join((said, *kept)) if said else mime, "data": data}}


def _type(inner: Json, name: str) -> str:
    """The media type that the part says, or its format, or its file name; "" where nothing does."""
    for field in ("mime_type", "format", "media_type"):
        if isinstance(said := inner.get(field), str) and said:
            return said if "/" in said else _TYPES.get(said.lower(), "")
    return _of_name(name)


def _of_name(name: str) -> str:
    return _TYPES.get(name.rpartition(".")[2].lower(), "") if "." in name else ""


def _video(part: Json, kind: str) -> Json:
    """The piece of a video that is meant: https://ai.google.dev/gemini-api/docs/video-understanding."""
    inner: Any = part.get(kind)
    for holder in (part, inner):
        if codec.is_object(holder):
            for name in ("video_metadata", "videoMetadata"):
                if codec.is_object(found := holder.get(name)):
                    return {"videoMetadata": found}
    return {}
