"""Recorded generateContent calls of the Gemini API and of Vertex AI: answers, streams, errors, requests."""

import json
from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk
from tests.wire import faults, geminis, prompts, reading
from tests.wire.foreign import GIVEN, Judge
from tests.wire.geminis import Said
from tests.wire.judges import chat
from tests.wire.reading import Reading
from tests.wire.recordings import Recording
from tests.wire.verdict import Skipped, expect

from xroute.dialects import gemini
from xroute.dialects.answer import ErrorBody, Malformed
from xroute.dialects.gemini import count_tokens, native
from xroute.errors import CutError
from xroute.upstream.failure import classify
from xroute.wire.usage import Usage

Json = dict[str, Any]


def check(recording: Recording) -> None:
    """The answer, as a translated and as a passed one, then the request that led to it."""
    if "truncated" in recording.notes:
        raise Skipped("the recorded body is capped")
    if recording.status >= 400:
        _error(recording)
    elif recording.streaming:
        JUDGE._stream(recording)
        _passed(recording)
        _request(recording)
    else:
        JUDGE._whole(recording)
        _request(recording)


def _request(recording: Recording) -> None:
    """The recorded request in canonical form and back again says the same, and Google's SDK takes it."""
    if recording.data.get("request_encoding") != "text" or recording.data.get("request_notes"):
        return
    try:
        given = prompts.camel(json.loads(recording.data["request_body"]))
    except ValueError:
        return
    wrong = prompts.problem(given)
    try:
        canonical = prompts.canonical_of(given)
    except (LookupError, TypeError, AttributeError, ValueError):
        expect(wrong, "the request cannot be read, though the SDK takes it")
        return
    before = json.dumps(canonical)
    upstream = recording.data["url"].rpartition("/models/")[2].partition(":")[0]
    sent, dropped, *_ = gemini.encode(canonical, upstream=upstream, quirks=JUDGE.quirks)
    expect(json.dumps(canonical) == before, "encode changed the client's body")
    if not wrong:
        expect(not prompts.problem(sent), f"not a request of the SDK: {prompts.problem(sent)}")
    old, new = prompts.meant(given), prompts.meant(prompts.camel(json.loads(json.dumps(sent))))
    if upstream.startswith("gemini-2.0") and old["thinking"] == {"thinkingBudget": "0"}:
        old["thinking"] = {}  # it does not think
    for name, value in old.items():
        expect(value == new[name], f"another {name}: {new[name]!r:.300}, not {value!r:.300}")
    expect(not dropped, f"dropped {dropped}")


def _error(recording: Recording) -> None:
    """The class is judged by `faults`; the status word has to be kept, or be told more exactly."""
    if "input token count" in recording.text:
        failure = classify(
            recording.status, recording.headers, gemini.error_of(recording.status, {}, recording.body)
        )
        expect(failure.kind == "context_length", f"too long a prompt is {failure.kind}")
    else:
        faults.check(recording)
    info = gemini.error_of(recording.status, recording.headers, recording.body)
    expect(info.message, "an error without a message")
    try:
        body = json.loads(recording.text)
        error = (body[0] if isinstance(body, list) else body)["error"]
        message, status = error["message"].strip(), error["status"]
    except (ValueError, LookupError, TypeError, AttributeError):
        return  # not in Google's form
    expect(info.message == message, f"another message: {info.message!r}")
    expect(info.type == status and info.code, f"the status {status} became {info.type!r}, {info.code!r}")


