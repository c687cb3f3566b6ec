"""Answers as a Gemini client reads them: GenerateContentResponse, whole and streamed.

https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse, read 2026-11-21.
"""

from collections.abc import Collection, Sequence
from typing import Any

from xroute.dialects.gemini import seal
from xroute.dialects.gemini.beside import grounding, probabilities
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.errors import CallError
from xroute.wire.chunk import Chunk

_FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}
# google.rpc.Code words by status: https://cloud.google.com/apis/design/errors, read 2026-11-21.
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "INVALID_ARGUMENT",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class GeminiSurface:
    """generateContent and streamGenerateContent; a stream is a JSON array unless the URL says `alt=sse`."""

    dialect = "gemini"

    def __init__(self, *, sse: bool = True) -> None:
        self._sse = sse

    def write(self, body: Json) -> bytes:
        made = _envelope(body)
        made["candidates"] = [_candidate(choice) for choice in body["choices"]]
        if codec.is_object(usage := body.get("usage")):
            made["usageMetadata"] = usage_metadata(usage)
        return codec.write(made)

    def encoder(self, request_id: str, created: int) -> "GeminiEncoder":
        return GeminiEncoder(request_id, sse=self._sse)

    def refuse(self, error: CallError, request_id: str) -> bytes:
        return refuse(error, request_id)


class GeminiEncoder:
    """Canonical chunks as events. A tool call goes out whole, the finish reason with the usage at the end."""

    def __init__(self, request_id: str, *, sse: bool = True) -> None:
        self._request_id = request_id
        self._begin = b"data: " if sse else b"["
        self._next = b"data: " if sse else b","
        self._close, self._end = (b"\n\n", b"") if sse else (b"\r\n", b"]")
        self._envelope: Json = {}
        self._calls: dict[tuple[int, int], Json] = {}  # (choice, index) -> the call put together so far
        self._sealed: dict[str, Any] = {}  # tool call id -> signature
        self._carried: dict[int, dict[Any, Json]] = {}  # choice -> another maker's reasoning, by its index
        self._texts: dict[int, list[str]] = {}  # choice -> its text, to find the places of citations
        self._cited: dict[int, list[Any]] = {}
        self._finished: dict[int, Json] = {}  # choice -> its last candidate

    def feed(self, chunks: Sequence[Chunk]) -> bytes:
        return b"".join([self._chunk(chunk.body or codec.read(chunk.raw)) for chunk in chunks])

    def finish(self, last: bytes) -> bytes:
        usage: Json = codec.read(last).get("usage") if last else {}
        for index, annotations in self._cited.items():
            if index in self._finished and (found := grounding(annotations, "".join(self._texts[index]))):
                self._finished[index]["groundingMetadata"] = found
        made = {**self._envelope, "candidates": [*self._finished.values()]}
        if usage:
            made["usageMetadata"] = usage_metadata(usage)
        return self._event(codec.write(made)) + self._end

    def fail(self, error: CallError, chunk: Json) -> bytes:
        return self._event(refuse(error, self._request_id)) + self._end

    def _chunk(self, body: Json) -> bytes:
        if not self._envelope:
            self._envelope = _envelope(body)
        candidates = [made for choice in body["choices"] if (made := self._choice(choice))]
        if not candidates:
            return b""
        return self._event(codec.write({**self._envelope, "candidates": candidates}))

    def _event(self, made: bytes) -> bytes:
        begin, self._begin = self._begin, self._next
        return begin + made + self._close

    def _choice(self, choice: Json) -> Json | None:
        index, delta = choice["index"], choice["delta"]
        parts = _said(delta)
        self._keep(index, delta)
        for piece in delta.get("tool_calls") or ():
            self._join(index, piece)
        made: Json = {"content": {"role": "model", "parts": parts}, "index": index}
        likely = probabilities(choice.get("logprobs"))
        if choice.get("finish_reason"):
            self._finished[index] = self._last(index, choice) | likely
        else:
            made |= likely
        return made if parts or "logprobsResult" in made else None

    def _keep(self, index: int, delta: Json) -> None:
        """What goes out at the end: signatures of calls, another maker's reasoning, sources."""
        if details := codec.objects(delta.get("reasoning_details")):
            self._sealed |= _sealed(details)
            for item in details:
                if not seal.is_own(item):
                    seal.merge(self._carried.setdefault(index, {}), item)
        texts = self._texts.setdefault(index, [])
        if isinstance(text := delta.get("content"), str):
            texts.append(text)
        if annotations := codec.objects(delta.get("annotations")):
            self._cited.setdefault(index, []).extend(annotations)

    def _last(self, index: int, choice: Json) -> Json:
        """The end of a choice, with its calls."""
        mine = [call for (own, _), call in self._calls.items() if own == index]
        calls = [_call({**call, "arguments": "".join(call["pieces"])}, self._sealed) for call in mine]
        parts = [*_foreign(self._carried.get(index, {}).values()), *calls]
        return {**_finish(choice), "index": index, "content": {"role": "model", "parts": parts}}

    def _join(self, index: int, piece: Json) -> None:
        call = self._calls.setdefault((index, piece.get("index") or 0), {"id": "", "name": "", "pieces": []})
        function: Json = piece.get("function") or piece.get("custom") or {}
        call["id"] = call["id"] or piece.get("id") or ""
        call["name"] += function.get("name") or ""
        call["pieces"].append(function.get("arguments") or function.get("input") or "")


