"""The messages of a canonical request as Gemini's contents and system instruction.

https://ai.google.dev/api/caching#Content and https://ai.google.dev/gemini-api/docs/thought-signatures,
read 2026-11-21.
"""

from typing import Any

from xroute.dialects.gemini.family import Family
from xroute.dialects.gemini.parts import NATIVE, Parts, is_native, texts, untyped
from xroute.dialects.gemini.pieces import FORMAT, IMAGE
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

# Stands for the signature that a call of another model cannot have: the third generation refuses a call of
# the current turn without one. https://ai.google.dev/gemini-api/docs/thought-signatures, read 2026-11-21.
FOREIGN = "skip_thought_signature_validator"
# Media types that a function's result may hold; the rest stands beside it.
# https://ai.google.dev/gemini-api/docs/generate-content/function-calling#multimodal, read 2026-11-21.
IN_RESULT = ("image/", "application/pdf", "text/plain")


class Contents:
    """The turns of one request. `system` holds the parts of the system instruction."""

    def __init__(self, family: Family, dropped: list[str]) -> None:
        self._family = family
        self._dropped = dropped
        self._names: dict[str, str] = {}  # id of a tool call -> its function
        self._current = 0  # the first content after the last user message
        self.parts = Parts(family, dropped)
        self.system: list[Json] = []
        self.turns: list[Json] = []

    def read(self, messages: Any) -> None:
        """Everything of the messages."""
        for place, message in _ordered(messages if codec.is_list(messages) else []):
            self._message(message, f"messages[{place}]")
        if self._family.signs:
            self._sign()
        if self.system and (not self.turns or not self._family.system):
            self._add("user", self.system, first=True)
            self.system = []

    def _message(self, message: Json, where: str) -> None:
        self.parts.is_marked = self.parts.is_marked or message.get("cache_control") is not None
        match message.get("role"):
            case "system" | "developer":
                self.system += self._texts(message, where)
            case "assistant" | "model":
                self._add("model", self._assistant(message, where))
            case "tool" | "function":
                self._add("user", self._result(message, where))
            case _:
                self._user(message, where)

    def _user(self, message: Json, where: str) -> None:
        self._unnamed(message, where)
        found = self.parts.of(message.get("content"), f"{where}.content")
        self._add("user", found or [{"text": " "}])  # an empty part is refused
        self._current = len(self.turns)

    def _add(self, role: str, parts: list[Json], *, first: bool = False) -> None:
        """Turns of one role that follow each other are one."""
        if not parts:
            return
        near = self.turns[0 if first else -1] if self.turns else None
        if near is not None and near["role"] == role:
            near["parts"] = [*parts, *near["parts"]] if first else [*near["parts"], *parts]
        else:
            self.turns.insert(0 if first else len(self.turns), {"role": role, "parts": parts})

    def _texts(self, message: Json, where: str) -> list[Json]:
        """The system instruction is text alone."""
        found: list[Json] = []
        for place, part in enumerate(self.parts.of(message.get("content"), f"{where}.content")):
            if "text" in part:
                found.append(part)
            else:
                self._dropped.append(f"{where}.content[{place}]")
        return found

    def _unnamed(self, message: Json, where: str) -> None:
        if message.get("name"):
            self._dropped.append(f"{where}.name")

    def _assistant(self, message: Json, where: str) -> list[Json]:
        """Thoughts, traces of server-side tools, text, images, calls; each with its signature."""
        self._unnamed(message, where)
        signatures = _Signatures(message.get("reasoning_details"))
        said = self.parts.of(message.get("content"), f"{where}.content")
        if not said and isinstance(refusal := message.get("refusal"), str) and refusal:
            said = [{"text": refusal}]
        if message.get("audio") is not None:
            self._audio(message, said, where)
        images = self._images(message, signatures, where)
        calls = self._calls(message, signatures)
        return [*signatures.thoughts, *_native(message), *signatures.signed(said), *images, *calls]

    def _audio(self, message: Json, said: list[Json], where: str) -> None:
        """What was spoken, as its text: the provider has no memory of a sound by its id."""
        audio: Any = message["audio"]
        spoken: Any = audio.get("transcript") if codec.is_object(audio) else None
        if isinstance(spoken, str) and spoken and not said:
            said.append({"text": spoken})
        elif not said:
            self._dropped.append(f"{where}.audio")

    def _images(self, message: Json, signatures: "_Signatures", where: str) -> list[Json]:
        found = self.parts.of(message.get("images"), f"{where}.images")
        return [signatures.put(part, IMAGE.format(number)) for number, part in enumerate(found)]

    def _calls(self, message: Json, signatures: "_Signatures") -> list[Json]:
        given: Any = message.get("tool_calls")
        calls = [call for call in given if codec.is_object(call)] if codec.is_list(given) else []
        found = [self._call(call, signatures) for call in calls]
        if codec.is_object(old := message.get("function_call")):
            found.append(self._call({"function": old}, signatures))
        return found

    def _call(self, call: Json, signatures: "_Signatures") -> Json:
        inner: Any = call.get("function") or call.get("custom")
        inner = inner if codec.is_object(inner) else {}
        id_, name = str(call.get("id") or ""), str(inner.get("name") or "")
        self._names[id_] = name
        function: Json = {"name": name, "args": _args(inner.get("arguments", inner.get("input")))}
        part: Json = {"functionCall": {"id": id_, **function} if self._has_ids(id_) else function}
        return signatures.put(part, id_, _google_signature(call))

    def _has_ids(self, id_: str) -> bool:
        """The third generation gives ids; Vertex AI is not known to take them for the second."""
        return bool(id_) and self._family.generation >= 3

    def _result(self, message: Json, where: str) -> list[Json]:
        """A function's result, with the media it holds inside or, for older models, beside it."""
        id_ = str(message.get("tool_call_id") or "")
        name = self._names.get(id_) or message.get("name") or id_
        content: Any = message.get("content")
        media = [part for part in self.parts.of(content, f"{where}.content") if "text" not in part]
        inside = [part for part in media if self._family.mixes and _fits(part)]
        result: Json = {
            "name": str(name),
            "response": _response(texts(content), message.get("is_error") is True),
        }
        if self._has_ids(id_):
            result["id"] = id_
        if inside:
            result["parts"] = [{key: part[key] for key in part if key in NATIVE} for part in inside]
        return [{"functionResponse": result}, *(part for part in media if part not in inside)]

    def _sign(self) -> None:
        """A signature for the first call of each step of the current turn that has none."""
        for turn in self.turns[self._current :]:
            first = next((part for part in turn["parts"] if "functionCall" in part), None)
            if first is not None and turn["role"] == "model":
                first.setdefault("thoughtSignature", FOREIGN)