class _Judge(Judge):
    """As of the other dialects, with what Gemini has besides."""

    def _whole(self, recording: Recording) -> None:
        try:
            said, unreadable = geminis.whole(recording.text), ""
        except reading.Unreadable as reason:
            said, unreadable = Said(), str(reason)
        try:
            answer = gemini.decode(recording.body, **GIVEN, quirks=self.quirks)
        except ErrorBody as error:
            expect(said.failed or said.error, f"taken for an error: {error}")
            expect((said.error or "") in error.info.message, f"another message: {error.info.message!r}")
            return
        except Malformed as error:
            expect(unreadable, f"taken for malformed: {error}")
            return
        expect(not unreadable, f"taken for an answer, though {unreadable}")
        expect(said.error is None and not said.failed, f"the error was not seen: {said.error}")
        chat._valid(ChatCompletion, json.dumps(answer.body).encode())
        got = Reading(ids=[answer.body["id"]], usage=answer.body.get("usage"))
        heaps = [choice["message"] for choice in answer.body["choices"]]
        for choice in answer.body["choices"]:
            got.choices[choice["index"]] = chat._told(choice["message"], choice["finish_reason"])
            word = choice["native_finish_reason"]
            expect(word == said.natives[choice["index"]], f"another native finish reason: {word}")
            texts = [d["text"] for d in choice["message"].get("reasoning_details") or [] if "text" in d]
            expect(
                "".join(texts) == (choice["message"].get("reasoning") or ""), "details and reasoning differ"
            )
        self._agree(said, got, answer.usage, heaps)
        logprobs = [choice["logprobs"] for choice in answer.body["choices"] if choice["logprobs"]]
        expect(sum(len(item["content"]) for item in logprobs) == said.logprobs, "log probabilities were lost")
        if said.models:
            expect(answer.body["model"] == said.models[0], f"another model: {answer.body['model']}")
        expect(answer.content == said.substance, f"content is {answer.content}")
        passed = native.decode(recording.body, **GIVEN, quirks=self.quirks)
        expect(passed.raw == recording.body and passed.usage == answer.usage, "passed on otherwise")

    def _stream(self, recording: Recording) -> None:
        said = geminis.stream(recording.text)
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
        if said.error is not None or said.failed:
            expect(decoder.error is not None, f"the error was not seen: {said.error}")
            expect((said.error or "") in decoder.error.message, f"another message: {decoder.error}")
            return
        expect(decoder.error is None, f"taken for an error: {decoder.error}")
        if not said.substance and not said.proper:
            said.choices.clear()  # an empty stream is none
        expect(decoder.done == said.proper, "a cut stream looks complete, or a complete one cut")
        expect(cut == (said.substance and not said.proper), "a cut was not seen")
        got = chat._sum(chunks)
        got.usage = json.loads(decoder.usage_chunk(Usage(), {}))["usage"] if decoder.usage_body else None
        chat._valid(ChatCompletionChunk, decoder.usage_chunk(Usage(7, 8), {"cost": 0.25}))
        choices = [choice for chunk in chunks for choice in json.loads(chunk.raw)["choices"]]
        self._agree(said, got, decoder.usage, [choice["delta"] for choice in choices])
        logprobs = [len(choice["logprobs"]["content"]) for choice in choices if choice["logprobs"]]
        expect(sum(logprobs) == said.logprobs, "log probabilities were lost")
        expect(decoder.saw_content == said.substance, f"saw_content is {decoder.saw_content}")
        ends = [choice for choice in choices if choice["finish_reason"]]
        expect(len(ends) == (len(said.choices) if said.proper else 0), f"{len(ends)} ends")

    def _agree(self, said: Said, got: Reading, usage: Usage | None, heaps: list[Json]) -> None:
        """`heaps`: the messages, or the deltas, that hold everything."""
        for choice in got.choices.values():
            if said.blocked:
                choice.refusal = said.choices[0].refusal
        for one in (said, got):
            _values(one)
        chat._same(said, got)
        expect(
            _all(heaps, "images", lambda item: item["image_url"]["url"].partition(",")[2]) == said.images,
            "images",
        )
        held = _all(heaps, "reasoning_details", lambda item: item.get("data") or item.get("signature"))
        traces = _all(heaps, "native_content", lambda item: item)
        held += [trace.get("thoughtSignature") for trace in traces]
        expect(sorted(filter(None, held)) == sorted(said.signatures), "signatures were lost")
        expect(
            [{k: v for k, v in trace.items() if k != "type"} for trace in traces] == said.traces,
            "traces of server-side tools were lost",
        )
        cited = set(_all(heaps, "annotations", lambda item: item["url_citation"]["url"]))
        expect(cited == said.cited, f"other citations: {cited} not {said.cited}")
        _billed(said, got.usage, usage)


