"""The parts of a candidate as pieces of an assistant message, for whole answers and for streams alike."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

from xroute.dialects.gemini.partial import Call
from xroute.dialects.openai import codec
from xroute.dialects.openai.calls import made_id
from xroute.dialects.openai.codec import Json

FORMAT = "google-gemini-v1"  # of reasoning_details that are put back onto the parts of the next request
ANSWER = "xroute_answer"  # the tool that carries an answer of a schema beside other tools
_BESIDE = frozenset({"thought", "thoughtSignature", "thought_signature", "partMetadata", "videoMetadata"})
IMAGE = "image_{}"  # `id` of the signature of an image: the images of a message are counted from 0


class Progress:
    """What has been read of one candidate.

    https://ai.google.dev/api/caching#Part and https://ai.google.dev/gemini-api/docs/thought-signatures,
    read 2026-11-21.
    """

    __slots__ = ("_details", "_images", "_open", "_seed", "_thinking", "answered", "calls", "texts")

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._details = 0  # items of reasoning_details
        self._thinking = False  # the last of these is a thought that may go on
        self._images = 0
        self._open: Call | None = None
        self.calls = 0
        self.answered = False  # by a call of ANSWER
        self.texts: list[str] = []  # of the answer, for places that citations name

    def read(self, content: Any) -> Iterator[Json]:
        """Pieces of the message, each with one field of it, or with `reasoning` and its details."""
        parts: Any = content.get("parts") if codec.is_object(content) else None
        for part in parts if codec.is_list(parts) else ():
            if codec.is_object(part):
                yield from self._part(part)

    def say(self, text: str) -> None:
        """A piece of the answer's text."""
        if text:
            self._thinking = False
            self.texts.append(text)

    def end(self) -> Iterator[Json]:
        """What the end of the candidate finishes."""
        if self._open is not None:
            yield from self._close(self._open)

    def _part(self, part: Json) -> Iterator[Json]:
        signature: Any = part.get("thoughtSignature") or part.get("thought_signature")
        signature = signature if isinstance(signature, str) else ""
        text = part.get("text")
        if isinstance(text, str):
            yield from self._text(text, part.get("thought") is True, signature)
        elif codec.is_object(call := part.get("functionCall")):
            yield from self._call(call, signature)
        elif codec.is_object(blob := part.get("inlineData")) and not part.get("thought"):
            yield from self._blob(blob, part, signature)
        elif part.keys() - _BESIDE:
            yield self._native(part)
        else:
            yield from self._text("", part.get("thought") is True, signature)

    def _text(self, text: str, thought: bool, signature: str) -> Iterator[Json]:
        if thought:
            if text or signature:
                yield self._thought(text, signature)
            return
        if text:
            self.say(text)
            yield {"content": text}
        if signature:
            yield self._signed(signature)

    def _thought(self, text: str, signature: str) -> Json:
        """Thoughts that follow each other are one item, up to the signature."""
        detail: Json = {"type": "reasoning.text", "text": text, "format": FORMAT}
        if signature:
            detail["signature"] = signature
        if not self._thinking:
            self._details += 1
        self._thinking = not signature
        detail["index"] = self._details - 1
        return {"reasoning": text, "reasoning_details": [detail]}

    def _signed(self, signature: str, owner: str = "") -> Json:
        """A signature of a part that is no thought; `owner` is the id of a tool call or an image."""
        self._thinking = False
        self._details += 1
        detail: Json = {"type": "reasoning.encrypted", "data": signature}
        if owner:
            detail["id"] = owner
        return {"reasoning_details": [{**detail, "format": FORMAT, "index": self._details - 1}]}

    def _call(self, call: Json, signature: str) -> Iterator[Json]:
        name: Any = call.get("name")
        going = call.get("willContinue") is True
        if not isinstance(name, str) or not name:
            if self._open is not None:
                self._open.add(call)
                yield from () if going else self.end()
            return
        yield from self.end()
        fresh = Call(-1 if name == ANSWER else self.calls, name)
        fresh.add(call)
        if going:
            self._open = fresh
        yield from self._begin(fresh, call.get("id"), signature, going)

    def _begin(self, call: Call, own: Any, signature: str, going: bool) -> Iterator[Json]:
        """A call; one that goes on gets its arguments at its end."""
        self._thinking = False
        id_ = ""
        if call.number < 0:
            self.answered = True
            yield from () if going else self._answer(call)
        else:
            id_ = own if isinstance(own, str) and own else made_id(f"{self._seed}:{call.number}")
            self.calls += 1
            function = {"name": call.name, "arguments": "" if going else call.text()}
            yield {
                "tool_calls": [{"index": call.number, "id": id_, "type": "function", "function": function}]
            }
        if signature:
            yield self._signed(signature, id_)

    def _close(self, call: Call) -> Iterator[Json]:
        self._open = None
        if call.number < 0:
            yield from self._answer(call)
        else:
            yield {"tool_calls": [{"index": call.number, "function": {"arguments": call.text()}}]}

    def _answer(self, call: Call) -> Iterator[Json]:
        self.texts.append(call.text())
        yield {"content": call.text()}

    def _blob(self, blob: Json, part: Json, signature: str) -> Iterator[Json]:
        self._thinking = False
        mime: Any = blob.get("mimeType") or blob.get("mime_type") or ""
        data: Any = blob.get("data")
        if not isinstance(mime, str) or not isinstance(data, str):
            yield self._native(part)
        elif mime.startswith("image/"):
            yield from self._image(mime, data, signature)
        elif mime.startswith("audio/"):
            yield {"audio": {"id": "audio_" + self._seed, "data": data, "mime_type": mime}}
            if signature:
                yield self._signed(signature)
        else:
            yield self._native(part)

    def _native(self, part: Json) -> Json:
        """A part of another kind as it is, its signature in it."""
        self._thinking = False
        kind = next(name for name in part if name not in _BESIDE)
        return {"native_content": [{"type": kind, **part}]}

    def _image(self, mime: str, data: str, signature: str) -> Iterator[Json]:
        """As OpenRouter has it: https://openrouter.ai/docs/features/multimodal/image-generation."""
        number, self._images = self._images, self._images + 1
        url = f"data:{mime};base64,{data}"
        yield {"images": [{"index": number, "type": "image_url", "image_url": {"url": url}}]}
        if signature:
            yield self._signed(signature, IMAGE.format(number))


