"""What a Gemini response says, and a Gemini request in canonical form: read without any of xroute's code."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.wire import reading
from tests.wire.reading import Choice, Reading, Tool

Json = dict[str, Any]

FINISHES = {
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "LANGUAGE",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
            "MODEL_ARMOR",
        ),
        "content_filter",
    ),
}
NUMBERS = {1: "STOP", 2: "MAX_TOKENS", 3: "SAFETY"}
FAILED = (
    "MALFORMED",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY",
    "MISSING_THOUGHT",
    "OTHER",
    "IMAGE_OTHER",
    "NO_IMAGE",
)
NATIVE = ("executableCode", "codeExecutionResult", "toolCall", "toolResponse", "fileData")


@dataclass
class Said(Reading):
    """A response, or the sum of a stream of them."""

    natives: dict[int, str] = field(default_factory=dict[int, str])  # finishReason of each candidate
    models: list[str] = field(default_factory=list[str])
    signatures: list[str] = field(default_factory=list[str])
    images: list[str] = field(default_factory=list[str])  # their data
    traces: list[Json] = field(default_factory=list[Json])  # parts of server-side tools
    cited: set[str] = field(default_factory=set[str])
    blocked: str = ""
    logprobs: int = 0  # tokens with a probability
    ended: bool = True  # the list around the events, if there is one, has ended

    @property
    def proper(self) -> bool:
        """Whether a stream came to its end."""
        return bool(self.choices) and self.ended and set(self.choices) <= set(self.natives)

    @property
    def substance(self) -> bool:
        return bool(self.holds or self.images or self.traces or self.signatures or self.blocked or self.cited)

    @property
    def failed(self) -> bool:
        """Nothing was said, and the model is to blame."""
        words = self.natives.values()
        return not self.substance and any(word.startswith(FAILED) for word in words)


def whole(text: str) -> Said:
    """Unreadable for what is no response."""
    try:
        body = json.loads(text)
    except ValueError:
        raise reading.Unreadable("not JSON") from None
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if not isinstance(body, dict):
        raise reading.Unreadable("not an object")
    said = Said()
    _add(said, body)
    if not said.choices and not said.blocked and said.error is None:
        raise reading.Unreadable("no candidates")
    for index in said.choices:
        said.natives.setdefault(index, "STOP")
    return _closed(said)


def stream(text: str) -> Said:
    """The sum of server-sent events, or of a JSON list."""
    said = Said()
    for event in _events(text, said):
        _add(said, event)
        if said.error is not None:
            break
    return _closed(said)


def _events(text: str, said: Said) -> list[Any]:
    if text.lstrip()[:1] in ("[", "{"):
        try:
            body = json.loads(text)
        except ValueError:
            said.ended = False
            return []
        return body if isinstance(body, list) else [body]
    return [json.loads(data) for _, data in reading.events(text) if data.strip()]


def _closed(said: Said) -> Said:
    """OpenAI's finish reasons, from everything that was said."""
    for index, choice in said.choices.items():
        word = said.natives.get(index)
        if said.blocked:
            choice.finish = "content_filter"
        elif word:
            choice.finish = FINISHES.get(word) or ("tool_calls" if choice.tools else "stop")
    return said


def _add(said: Said, body: Any) -> None:
    if isinstance(body, list):
        body = body[0]
    if error := body.get("error"):
        said.error = str(error.get("message")) if isinstance(error, dict) else str(error)
        return
    if body.get("responseId"):
        said.ids.append(body["responseId"])
    if body.get("modelVersion"):
        said.models.append(body["modelVersion"])
    said.usage = {**(said.usage or {}), **(body.get("usageMetadata") or {})}
    for place, candidate in enumerate(body.get("candidates") or []):
        _candidate(said, candidate, candidate.get("index", place))
    reason = (body.get("promptFeedback") or {}).get("blockReason")
    if reason and not said.choices:
        said.blocked = reason
        said.natives[0] = reason
        said.choice(0).refusal = body["promptFeedback"].get("blockReasonMessage") or "blocked"


