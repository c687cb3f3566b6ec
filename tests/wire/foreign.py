"""What the judges of dialects other than OpenAI's share: their answers against a reader of the test's own."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk
from tests.wire.judges import chat
from tests.wire.reading import Reading
from tests.wire.recordings import Recording
from tests.wire.verdict import Failed, Skipped, expect

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import ErrorBody, Malformed
from xroute.errors import CutError, ProtocolError
from xroute.wire.usage import Usage

GIVEN: dict[str, Any] = {
    "model": chat.MODEL,
    "request_id": chat.REQUEST_ID,
    "created": chat.CREATED,
}


@dataclass
class Said(Reading):
    """A provider's own answer, as the judge reads it."""

    billed: tuple[int, int] | None = None  # tokens in and out that are paid for
    annotations: list[str] = field(default_factory=list)  # addresses that are cited, in order
    unreadable: str = ""  # not "": this is no answer at all, and why


@dataclass(frozen=True)
class Judge:
    """One dialect and its second reader."""

    dialect: ModuleType
    whole: Callable[[str], Said]
    stream: Callable[[str], Said]
    as_values: bool = False  # arguments are sent as objects: compared as JSON values
    quirks: Quirks = field(default_factory=Quirks)

    def check(self, recording: Recording) -> None:
        """Raises Failed where the dialect gives something else than the provider said."""
        if "truncated" in recording.notes:
            raise Skipped("the recorded body is capped")
        (self._stream if recording.streaming else self._whole)(recording)

    def _whole(self, recording: Recording) -> None:
        said = self.whole(recording.text)
        try:
            answer = self.dialect.decode(recording.body, **GIVEN, quirks=self.quirks)
        except ErrorBody as error:
            _same_error(said, error.info.message)
            return
        except Malformed as error:
            expect(said.unreadable, f"taken for malformed: {error}")
            return
        expect(not said.unreadable, f"taken for an answer, though {said.unreadable}")
        expect(said.error is None, f"the error was not seen: {said.error}")
        chat._valid(ChatCompletion, json.dumps(answer.body).encode())
        got = Reading(ids=[answer.body["id"]], usage=answer.body.get("usage"))
        cited: list[str] = []
        for choice in answer.body["choices"]:
            got.choices[choice["index"]] = chat._told(choice["message"], choice["finish_reason"])
            cited += _cited(choice["message"])
            _details(choice["message"].get("reasoning_details"), choice["message"].get("reasoning") or "")
        self._same(said, got, answer.usage, cited)
        expect(answer.content == said.holds, f"content is {answer.content}, not {said.holds}")

    def _stream(self, recording: Recording) -> None:
        said = self.stream(recording.text)
        decoder = self.decoder()
        chunks = decoder.feed(recording.body)
        try:
            chunks += decoder.finish()
            cut = False
        except CutError:
            cut = True
        self._cuttings(recording, [chunk.raw for chunk in chunks], decoder)
        for chunk in chunks:
            chat._valid(ChatCompletionChunk, chunk.raw)
        if said.error:
            expect(decoder.error is not None, f"the error was not seen: {said.error}")
            _same_error(said, decoder.error.message)
        else:
            expect(decoder.error is None, f"taken for an error: {decoder.error}")
            expect(decoder.done == said.closed, "a cut stream looks complete, or a complete one cut")
            expect(cut == (not said.closed and said.holds), "a cut was not seen")
        got, cited = chat._sum(chunks), list[str]()
        got.usage = json.loads(decoder.usage_chunk(Usage(), {}))["usage"] if decoder.usage_body else None
        details: list[Any] = []
        for chunk in chunks:
            for choice in json.loads(chunk.raw)["choices"]:
                cited += _cited(choice["delta"])
                details += choice["delta"].get("reasoning_details") or []
        _details(details, "".join(choice.reasoning for choice in got.choices.values()))
        chat._valid(ChatCompletionChunk, decoder.usage_chunk(Usage(7, 8), {"cost": 0.25}))
        self._same(said, got, decoder.usage, cited)
        expect(decoder.saw_content == said.holds, f"saw_content is {decoder.saw_content}")

    def decoder(self) -> Any:
        return self.dialect.Decoder(**GIVEN, quirks=self.quirks, include_usage=True)

    def _cuttings(self, recording: Recording, raws: list[bytes], whole: Any) -> None:
        """The same chunks come out however the bytes are cut."""
        for name, pieces in (
            ("bytes", chat._bytewise(recording.body)),
            ("random", chat._random(recording)),
        ):
            decoder, got = self.decoder(), list[bytes]()
            for piece in pieces:
                got += [chunk.raw for chunk in decoder.feed(piece)]
            try:
                got += [chunk.raw for chunk in decoder.finish()]
            except (CutError, ProtocolError):
                expect(not whole.done, f"cut only when fed in {name}")
            expect(got == raws, f"other chunks when fed in {name}")
            expect(
                (decoder.error, decoder.done) == (whole.error, whole.done), f"another end when fed in {name}"
            )

    def _same(self, said: Said, got: Reading, usage: Usage | None, cited: list[str]) -> None:
        if self.as_values:
            _as_values(said)
            _as_values(got)
        chat._same(said, got)
        expect(cited == said.annotations, f"other annotations: {cited}, not {said.annotations}")
        if said.usage is None:
            return
        expect(usage is not None and got.usage is not None, "usage was lost")
        for name, value in said.usage.items():
            expect(_at(got.usage, name) == value, f"another {name}: {_at(got.usage, name)}, not {value}")
        billed = said.billed or (said.usage["prompt_tokens"], said.usage["completion_tokens"])
        expect((usage.input, usage.output) == billed, f"{usage} is billed, not {billed}")


def _same_error(said: Said, message: str) -> None:
    expect(said.error is not None, f"taken for an error: {message}")
    expect(str(said.error) in message, f"another message: {message!r}, not {said.error!r}")


def _cited(said: dict[str, Any]) -> list[str]:
    return [item["url_citation"]["url"] for item in said.get("annotations") or []]


def _details(details: list[Any] | None, reasoning: str) -> None:
    """Details of text, joined by index, hold the reasoning's text."""
    if not details:
        return
    texts: dict[int, str] = {}
    for item in details:
        expect(item["type"] == "reasoning.text" and item["format"], f"an odd detail: {item}")
        texts[item["index"]] = texts.get(item["index"], "") + item["text"]
    expect("".join(texts[index] for index in sorted(texts)) == reasoning, "details and reasoning differ")


def _as_values(reading: Reading) -> None:
    for choice in reading.choices.values():
        for tool in choice.tools:
            try:
                tool.arguments = json.dumps(json.loads(tool.arguments), sort_keys=True)
            except ValueError:
                raise Failed(f"arguments that are not JSON: {tool.arguments[:80]!r}") from None


def _at(usage: dict[str, Any], path: str) -> Any:
    value: Any = usage
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
