"""Forms (multipart/form-data, RFC 7578): read and written without a copy of the files in them.

No library is used: all that is needed are the places of the parts in a buffer that is whole already, and
those at hand (python-multipart, multipart) are made for bodies in chunks, each of which they hand on or copy.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote_to_bytes

from xroute.errors import InvalidRequest

Buffer: TypeAlias = bytes | bytearray | memoryview

MAX_PARTS = 128
MAX_HEAD = 8 * 1024  # bytes of one part's headers
MAX_BOUNDARY = 70  # RFC 2046, section 5.1.1

_CODE = "invalid_form"
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]*[0-9A-Za-z'()+_,\-./:=?]")
_PARAMETER = re.compile(r';\s*([!#$%&\'*+\-.^_`|~0-9A-Za-z]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;"]*)')
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")  # no line holds these; a line end alone is one too
_AFTER = re.compile(rb"[ \t]*\r\n")  # what follows a boundary that begins a part
_ESCAPED = re.compile(r'\\(["\\])')
_PLAIN = frozenset({"", "binary", "8bit", "7bit"})
# For str.translate: what a quoted text cannot hold.
_SPECIAL = {34: "%22", 92: "\\\\", **{code: f"%{code:02X}" for code in (*range(32), 127)}}
_READ = re.compile(r"%(22|0D|0A)", re.I)


class File(NamedTuple):
    """A file of a form. `data` is a view of the form's own bytes."""

    filename: str  # "" where none was given
    media: str  # content type; "" where none was given
    data: memoryview
    apart: str = ""  # a boundary that the data does not hold; "" = none is known


class Field(NamedTuple):
    """One part of a form."""

    name: str
    value: str | File


def is_form(content_type: str) -> bool:
    """Whether a Content-Type header announces a form."""
    return content_type.partition(";")[0].strip().lower() == "multipart/form-data"


def read(data: bytearray, content_type: str) -> list[Field]:
    """The parts of a form in their order; InvalidRequest says what is wrong with it.

    A part with a `filename` is a file, every other one a text. What stands before the first boundary and
    after the last is passed over, as RFC 2046 has it; a last line end may be missing.
    """
    boundary = _boundary(content_type)
    mark = b"--" + boundary.encode("ascii")
    place = _first(data, mark)
    view, found = memoryview(data), list[Field]()
    apart = boundary
    while not data.startswith(b"--", place):
        if len(found) >= MAX_PARTS:
            raise _wrong(f"has more than {MAX_PARTS} parts")
        start = _line_end(data, place)
        head, start = _head(data, start)
        end, place, clear = _end(data, start, b"\r\n" + mark)
        apart = apart if clear else ""
        found.append(_field(head, view[start:end]))
    return [_apart(field, apart) for field in found]


def write(fields: Iterable[Field]) -> tuple[tuple[Buffer, ...], str]:
    """(the pieces of a form, to be sent one after the other; its content type)."""
    every = list(fields)
    boundary = _free(every)
    pieces: list[Buffer] = []
    text = bytearray()
    for name, value in every:
        text += f'--{boundary}\r\nContent-Disposition: form-data; name="{name.translate(_SPECIAL)}"'.encode()
        if isinstance(value, str):
            text += b"\r\n\r\n" + value.encode("utf-8", "replace") + b"\r\n"
            continue
        text += f'; filename="{value.filename.translate(_SPECIAL)}"\r\n'.encode("utf-8", "replace")
        media = (value.media or "application/octet-stream").translate(_SPECIAL)
        text += b"Content-Type: " + media.encode("latin-1", "replace") + b"\r\n\r\n"
        pieces += [bytes(text), value.data]
        text = bytearray(b"\r\n")
    text += f"--{boundary}--\r\n".encode()
    quoted = f'"{boundary}"' if re.search(r"[^0-9A-Za-z\-_.+']", boundary) else boundary
    return (*pieces, bytes(text)), f"multipart/form-data; boundary={quoted}"


def _boundary(content_type: str) -> str:
    found = parameters(content_type).get("boundary", "")
    if not found:
        raise _wrong("names no boundary in its content-type")
    if len(found) > MAX_BOUNDARY or not _BOUNDARY.fullmatch(found):
        raise _wrong("has a boundary of characters that none may have")
    return found


def parameters(header: str) -> dict[str, str]:
    """The parameters of a header's value, by their names in lower case; the first of a repeated one."""
    found: dict[str, str] = {}
    for name, value in _PARAMETER.findall(header):
        text = _ESCAPED.sub(r"\1", value[1:-1]) if value[:1] == '"' else value.strip()
        found.setdefault(name.lower(), text)
    return found