def _candidate(said: Said, candidate: Json, index: int) -> None:
    one = said.choice(index)
    for part in (candidate.get("content") or {}).get("parts") or []:
        _part(said, one, part)
    if word := candidate.get("finishReason"):
        said.natives[index] = NUMBERS.get(word, str(word)) if isinstance(word, int) else word
    said.logprobs += len((candidate.get("logprobsResult") or {}).get("chosenCandidates") or [])
    _cite(said, candidate)


def _part(said: Said, one: Choice, part: Json) -> None:
    if "thoughtSignature" in part:
        said.signatures.append(part["thoughtSignature"])
    if "text" in part:
        if part.get("thought"):
            one.reasoning += part["text"]
        else:
            one.text += part["text"]
    elif "functionCall" in part:
        _call(one, part["functionCall"])
    elif _mime(part).startswith("image/"):
        said.images.append(part["inlineData"]["data"])
    elif _mime(part).startswith("audio/"):
        one.sound += part["inlineData"]["data"]
    elif any(name in part for name in (*NATIVE, "inlineData")):
        said.traces.append(part)


def _mime(part: Json) -> str:
    """Of data that is the answer's; a thought's images are traces."""
    blob = part.get("inlineData") or {}
    return "" if part.get("thought") else blob.get("mimeType") or ""


def _call(one: Choice, call: Json) -> None:
    """A whole call, or a piece of one that is written at JSON paths."""
    if call.get("name"):
        one.tools.append(Tool(call["name"], json.dumps(call.get("args") or {}), call.get("id") or ""))
    if not call.get("partialArgs"):
        return
    args = json.loads(one.tools[-1].arguments)
    for piece in call["partialArgs"]:
        value = next(
            (piece[name] for name in ("stringValue", "numberValue", "boolValue") if name in piece), None
        )
        _put(args, piece["jsonPath"].removeprefix("$.").replace("[", ".[").split("."), value)
    one.tools[-1].arguments = json.dumps(args)


def _put(args: Any, steps: list[str], value: Any) -> None:
    for place, step in enumerate(steps):
        key: Any = int(step[1:-1]) if step.startswith("[") else step
        if isinstance(key, int):
            args += [None] * (key + 1 - len(args))
        held = args[key] if isinstance(key, int) else args.get(key)
        if place == len(steps) - 1:
            args[key] = held + value if isinstance(held, str) and isinstance(value, str) else value
            return
        if held is None:
            held = args[key] = [] if steps[place + 1].startswith("[") else {}
        args = held


def _cite(said: Said, candidate: Json) -> None:
    metadata = candidate.get("citationMetadata") or {}
    for source in metadata.get("citationSources") or metadata.get("citations") or []:
        if source.get("uri"):
            said.cited.add(source["uri"])
    grounding = candidate.get("groundingMetadata") or {}
    chunks = grounding.get("groundingChunks") or []
    supports = grounding.get("groundingSupports") or []
    used = {place for support in supports for place in support.get("groundingChunkIndices") or []}
    for place, chunk in enumerate(chunks):
        source = next(iter(chunk.values()), {})
        if source.get("uri") and (place in used or not supports):
            said.cited.add(source["uri"])


def usage_of(said: Said) -> Json | None:
    """The counts that the client has to see; None where there are none."""
    given = said.usage or {}
    if not any(name.endswith("TokenCount") for name in given):
        return None
    prompt = given.get("promptTokenCount", 0) + given.get("toolUsePromptTokenCount", 0)
    completion = given.get("candidatesTokenCount", 0) + given.get("responseTokenCount", 0)
    completion += given.get("thoughtsTokenCount", 0)
    audio = sum(
        entry.get("tokenCount", 0)
        for entry in given.get("promptTokensDetails") or []
        if entry.get("modality") in ("AUDIO", 4)
    )
    return {
        "prompt_tokens": prompt,
        "completion_tokens": max(completion, given.get("totalTokenCount", 0) - prompt),
        "total_tokens": max(prompt + completion, given.get("totalTokenCount", 0)),
        "cached_tokens": given.get("cachedContentTokenCount", 0),
        "audio_tokens": audio,
        "reasoning_tokens": given.get("thoughtsTokenCount", 0),
    }