JUDGE = _Judge(gemini, geminis.whole, geminis.stream, as_values=True)  # type: ignore[arg-type]


def _all(heaps: list[Json], name: str, take: Any) -> list[Any]:
    return [take(item) for heap in heaps for item in heap.get(name) or []]


def _values(one: Reading) -> None:
    for choice in one.choices.values():
        for tool in choice.tools:
            tool.arguments = json.dumps(json.loads(tool.arguments), sort_keys=True)


def _billed(said: Said, body: Json | None, usage: Usage | None) -> None:
    expected = geminis.usage_of(said)
    if expected is None:
        expect(usage is None, f"usage out of nothing: {usage}")
        return
    expect(body is not None and usage is not None, "usage was lost")
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        expect(body[name] == expected[name], f"another {name}: {body[name]}, not {expected[name]}")
    expect(usage.input == expected["prompt_tokens"], f"{usage}, not {expected}")
    expect(usage.output == expected["completion_tokens"], f"{usage}, not {expected}")
    expect(usage.cached == min(expected["cached_tokens"], usage.input), f"{usage.cached} cached tokens")
    expect(usage.audio_in == expected["audio_tokens"], f"{usage.audio_in} tokens of sound")
    expect(usage.reasoning >= expected["reasoning_tokens"], f"{usage.reasoning} tokens of thought")
    for name, value in (said.usage or {}).items():
        expect(body.get(name) == value, f"{name} of the provider was lost")


def _passed(recording: Recording) -> None:
    """Bytes that pass: the same bytes, the same end, the same usage, however they are cut."""
    said, text = geminis.stream(recording.text), recording.text.lstrip()
    ends = []
    for pieces in ([recording.body], chat._random(recording), chat._bytewise(recording.body)):
        decoder, out, cut = native.Decoder(**GIVEN, quirks=JUDGE.quirks), b"", False
        for piece in pieces:
            out += b"".join(chunk.raw for chunk in decoder.feed(piece))
        try:
            out += b"".join(chunk.raw for chunk in decoder.finish())
        except CutError:
            cut = True
        ends.append(
            (out, cut, decoder.done, decoder.error, decoder.usage, decoder.saw_content, decoder.chars)
        )
    expect(ends[0] == ends[1] == ends[2], "passed on otherwise when cut otherwise")
    out, cut, done, error, usage, _, _ = ends[0]
    expect((error is not None) == (said.error is not None or said.failed), f"passed on with {error}")
    if error is None:
        expect(done == said.proper and cut == (said.substance and not done), "passed on, the end is another")
        expected = geminis.usage_of(said)
        expect((usage is None) == (expected is None), "usage of passed bytes was lost")
        if usage is not None and expected is not None:
            expect(
                (usage.input, usage.output) == (expected["prompt_tokens"], expected["completion_tokens"]),
                "usage",
            )
        if text[:1] not in ("[", "{"):
            expect(out.rstrip() == recording.body.rstrip(), "other bytes were passed on")


def total(recording: Recording) -> None:
    """countTokens of Google; what other providers answer at such an endpoint is not judged here."""
    if ":countTokens" not in str(recording.data.get("url")):
        raise Skipped("counts of another provider")
    if recording.status >= 400:
        _error(recording)
        return
    expect(count_tokens.decode(recording.body) == json.loads(recording.text)["totalTokens"], "another count")


ENDPOINTS = {
    "gemini.generateContent": check,
    "gemini.streamGenerateContent": check,
    "count_tokens": total,
}
