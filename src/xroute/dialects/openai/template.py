"""Chunks that differ from one seen before in their text alone: recognised without parsing them."""

import re

import orjson

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

_MARK = "\ue000mark\ue001"  # private-use characters: no provider's own text
_PADDING = re.compile(rb'"(obfuscation|p)": ?"(\w+)"')  # random text that OpenAI, Mistral add to every chunk
_LABELS = frozenset({"role", "channel", "name"})  # say something of the text, and are none
_FIELDS = ("content", "reasoning", "reasoning_content")


class Template:
    """A parsed chunk cut at its text.

    A chunk that begins and ends with the same bytes, and whose text needs no unescaping, parses to the
    same object but for that text, so it is tidied in the same way: the result is put together from
    `_out` instead.
    """

    __slots__ = ("_head", "_middle", "_out", "_tail", "body", "hits")

    def __init__(self, head: bytes, middle: bytes, tail: bytes, out: list[bytes] | None, body: Json) -> None:
        self._head = head
        self._middle = middle  # between the text and the padding; b"" where there is no padding
        self._tail = tail
        self._out = out  # what stands between the copies of the text; None: the chunk goes on as it is
        self.body = body
        self.hits = 0

    def covers(self, raw: bytes) -> bool:
        """Whether the bytes around the text are this template's."""
        return raw.startswith(self._head) and raw.endswith(self._tail)

    def fit(self, raw: bytes) -> tuple[bytes, int] | None:
        """(the tidied chunk, characters of its text); None where `raw` has to be parsed."""
        head, tail = self._head, self._tail
        if not raw.startswith(head) or not raw.endswith(tail):
            return None
        middle = raw[len(head) : len(raw) - len(tail)]
        if self._middle:
            middle, found, padding = middle.partition(self._middle)
            if not found or not padding.isalnum():
                return None
        if not middle or b'"' in middle or b"\\" in middle:
            return None
        try:
            text = middle.decode()
        except UnicodeDecodeError:
            return None
        if not text.isprintable():  # raw control characters are no JSON; the rest is left to the parser
            return None
        self.hits += 1
        return raw if self._out is None else middle.join(self._out), len(text)


def learn(raw: bytes, tidied: Json, changed: bool) -> Template | None:
    """The template of a parsed and tidied chunk; None where it is not one text and fixed bytes around it."""
    given: Json = orjson.loads(raw)
    name = _field(given)
    found = re.search(rb'"%b": ?"((?:[^"\\]|\\.)+)"' % name.encode(), raw) if name else None
    if name is None or found is None:
        return None
    head, middle, tail = raw[: found.start(1)], b"", raw[found.end(1) :]
    padding = ""
    if found := _PADDING.search(tail):
        if changed:  # what goes out would hold the padding of the chunk that was learned from
            return None
        padding, middle, tail = found[1].decode(), tail[: found.start(2)], tail[found.end(2) :]
    if not _is_text_alone(given, name, (head, middle, tail), padding):
        return None
    out = _parts(tidied, given["choices"][0]["delta"][name]) if changed else None
    return Template(head, middle, tail, out, tidied)


def _field(given: Json) -> str | None:
    """Where the text stands in a chunk that holds one text and nothing else of an answer."""
    choices = given["choices"]
    if len(choices) != 1 or given.get("usage") or given.get("error"):
        return None
    choice = choices[0]
    delta = choice.get("delta")
    if not codec.is_object(delta) or any(choice.get(name) for name in ("finish_reason", "logprobs", "error")):
        return None
    full = [name for name, value in delta.items() if value and name not in _LABELS]
    return full[0] if len(full) == 1 and full[0] in _FIELDS and isinstance(delta[full[0]], str) else None


def _is_text_alone(given: Json, name: str, cut: tuple[bytes, bytes, bytes], padding: str) -> bool:
    """Whether other bytes between head and tail change the text (and the padding), and nothing else."""
    head, middle, tail = cut
    mark = _MARK.encode()
    try:
        marked: Json = orjson.loads(head + mark + (middle + mark if middle else b"") + tail)
        delta = marked["choices"][0]["delta"]
    except (orjson.JSONDecodeError, LookupError):
        return False
    if delta.get(name) != _MARK or (padding and marked.get(padding) != _MARK):
        return False
    delta[name] = given["choices"][0]["delta"][name]
    if padding:
        marked[padding] = given.get(padding)
    return marked == given


def _parts(tidied: Json, text: str) -> list[bytes]:
    """The bytes between the copies of the text in what tidying made of the chunk."""
    choice = tidied["choices"][0]
    delta = {
        name: _MARK if value == text and name in _FIELDS else value for name, value in choice["delta"].items()
    }
    return codec.write({**tidied, "choices": [{**choice, "delta": delta}]}).split(_MARK.encode())
