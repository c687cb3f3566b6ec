"""Events of a response in OpenAI's names and order, and the items of its output as they grow.

https://developers.openai.com/api/reference/resources/responses/streaming-events, read 2026-11-21.
"""

from typing import Any

import orjson

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

COMPLETED, INCOMPLETE = "completed", "incomplete"


class Tape:
    """Events as bytes, numbered. A silent one writes nothing: for answers that are no stream."""

    def __init__(self, *, silent: bool = False) -> None:
        self._silent = silent
        self._number = 0
        self._out: list[bytes] = []

    def emit(self, name: str, /, **fields: Any) -> None:
        """One event."""
        if self._silent:
            return
        body = {"type": name, **fields, "sequence_number": self._number}
        self._number += 1
        self._out.append(b"event: %b\ndata: %b\n\n" % (name.encode(), codec.write(body)))

    def delta(self, head: bytes, text: str) -> None:
        """A piece of text; `head` is made once for each part."""
        if not self._silent:
            self.quoted(head, codec.write(text))

    def quoted(self, head: bytes, text: bytes) -> None:
        """A piece of text that is JSON already: by far the most frequent event of a stream."""
        self._out.append(b'%b%b,"sequence_number":%d}\n\n' % (head, text, self._number))
        self._number += 1

    def head(self, name: str, body: Json) -> bytes:
        """An event up to its delta."""
        if self._silent:
            return b""
        return b'event: %b\ndata: %b,"delta":' % (name.encode(), codec.write({"type": name, **body})[:-1])

    def taken(self) -> bytes:
        """What was written since the last time."""
        data = b"".join(self._out)
        self._out.clear()
        return data


class Item:
    """An item of the output while it is written."""

    def __init__(self, tape: Tape, output: list[Json], made: Json) -> None:
        """`made` begins the output's next item; it is changed in place until it is closed."""
        self._tape = tape
        self._place = len(output)
        self.made = made
        output.append(made)
        tape.emit("response.output_item.added", output_index=self._place, item=made)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._place}: {self.made.get('status')}>"

    def close(self, status: str = COMPLETED) -> None:
        """The item is as it stays."""
        if "status" in self.made:
            self.made["status"] = status
        self._tape.emit("response.output_item.done", output_index=self._place, item=self.made)

    def abandon(self) -> None:
        """The answer broke off: the item stays as far as it came, and no event says more of it."""
        if self.made.get("status") == "in_progress":
            self.made["status"] = INCOMPLETE
        self._keep()

    def _keep(self) -> None:
        """Puts what came in pieces into the open item."""

    def _emit(self, name: str, /, **fields: Any) -> None:
        self._tape.emit(name, item_id=self.made["id"], output_index=self._place, **fields)

    def _head(self, name: str, /, **fields: Any) -> bytes:
        body = {"item_id": self.made["id"], "output_index": self._place, **fields}
        return self._tape.head(name, body)


class Spoken(Item):
    """A message: parts of text and refusal, one after another."""

    def __init__(self, tape: Tape, output: list[Json], id_: str, phase: Any = None) -> None:
        self._kind = ""  # of the open part
        self._pieces: list[str] = []  # of the open part
        self._texts = b""  # begins an event with text
        made: Json = {"id": id_, "type": "message", "status": "in_progress", "role": "assistant"}
        if isinstance(phase, str):
            made["phase"] = phase
        super().__init__(tape, output, {**made, "content": []})

    def text(self, text: str, logprobs: list[Json] | None = None) -> None:
        """A piece of the text."""
        self._part("output_text")
        self._pieces.append(text)
        if not logprobs:
            self._tape.delta(self._texts, text)
            return
        self.made["content"][-1]["logprobs"] += logprobs
        place = len(self.made["content"]) - 1
        self._emit("response.output_text.delta", content_index=place, delta=text, logprobs=logprobs)

    @property
    def is_text(self) -> bool:
        """Whether the open part is text."""
        return self._kind == "output_text"

    def quoted(self, text: bytes) -> int:
        """A piece of the open text, as JSON; its characters."""
        piece: str = orjson.loads(text)
        self._pieces.append(piece)
        self._tape.quoted(self._texts, text)
        return len(piece)

    def refuse(self, text: str) -> None:
        """A piece of a refusal."""
        self._part("refusal")
        self._pieces.append(text)
        self._emit("response.refusal.delta", content_index=len(self.made["content"]) - 1, delta=text)

    def cite(self, annotation: Json) -> None:
        """An annotation of the text so far."""
        if self._kind != "output_text":
            self.note(annotation)
            return
        part: Json = self.made["content"][-1]
        part["annotations"].append(annotation)
        self._emit(
            "response.output_text.annotation.added",
            content_index=len(self.made["content"]) - 1,
            annotation_index=len(part["annotations"]) - 1,
            annotation=annotation,
        )

    def note(self, annotation: Json) -> None:
        """An annotation that came when the text was closed: the last event alone has it."""
        for part in self.made["content"]:
            if part["type"] == "output_text":
                part["annotations"].append(annotation)
                return

    def close(self, status: str = COMPLETED) -> None:
        if not self.made["content"]:
            self._part("output_text")
        self._end()
        super().close(status)

    def _keep(self) -> None:
        if self._kind:
            field = "refusal" if self._kind == "refusal" else "text"
            self.made["content"][-1][field] = "".join(self._pieces)

    def _part(self, kind: str) -> None:
        if self._kind == kind:
            return
        self._end()
        self._kind = kind
        part: Json = {"type": "refusal", "refusal": ""}
        if kind == "output_text":
            part = {"type": kind, "text": "", "annotations": [], "logprobs": []}
        place = len(self.made["content"])
        self._emit("response.content_part.added", content_index=place, part=part)
        self.made["content"].append(part)
        self._texts = self._head("response.output_text.delta", content_index=place, logprobs=[])

    def _end(self) -> None:
        kind, self._kind = self._kind, ""
        if not kind:
            return
        place = len(self.made["content"]) - 1
        part: Json = self.made["content"][place]
        whole = "".join(self._pieces)
        self._pieces = []
        if kind == "refusal":
            part["refusal"] = whole
            self._emit("response.refusal.done", content_index=place, refusal=whole)
        else:
            part["text"] = whole
            probable = part["logprobs"]
            self._emit("response.output_text.done", content_index=place, text=whole, logprobs=probable)
        self._emit("response.content_part.done", content_index=place, part=part)


