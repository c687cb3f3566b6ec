"""Converse's whole answer as a ChatCompletion.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, read 2026-11-21.
"""

from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, ErrorBody, ErrorInfo, Malformed
from xroute.dialects.bedrock import blocks, fault, usage
from xroute.dialects.bedrock.families import format_of
from xroute.dialects.bedrock.tools import ANSWER, SERVED
from xroute.dialects.openai import codec, tokens
from xroute.dialects.openai.body import object_of
from xroute.dialects.openai.calls import made_id
from xroute.dialects.openai.codec import Json


def decode(raw: bytes, *, model: str, request_id: str, created: int, quirks: Quirks) -> Answer:
    """Read the body of a 2xx answer; raises Malformed, or ErrorBody where it holds an error."""
    body = object_of(raw)
    output: Any = body.get("output")
    said: Any = output.get("message") if codec.is_object(output) else None
    if not codec.is_object(said):
        if info := fault.embedded(body):
            raise ErrorBody(info)
        raise Malformed("the provider's answer holds no message")
    message = Message(format_of(model), request_id)
    content: Any = said.get("content")
    try:
        for block in content if codec.is_list(content) else []:
            message.add(block)
        return _answer(body, message, model, request_id, created)
    except RecursionError:
        raise Malformed("the provider's answer is nested too deeply") from None


def _answer(body: Json, message: "Message", model: str, request_id: str, created: int) -> Answer:
    native: Any = body.get("stopReason")
    if blocks.is_spoiled(native) and not message.holds:
        raise ErrorBody(ErrorInfo(f"the model's output could not be read: {native}", code=native))
    reason = blocks.finish_of(native, calls=len(message.calls), answered=message.answered)
    choice: Json = {"index": 0, "message": message.body(), "logprobs": None, "finish_reason": reason}
    if isinstance(native, str) and native != reason:
        choice["native_finish_reason"] = native
    found = usage.read(body.get("usage"))
    completion: Json = {
        "id": "chatcmpl-" + request_id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [choice],
        **blocks.around(body),
    }
    if found is not None:
        completion["usage"] = found
    return Answer(completion, None if found is None else tokens.read(found), message.holds)


class Message:
    """An assistant's message while its blocks are read."""

    def __init__(self, form: str, seed: str) -> None:
        self._form = form
        self._seed = seed
        self._text = ""
        self._thoughts: list[Json] = []
        self._notes: list[Json] = []  # annotations
        self._images: list[Json] = []
        self._native: list[Json] = []
        self.calls: list[Json] = []
        self.answered = False  # by our own answer tool

    @property
    def holds(self) -> bool:
        """Whether there is anything of an answer."""
        return bool(self._text or self._thoughts or self._images or self._native or self.calls)

    def add(self, block: Any) -> None:
        """One block of the message."""
        if not codec.is_object(block):
            return
        if isinstance(text := block.get("text"), str):
            self._text += text
        elif "toolUse" in block:
            self._use(block)
        elif "reasoningContent" in block:
            if entry := blocks.thought(block["reasoningContent"], len(self._thoughts), self._form):
                self._thoughts.append(entry)
        elif codec.is_object(cited := block.get("citationsContent")):
            self._cite(cited, block)
        elif (made := blocks.image(block.get("image"))) is not None:
            self._images.append(made)
        else:
            self._native.append(block)

    def body(self) -> Json:
        """The message in OpenAI's form."""
        message: Json = {"role": "assistant", "content": self._text or None}
        if reasoning := "".join(entry.get("text", "") for entry in self._thoughts):
            message["reasoning"] = reasoning
        lists = (
            ("reasoning_details", self._thoughts),
            ("tool_calls", self.calls),
            ("annotations", self._notes),
            ("images", self._images),
            ("native_content", self._native),
        )
        message |= {name: value for name, value in lists if value}
        if message["content"] is None and not self.calls:
            message["content"] = ""
        return message

    def _use(self, block: Json) -> None:
        use: Any = block["toolUse"]
        if not codec.is_object(use) or use.get("type") == SERVED:
            self._native.append(block)
            return
        given: Any = use.get("input")
        arguments = given if isinstance(given, str) else codec.write({} if given is None else given).decode()
        if use.get("name") == ANSWER:
            self._text += arguments
            self.answered = True
            return
        own: Any = use.get("toolUseId")
        call_id = own if isinstance(own, str) and own else made_id(f"{self._seed}:0:{len(self.calls)}")
        function: Json = {"name": str(use.get("name") or ""), "arguments": arguments or "{}"}
        self.calls.append({"id": call_id, "type": "function", "function": function})

    def _cite(self, cited: Json, block: Json) -> None:
        start = len(self._text)
        pieces: Any = cited.get("content")
        for piece in pieces if codec.is_list(pieces) else []:
            if codec.is_object(piece) and isinstance(text := piece.get("text"), str):
                self._text += text
        given: Any = cited.get("citations")
        found = [
            blocks.citation(item, start, len(self._text)) for item in (given if codec.is_list(given) else [])
        ]
        self._notes += [note for note in found if note]
        if None in found:  # sources without an address: OpenAI has no form for them
            self._native.append(block)
