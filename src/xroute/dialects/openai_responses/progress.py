"""What of a streamed item's texts is out already."""

from zlib import crc32

from xroute.dialects.openai.codec import Json

ALL = -1  # all parts in a row


class Item:
    """One item of the output: what it is, and how far its texts have come.

    Of a text that is out only its length and a checksum are kept, which is enough to know it again.
    """

    __slots__ = (
        "_first",
        "_sent",
        "_several",
        "cited",
        "closed",
        "id",
        "length",
        "logprobs",
        "note",
        "number",
        "offset",
        "type",
    )

    def __init__(self) -> None:
        self.type = ""
        self.id = ""
        self.number: int | None = None  # of the tool call
        self.note: Json | None = None  # of a message
        self.offset = 0  # where the message's text begins in the whole
        self.length = 0  # of the message's text
        self.cited: dict[int, int] = {}  # part -> annotations that are out
        self.logprobs = False  # any are out
        self.closed = False
        self._first: dict[str, int] = {}  # kind -> its first part
        self._several = False  # some kind has several parts
        self._sent: dict[tuple[str, int], tuple[int, int]] = {}  # (kind, part) -> (characters, checksum)

    def send(self, kind: str, part: int, text: str) -> None:
        """A piece of a text goes out."""
        known = self._sent.get((kind, part))
        if known is None:
            known = self._begin(kind, part)
        self._sent[kind, part] = known[0] + len(text), _sum(text, known[1])
        if self._several and (row := self._sent.get((kind, ALL))):
            self._sent[kind, ALL] = row[0] + len(text), _sum(text, row[1])

    def _begin(self, kind: str, part: int) -> tuple[int, int]:
        """A new part. The row of all parts is kept only where there is more than one."""
        first = self._first.setdefault(kind, part)
        if first != part and (kind, ALL) not in self._sent:
            self._several = True
            self._sent[kind, ALL] = self._sent[kind, first]
        return 0, 0

    def missing(self, kind: str, part: int, whole: str) -> str | None:
        """What of a whole text is not out yet; None where its pieces said something else."""
        sent, checksum = self._sent.get((kind, part), (0, 0))
        return whole[sent:] if _sum(whole[:sent]) == checksum else None

    def rest(self, kind: str, texts: list[tuple[int, str]]) -> list[tuple[int, str]]:
        """(part, text) of what is not out yet, of all parts of a finished item.

        They are compared in a row: Bedrock numbers the parts of its pieces otherwise than those of its items.
        """
        row = self._sent.get((kind, ALL)) or self._sent.get((kind, self._first.get(kind, 0)))
        sent, checksum = row or (0, 0)
        if _sum("".join(text for _, text in texts)[:sent]) != checksum:
            return []
        out: list[tuple[int, str]] = []
        for part, text in texts:
            if missing := text[sent:]:
                out.append((part, missing))
            sent = max(sent - len(text), 0)
        return out

    def before(self, part: int) -> int:
        """Characters of the message's text that stand before a part."""
        texts = [(other, sent) for (kind, other), (sent, _) in self._sent.items() if kind == "text"]
        return sum(sent for other, sent in texts if ALL < other < part)


def _sum(text: str, start: int = 0) -> int:
    return crc32(text.encode("utf-8", "surrogatepass"), start)