class Thought(Item):
    """Reasoning: what can be read is its summary, in parts."""

    def __init__(self, tape: Tape, output: list[Json], id_: str) -> None:
        self._key: Any = None  # of the open part
        self._open = False
        self._pieces: list[str] = []
        self._deltas = b""
        self.details: dict[Any, Json] = {}  # by index, in order
        made: Json = {"id": id_, "type": "reasoning", "summary": []}
        super().__init__(tape, output, made)

    def think(self, text: str, key: Any) -> None:
        """A piece of a part; another key begins another part."""
        if not self._open or key != self._key:
            self._end()
            self._begin(key)
        self._pieces.append(text)
        self._tape.delta(self._deltas, text)

    def close(self, status: str = COMPLETED) -> None:
        self._end()
        super().close(status)

    def finish(self, fields: Json) -> None:
        """Sets what is known at the end, before it is closed."""
        self._end()
        self.made.update(fields)

    def _keep(self) -> None:
        if self._open:
            self.made["summary"][-1]["text"] = "".join(self._pieces)

    def _begin(self, key: Any) -> None:
        self._key, self._open = key, True
        place = len(self.made["summary"])
        part = {"type": "summary_text", "text": ""}
        self._emit("response.reasoning_summary_part.added", summary_index=place, part=part)
        self.made["summary"].append(part)
        self._deltas = self._head("response.reasoning_summary_text.delta", summary_index=place)

    def _end(self) -> None:
        if not self._open:
            return
        self._open = False
        place = len(self.made["summary"]) - 1
        part: Json = self.made["summary"][place]
        part["text"] = whole = "".join(self._pieces)
        self._pieces = []
        self._emit("response.reasoning_summary_text.done", summary_index=place, text=whole)
        self._emit("response.reasoning_summary_part.done", summary_index=place, part=part)


class Called(Item):
    """A call of a function."""

    def __init__(self, tape: Tape, output: list[Json], made: Json) -> None:
        self._pieces: list[str] = []
        super().__init__(tape, output, {**made, "arguments": ""})
        self._deltas = self._head("response.function_call_arguments.delta")

    def argue(self, text: str) -> None:
        """A piece of the arguments."""
        if text:
            self._pieces.append(text)
            self._tape.delta(self._deltas, text)

    def _keep(self) -> None:
        self.made["arguments"] = "".join(self._pieces)

    def is_whole(self) -> bool:
        """Whether nothing can follow, as the arguments are a whole object."""
        return _object("".join(self._pieces)) is not None

    def close(self, status: str = COMPLETED) -> None:
        if not any(piece.strip() for piece in self._pieces):
            self._pieces.clear()
            self.argue("{}")  # a call without arguments: clients read JSON
        whole = self.made["arguments"] = "".join(self._pieces)
        name = self.made["name"]
        self._emit("response.function_call_arguments.done", arguments=whole, name=name)
        super().close(status)


class Written(Item):
    """A call of a tool that takes free text. A model that knows functions alone gives it as `input`."""

    def __init__(self, tape: Tape, output: list[Json], made: Json, *, is_function: bool) -> None:
        self._pieces: list[str] = []
        self._is_function = is_function
        super().__init__(tape, output, {**made, "input": ""})
        self._deltas = self._head("response.custom_tool_call_input.delta")

    def argue(self, text: str) -> None:
        """A piece of the text, or of the arguments that hold it: those have to be whole to be read."""
        if text:
            self._pieces.append(text)
            if not self._is_function:
                self._tape.delta(self._deltas, text)

    def _keep(self) -> None:
        if not self._is_function:  # half a JSON string is no text
            self.made["input"] = "".join(self._pieces)

    def is_whole(self) -> bool:
        """Whether nothing can follow."""
        return not self._is_function or _object("".join(self._pieces)) is not None

    def close(self, status: str = COMPLETED) -> None:
        whole = "".join(self._pieces)
        if self._is_function:
            whole = free_text(whole)
            self._tape.delta(self._deltas, whole)
        self.made["input"] = whole
        self._emit("response.custom_tool_call_input.done", input=whole)
        super().close(status)


def free_text(arguments: str) -> str:
    """The free text in the arguments of a function that stands for a custom tool."""
    found = _object(arguments)
    if found is None or not found:
        return "" if found is not None else arguments
    if isinstance(text := found.get("input"), str):
        return text
    only = next(iter(found.values()))
    return only if len(found) == 1 and isinstance(only, str) else arguments


def _object(text: str) -> Json | None:
    if not text.rstrip().endswith("}"):
        return None
    try:
        found: Any = codec.read(text.encode("utf-8", "surrogatepass"))
    except ValueError:
        return None
    return found if codec.is_object(found) else None
