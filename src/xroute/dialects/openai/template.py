"""Chunks that differ from one seen before in their text alone: recognised without parsing them."""

import re
from itertools import islice

import orjson

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.wire.chunk import Chunk

TEMPLATES = 3  # kept per stream: reasoning, text, and another choice's
LESSONS = 10  # chunks of one kind that are looked at to learn their template
WORTH = 12  # uses that pay for another lesson

_FRAMINGS = (b"data: ", b"data:")
_MARK = "\ue000mark\ue001"  # private-use characters: no provider's own text
_PADDING = re.compile(rb'"(obfuscation|p)": ?"(\w+)"')  # random text that OpenAI, Mistral add to every chunk
_is_plain = re.compile(rb"[ !#-\[\]-~]+").fullmatch  # ASCII that stands in JSON as it is
_LABELS = frozenset({"role", "channel", "name"})  # say something of the text, and are none
_FIELDS = ("content", "reasoning", "reasoning_content")


class Template:
    """A parsed chunk cut at its text.

    A chunk that begins and ends with the same bytes, and whose text needs no unescaping, parses to the
    same object but for that text, so it is tidied in the same way: the result is put together from
    `_out` instead.
    """

    __slots__ = ("_behind", "_framing", "_head", "_middle", "_out", "_start", "_tail", "body", "hits")

    def __init__(
        self, framing: int, cut: tuple[bytes, bytes, bytes], out: list[bytes] | None, body: Json
    ) -> None:
        self._framing = framing  # bytes before the JSON
        # All that is before and behind the text; between it and the padding, b"" where there is no padding.
        self._head, self._middle, self._tail = cut
        self._start, self._behind = len(self._head), len(self._tail)
        self._out = out  # what stands between the copies of the text; None: the chunk goes on as it is
        self.body = body
        self.hits = 0

    def covers(self, block: bytes) -> bool:
        """Whether the bytes around the text are this template's."""
        return block.startswith(self._head) and block.endswith(self._tail)

    def run(self, blocks: list[bytes], place: int, chunks: list[Chunk]) -> tuple[int, int]:
        """Reads the events from `place` on into chunks, as far as they fit.

        (the place of the first that has to be parsed, the characters of the texts before it)
        """
        head, tail, start, behind, middle = self._head, self._tail, self._start, self._behind, self._middle
        framing, out, first, chars = self._framing, self._out, place, 0
        for block in islice(blocks, place, None):
            if not block.startswith(head) or not block.endswith(tail):
                break
            end = len(block) - behind
            if middle and (end := self._padded(block, start, end)) < 0:
                break
            if _is_plain(block, start, end):
                chars += end - start
            elif found := _characters(block[start:end]):
                chars += found
            else:
                break
            chunks.append(Chunk(block[framing:] if out is None else block[start:end].join(out), True))
            place += 1
        self.hits += place - first
        return place, chars

    def _padded(self, block: bytes, start: int, end: int) -> int:
        """Where the text ends that padding follows; -1 where what follows is none."""
        found = block.find(self._middle, start, end)
        return found if found >= 0 and block[found + len(self._middle) : end].isalnum() else -1


def _characters(text: bytes) -> int:
    """How many there are in bytes that are more than ASCII; 0 where a parser has to say."""
    if b'"' in text or b"\\" in text:
        return 0
    try:
        found = text.decode()
    except UnicodeDecodeError:
        return 0
    return len(found) if found.isprintable() else 0  # raw control characters are no JSON


class Templates:
    """Those of one stream. One whose chunks are all different is soon given up on."""

    __slots__ = ("_lessons", "known")

    def __init__(self, lessons: int) -> None:
        self._lessons = lessons
        self.known: tuple[Template, ...] = ()  # the latest first

    def learn(self, block: bytes, raw: bytes, tidied: Json, changed: bool) -> None:
        """Keeps a template of an event by its lines and the data of them, which was parsed and tidied."""
        if not self._lessons:
            return
        if any(known.covers(block) for known in self.known):  # its text alone did not fit
            return
        self._lessons -= 1
        new = _learn(block, raw, tidied, changed)
        if new is None:
            return
        if sum(known.hits for known in self.known) >= WORTH:
            self._lessons = LESSONS
            for known in self.known:
                known.hits = 0
        self.known = (new, *self.known[: TEMPLATES - 1])


def _learn(block: bytes, raw: bytes, tidied: Json, changed: bool) -> Template | None:
    """None where the event is not one text and fixed bytes around it."""
    given: Json = orjson.loads(raw)
    name = _field(given)
    found = re.search(rb'"%b": ?"((?:[^"\\]|\\.)+)"' % name.encode(), raw) if name else None
    framing = block.removesuffix(raw)
    if name is None or found is None or framing not in _FRAMINGS:
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
    return Template(len(framing), (framing + head, middle, tail), out, tidied)


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