def length(piece: Json) -> int:
    """Characters of text in a piece."""
    chars = sum(len(piece[name]) for name in ("content", "reasoning") if name in piece)
    for call in piece.get("tool_calls", ()):
        chars += len(call["function"].get("name", "")) + len(call["function"]["arguments"])
    return chars


def fold(message: Json, piece: Json) -> None:
    """Add a piece to a whole message."""
    for name, value in piece.items():
        if name in ("content", "reasoning"):
            message[name] = (message.get(name) or "") + value
        elif name == "tool_calls":
            _join_call(message, value[0])
        elif name == "audio":
            _join_audio(message, value)
        elif name == "reasoning_details":
            _join_detail(message, value[0])
        else:
            message.setdefault(name, []).extend(value)


def _join_call(message: Json, piece: Json) -> None:
    calls: list[Json] = message.setdefault("tool_calls", [])
    if "id" in piece:
        calls.append({name: value for name, value in piece.items() if name != "index"})
    else:
        calls[piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]


def _join_detail(message: Json, piece: Json) -> None:
    details: list[Json] = message.setdefault("reasoning_details", [])
    if details and details[-1]["index"] == piece["index"]:
        text = details[-1]["text"] + piece["text"]
        details[-1].update(piece, text=text)
    else:
        details.append(piece)


def _join_audio(message: Json, piece: Json) -> None:
    """OpenAI's types ask for all four fields. Each piece is base64 of its own, so the bytes are joined."""
    audio: Json | None = message.get("audio")
    if audio is None:
        message["audio"] = {**piece, "expires_at": 0, "transcript": ""}
        return
    try:
        audio["data"] = b64encode(b64decode(audio["data"]) + b64decode(piece["data"])).decode()
    except ValueError:  # no base64: nothing that we could mend
        audio["data"] += piece["data"]