def _ordered(messages: list[Any]) -> list[tuple[int, Json]]:
    """The messages with their places; results of one function in the order of its calls: without ids, the
    first of them is taken for the first call's. Others stay as the client has them."""
    found: list[tuple[int, Json]] = []
    results: list[tuple[int, Json]] = []
    order: dict[str, tuple[int, int, str]] = {}  # id of a call -> its place, and its function

    def call_of(result: tuple[int, Json]) -> tuple[int, int, str]:
        return order.get(str(result[1].get("tool_call_id")), (len(messages), result[0], ""))

    def settle() -> None:
        if not results:
            return
        if len({call_of(result)[2] for result in results}) < len(results):
            results.sort(key=call_of)
        found.extend(results)
        results.clear()

    for place, message in enumerate(messages):
        if not codec.is_object(message):
            continue
        if message.get("role") == "tool":
            results.append((place, message))
            continue
        settle()
        calls: Any = message.get("tool_calls")
        for number, call in enumerate(calls if codec.is_list(calls) else []):
            if codec.is_object(call):
                own: Any = call.get("function")
                name = str(own.get("name")) if codec.is_object(own) else ""
                order[str(call.get("id"))] = (place, number, name)
        found.append((place, message))
    settle()
    return found


class _Signatures:
    """What reasoning_details of our own format say; those of others are left out."""

    def __init__(self, details: Any) -> None:
        given = [item for item in details if codec.is_object(item)] if codec.is_list(details) else []
        own = [item for item in given if item.get("format") == FORMAT]
        self.thoughts = [part for item in own if (part := _thought(item))]
        self._owned: dict[str, str] = {}
        self._free: list[str] = []  # of text
        for item in own:
            if item.get("type") == "reasoning.encrypted" and isinstance(data := item.get("data"), str):
                if isinstance(owner := item.get("id"), str) and owner:
                    self._owned[owner] = data
                else:
                    self._free.append(data)

    def put(self, part: Json, owner: str, own: str = "") -> Json:
        """The part with the signature that belongs to `owner`, if there is one."""
        signature = self._owned.get(owner) or own
        return {**part, "thoughtSignature": signature} if signature else part

    def signed(self, said: list[Json]) -> list[Json]:
        """Text with its signature: the last on the last part, earlier ones on empty parts, as streamed."""
        if not self._free:
            return said
        *earlier, last = self._free
        *before, final = said or [{"text": ""}]
        empty: list[Json] = [{"text": "", "thoughtSignature": data} for data in earlier]
        return [*empty, *before, {**final, "thoughtSignature": last}]


def _thought(item: Json) -> Json | None:
    text: Any = item.get("text") or item.get("summary")
    signature: Any = item.get("signature")
    part: Json = {"text": text, "thought": True} if isinstance(text, str) else {}
    if isinstance(signature, str) and signature:
        part |= {"text": part.get("text", ""), "thought": True, "thoughtSignature": signature}
    return part or None


def _native(message: Json) -> list[Json]:
    """Traces of Gemini's own tools; those of other providers have another form."""
    given: Any = message.get("native_content")
    parts = [part for part in given if codec.is_object(part)] if codec.is_list(given) else []
    return [untyped(part) for part in parts if is_native(part)]


def _google_signature(call: Json) -> str:
    """Where Google's own OpenAI-compatible endpoint puts it: https://ai.google.dev/gemini-api/docs/openai."""
    found: Any = call
    for name in ("extra_content", "google", "thought_signature"):
        found = found.get(name) if codec.is_object(found) else None
    return found if isinstance(found, str) else ""


def _args(arguments: Any) -> Json:
    """Gemini takes an object alone; any other text stands under `input`."""
    if arguments is None or (isinstance(arguments, str) and not arguments.strip()):
        return {}
    value = _value(arguments) if isinstance(arguments, str) else arguments
    return value if codec.is_object(value) else {"input": value}


def _value(text: str) -> Any:
    """What the text says as JSON; the text itself where it is none."""
    try:
        return codec.read(text.encode("utf-8", "replace"))
    except ValueError:
        return text


def _response(text: str, failed: bool) -> Json:
    """An object is a result as it is; the names are those that FunctionResponse.response knows."""
    if failed:
        return {"error": text}
    value = _value(text) if text.lstrip()[:1] == "{" else None
    return value if codec.is_object(value) else {"output": text}


def _fits(part: Json) -> bool:
    blob: Any = part.get("inlineData") or part.get("fileData")
    mime: Any = blob.get("mimeType") if codec.is_object(blob) else None
    return isinstance(mime, str) and mime.startswith(IN_RESULT)