def refuse(error: CallError, request_id: str) -> bytes:
    """The body of an error answer: google.rpc.Status with our words as ErrorInfo."""
    told: Json = {"request_id": request_id}
    if error.provider:
        told["provider"] = error.provider
    if error.code:
        told["code"] = error.code
    if error.param:
        told["param"] = error.param
    metadata = {name: value for name, value in (error.metadata or {}).items() if name not in told}
    info: Json = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": error.error_type.upper()}
    details: list[Json] = [{**info, "domain": "xroute", "metadata": told}]
    if error.retry_after_s is not None:
        retry = "type.googleapis.com/google.rpc.RetryInfo"
        details.append({"@type": retry, "retryDelay": f"{error.retry_after_s:.3f}s"})
    body: Json = {
        "code": error.status,
        "message": error.message,
        "status": _STATUS.get(error.status, "INTERNAL"),
        "details": details,
        "metadata": {"error_type": error.error_type, **told, **metadata},
    }
    return codec.write({"error": body})


def write_count(tokens: int) -> bytes:
    """The answer to countTokens."""
    return b'{"totalTokens":%d}' % tokens


def usage_metadata(usage: Json) -> Json:
    """OpenAI's usage in Google's words: thoughts stand beside the candidates' tokens."""
    ins: Json = usage.get("prompt_tokens_details") or {}
    outs: Json = usage.get("completion_tokens_details") or {}
    thoughts = outs.get("reasoning_tokens") or 0
    made: Json = {
        "promptTokenCount": usage.get("prompt_tokens") or 0,
        "candidatesTokenCount": max((usage.get("completion_tokens") or 0) - thoughts, 0),
        "totalTokenCount": usage.get("total_tokens") or 0,
    }
    if thoughts:
        made["thoughtsTokenCount"] = thoughts
    if cached := ins.get("cached_tokens"):
        made["cachedContentTokenCount"] = cached
    return made | {name: usage[name] for name in ("cost", "estimated") if name in usage}


def _envelope(body: Json) -> Json:
    return {"modelVersion": body.get("model") or "", "responseId": body.get("id") or ""}


def _candidate(choice: Json) -> Json:
    said = choice["message"]
    details = codec.objects(said.get("reasoning_details"))
    sealed = _sealed(details)
    parts = [*_said(said), *_foreign([item for item in details if not seal.is_own(item)])]
    for call in said.get("tool_calls") or ():
        function: Json = call.get("function") or call.get("custom") or {}
        arguments = function.get("arguments") or function.get("input") or ""
        flat: Json = {"id": call.get("id"), "name": function.get("name") or "", "arguments": arguments}
        parts.append(_call(flat, sealed))
    made = {"content": {"role": "model", "parts": parts}, **_finish(choice), "index": choice["index"]}
    if found := grounding(said.get("annotations"), str(said.get("content") or "")):
        made["groundingMetadata"] = found
    return made | probabilities(choice.get("logprobs"))


def _sealed(details: list[Json]) -> dict[str, Any]:
    """The signatures of calls by the calls' ids."""
    own = [item for item in details if item.get("type") == "reasoning.encrypted" and item.get("data")]
    return {
        id_: item["data"]
        for item in own
        if seal.is_own(item) and isinstance(id_ := item.get("id"), str) and id_
    }


def _foreign(items: Collection[Json]) -> list[Json]:
    """Another maker's reasoning that has to come back, in a part of its own."""
    return [seal.part(items)] if seal.is_worth(items) else []


def _said(said: Json) -> list[Json]:
    """The parts of a message or a delta, tool calls aside."""
    parts: list[Json] = []
    if thought := said.get("reasoning"):
        parts.append({"text": thought, "thought": True})
    if text := said.get("content") or said.get("refusal"):
        parts.append({"text": text})
    for image in codec.objects(said.get("images")):
        own: Any = image.get("image_url")
        linked: Json = own if codec.is_object(own) else {}
        mime, _, data = str(linked.get("url") or "").removeprefix("data:").partition(";base64,")
        parts.append({"inlineData": {"mimeType": mime, "data": data}})
    if codec.is_object(audio := said.get("audio")) and audio.get("data"):
        parts.append({"inlineData": {"mimeType": "audio/pcm", "data": audio["data"]}})
    for detail in codec.objects(said.get("reasoning_details")):
        if not seal.is_own(detail):
            continue
        if signature := detail.get("signature"):
            parts.append({"text": "", "thought": True, "thoughtSignature": signature})
        elif detail.get("type") == "reasoning.encrypted" and not detail.get("id") and detail.get("data"):
            parts.append({"text": "", "thoughtSignature": detail["data"]})
    return parts


def _call(call: Json, sealed: dict[str, Any]) -> Json:
    try:
        arguments: Any = codec.read((call["arguments"] or "{}").encode("utf-8", "replace"))
    except ValueError:
        arguments = None
    args = arguments if codec.is_object(arguments) else {"input": call["arguments"]}
    part: Json = {"functionCall": {"id": call["id"], "name": call["name"], "args": args}}
    if call["id"] in sealed:
        part["thoughtSignature"] = sealed[call["id"]]
    return part


def _finish(choice: Json) -> Json:
    return {"finishReason": _FINISH.get(choice.get("finish_reason") or "stop", "OTHER")}