def _first(data: bytearray, mark: bytes) -> int:
    """The place behind the first boundary."""
    place = 0 if data.startswith(mark) else data.find(b"\r\n" + mark)
    while place >= 0:
        after = data.index(mark, place) + len(mark)
        if data.startswith(b"--", after) or _AFTER.match(data, after):
            return after
        place = data.find(b"\r\n" + mark, after)
    raise _wrong("holds no boundary, or is cut off")


def _line_end(data: bytearray, place: int) -> int:
    found = _AFTER.match(data, place)
    assert found is not None  # or it would be no boundary
    return found.end()


def _head(data: bytearray, start: int) -> tuple[dict[str, str], int]:
    """(a part's headers by lower-case name, where its content begins)."""
    if data.startswith(b"\r\n", start):
        return {}, start + 2
    end = data.find(b"\r\n\r\n", start, start + MAX_HEAD)
    if end < 0:
        raise _wrong(f"has a part whose headers are cut off, or longer than {MAX_HEAD} bytes")
    lines = bytes(data[start:end]).split(b"\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or _CONTROL.search(line):
            raise _wrong("has a part with a header line that is none")
        headers.setdefault(name.strip().lower().decode("latin-1"), _text(value.strip()))
    return headers, end + 4


def _end(data: bytearray, start: int, mark: bytes) -> tuple[int, int, bool]:
    """(the end of a part's content, the place behind the boundary, whether nothing in it is like one)."""
    place = start - 2 if data.startswith(mark, start - 2) else data.find(mark, start)
    clear = True
    while place >= 0:
        after = place + len(mark)
        if data.startswith(b"--", after) or _AFTER.match(data, after):
            return max(place, start), after, clear
        clear = False
        place = data.find(mark, place + 2)
    raise _wrong("is cut off: its last boundary is missing")


def _field(headers: dict[str, str], content: memoryview) -> Field:
    disposition = headers.get("content-disposition", "")
    given = parameters(disposition[len(disposition.partition(";")[0]) :])
    if disposition.partition(";")[0].strip().lower() != "form-data" or not given.get("name"):
        raise _wrong("has a part without a name")
    name = _unmasked(given["name"])
    if headers.get("content-transfer-encoding", "").lower() not in _PLAIN:
        raise _wrong("has a part in a transfer encoding; send it as it is", name)
    if "filename" in given or "filename*" in given:
        filename = _extended(given.get("filename*", "")) or _unmasked(given.get("filename", ""))
        media = headers.get("content-type", "")
        return Field(name, File(filename, media if media.isascii() else "", content))
    try:
        return Field(name, str(content, "utf-8"))
    except UnicodeDecodeError:
        raise _wrong("has a text that is not UTF-8; a file needs a filename", name) from None


def _apart(field: Field, boundary: str) -> Field:
    if isinstance(field.value, str):
        return field
    return Field(field.name, field.value._replace(apart=boundary))


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _unmasked(text: str) -> str:
    """The three characters that browsers mask: https://html.spec.whatwg.org/#multipart-form-data."""
    return _READ.sub(lambda found: chr(int(found.group(1), 16)), text)


def _extended(value: str) -> str:
    """The text of a `filename*` (RFC 8187); "" where it is none."""
    charset, first, rest = value.partition("'")
    _, second, text = rest.partition("'")
    if not (first and second) or charset.lower() not in ("utf-8", "iso-8859-1"):
        return ""
    try:
        return unquote_to_bytes(text).decode(charset)
    except UnicodeDecodeError:
        return ""


def _free(fields: list[Field]) -> str:
    """A boundary that no part holds: the client's own where its files are known to be free of it."""
    known = {field.value.apart for field in fields if isinstance(field.value, File)}
    texts = [field.value for field in fields if isinstance(field.value, str)]
    candidates = [*known] if len(known) == 1 and "" not in known else []
    number = 0
    while True:
        candidate = candidates.pop() if candidates else f"xroute-form-{number}"
        if not any(candidate in text for text in texts) and all(
            _lacks(field.value, candidate) for field in fields if isinstance(field.value, File)
        ):
            return candidate
        number += 1


def _lacks(file: File, boundary: str) -> bool:
    if file.apart == boundary:
        return True
    whole = file.data.obj
    held = whole if isinstance(whole, bytes | bytearray) else bytes(file.data)
    return held.find(b"--" + boundary.encode()) < 0


def _wrong(text: str, param: str | None = None) -> InvalidRequest:
    return InvalidRequest(f"The form {text}.", code=_CODE, param=param)
