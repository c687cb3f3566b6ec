"""Recorded embeddings: the same numbers in any encoding, in order, with their usage; and the requests."""

import json
import struct
from base64 import b64decode
from types import ModuleType
from typing import Any

from cohere.types.embed_input import EmbedInput
from google.genai.types import Content, EmbedContentConfig
from openai.types import CreateEmbeddingResponse, EmbeddingCreateParams
from pydantic import TypeAdapter, ValidationError
from tests.wire import faults
from tests.wire.recordings import Recording
from tests.wire.verdict import Failed, Skipped, expect

from xroute.catalog.entries import Quirks
from xroute.dialects.answer import Answer, ErrorBody, Malformed
from xroute.dialects.answers import EmbeddingsSurface
from xroute.dialects.bedrock import embeddings as bedrock
from xroute.dialects.cohere import embeddings as cohere
from xroute.dialects.gemini import embeddings as gemini
from xroute.dialects.ollama import embeddings as ollama
from xroute.dialects.openai import embeddings as openai

Json = dict[str, Any]
Vector = list[float] | str

QUIRKS = {"perplexity": Quirks(vectors="base64_int8"), "vertex": Quirks(predict=True)}
COHERE_TYPES: dict[str, Any] = {
    "model": str,
    "input_type": str,
    "texts": list[str],
    "images": list[str],
    "inputs": list[EmbedInput],
    "embedding_types": list[str],
    "output_dimension": int,
    "max_tokens": int,
    "truncate": str,
    "priority": int,
}


class Unreadable(Exception):
    """The body holds no embeddings."""


def check(recording: Recording) -> None:
    """The answer, then the request that led to it."""
    if recording.status >= 400:
        faults.check(recording)
    else:
        _answer(recording, _dialect(recording))
    _request(recording)


def predicted(recording: Recording) -> None:
    """Vertex AI's :predict carries images and videos as well: only embeddings are judged here."""
    if recording.status < 400 and '"embeddings"' not in recording.text:
        raise Skipped("a prediction that is no embedding")
    check(recording)


def invoke_check(recording: Recording) -> bool:
    """Judges one InvokeModel exchange of Bedrock if it is one of embeddings; False if it is not."""
    if "embed" not in (recording.data.get("url") or ""):
        return False
    if recording.status >= 400:
        faults.check(recording)
    else:
        _answer(recording, bedrock)
    _invoked(recording)
    return True


def _dialect(recording: Recording) -> ModuleType:
    path = _path(recording)
    if path.endswith((":batchEmbedContents", ":embedContent", ":predict")):
        return gemini
    if "/api/embed" in path:
        return ollama
    return cohere if path.endswith("/embed") else openai


def _path(recording: Recording) -> str:
    return (recording.data.get("url") or "").partition("?")[0]


def _answer(recording: Recording, dialect: ModuleType) -> None:
    if "truncated" in recording.notes or "[elided" in recording.text:
        raise Skipped("the recorded body is capped")
    quirks = QUIRKS.get(recording.data["provider"], Quirks())
    try:
        told, tokens = _read(json.loads(recording.text))
    except (Unreadable, ValueError) as reason:
        _refused(recording, dialect, str(reason))
        return
    try:
        answer: Answer = dialect.decode(
            recording.body, model="maker/model", request_id="test0123456789", created=1, quirks=quirks
        )
    except (ErrorBody, Malformed) as error:
        raise Failed(f"taken for an error: {error}") from None
    expect(answer.content, "an answer without content")
    expect(
        (answer.usage.input if answer.usage else None) == tokens, f"{answer.usage}, not {tokens} tokens in"
    )
    expect(answer.usage is None or answer.usage.output == 0, "tokens out, of vectors")
    if tokens is None:
        answer.body["usage"] = {"prompt_tokens": 1, "total_tokens": 1}  # as the gateway puts in
    named = json.loads(recording.text).get("model")
    expect(answer.body["model"] == (named or "maker/model"), f"another model: {answer.body['model']}")
    text = json.dumps(answer.body)
    _same(told, text, quirks)


def _refused(recording: Recording, dialect: ModuleType, reason: str) -> None:
    try:
        dialect.decode(recording.body, model="m", request_id="r", created=1, quirks=Quirks())
    except (Malformed, ErrorBody):
        return
    raise Failed(f"taken for an answer, though {reason}")


def _same(told: list[Vector], text: str, quirks: Quirks) -> None:
    """The client gets the same numbers, whichever encoding it asks for."""
    floats = EmbeddingsSurface("float").write(json.loads(text))
    try:
        CreateEmbeddingResponse.model_validate_json(floats, strict=True)
    except ValidationError as error:
        raise Failed(f"not a CreateEmbeddingResponse: {error.errors()[0]}") from None
    data = json.loads(floats)["data"]
    expect([item["index"] for item in data] == list(range(len(told))), "other indices")
    for item, vector in zip(data, told, strict=True):
        expect(item["embedding"] == _numbers(vector, quirks), "other numbers")
    packed = json.loads(EmbeddingsSurface("base64").write(json.loads(text)))["data"]
    for item, vector in zip(packed, told, strict=True):
        if isinstance(vector, str) and not quirks.vectors:
            expect(item["embedding"] == vector, "base64 that is not the provider's")
        else:
            values = _numbers(vector, quirks)
            raw = struct.pack(f"<{len(values)}f", *values)
            expect(b64decode(item["embedding"]) == raw, "other numbers in base64")


def _numbers(vector: Vector, quirks: Quirks) -> list[float]:
    if not isinstance(vector, str):
        return vector
    raw = b64decode(vector)
    if quirks.vectors:
        return [byte - 256 if byte > 127 else byte for byte in raw]
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))


def _read(body: Any) -> tuple[list[Vector], int | None]:
    """(the vectors in the order of their inputs, the tokens that the provider counts)."""
    if not isinstance(body, dict):
        raise Unreadable("it is no object")
    if isinstance(body.get("data"), list):
        data = sorted(enumerate(body["data"]), key=lambda one: one[1].get("index", one[0]))
        usage = body.get("usage") or {}
        counts = [usage.get(name) for name in ("prompt_tokens", "input_tokens", "total_tokens")]
        return [item["embedding"] for _, item in data], next((n for n in counts if n is not None), None)
    if "predictions" in body:
        found = [one["embeddings"] for one in body["predictions"]]
        return [one["values"] for one in found], sum(one["statistics"]["token_count"] for one in found)
    given = body.get("embeddings", body.get("embedding"))
    if given is None:
        raise Unreadable("it has no embeddings")
    if isinstance(given, dict):
        given = [given] if "values" in given else next(iter(given.values()))
    elif given and not isinstance(given[0], list | dict):
        given = [given]
    vectors = [one.get("values", one.get("embedding")) if isinstance(one, dict) else one for one in given]
    return vectors, _counted(body)


def _counted(body: Json) -> int | None:
    billed = (body.get("meta") or {}).get("billed_units") or {}
    if "input_tokens" in billed:
        return billed["input_tokens"] + billed.get("image_tokens", 0)
    if "usageMetadata" in body:
        return body["usageMetadata"]["promptTokenCount"]
    return body.get("prompt_eval_count", body.get("inputTextTokenCount"))


# Requests


def _request(recording: Recording) -> None:
    """The recorded request in canonical form and back again says the same."""
    given = _given(recording)
    if given is None:
        return
    dialect, path = _dialect(recording), _path(recording)
    model = given.get("model") or path.rpartition("/")[2].partition(":")[0]
    if dialect is gemini:
        if path.endswith(":embedContent"):
            return  # one by one: batches are sent instead
        _sent_gemini(given, model, predict=path.endswith(":predict"))
    elif dialect is cohere:
        _sent_cohere(given, model)
    elif "input" in given:
        sent = _encoded(dialect, given, model, Quirks())
        expect(
            sent["model"] == model and _wrapped(sent["input"]) == _wrapped(given["input"]), "another input"
        )
        for name, value in given.items():
            expect(name == "input" or value is None or sent.get(name, model) == value, f"another {name}")
        if dialect is openai and _is_typed(given):
            expect(_is_typed(sent), "not a request of the SDK")


def _given(recording: Recording) -> Json | None:
    if recording.data.get("request_encoding") != "text" or recording.data.get("request_notes"):
        return None
    return json.loads(recording.data["request_body"])


def _encoded(dialect: ModuleType, body: Json, model: str, quirks: Quirks) -> Json:
    before = json.dumps(body)
    sent, dropped, *_ = dialect.encode(body, upstream=model, quirks=quirks)
    expect(json.dumps(body) == before, "encode changed the client's body")
    expect(not dropped, f"dropped {dropped}")
    return json.loads(json.dumps(sent))


def _is_typed(request: Json) -> bool:
    try:
        TypeAdapter(EmbeddingCreateParams).validate_python(request)
    except ValidationError:
        return False
    return True


def _wrapped(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _sent_cohere(given: Json, model: str) -> None:
    body = {
        name: value for name, value in given.items() if name not in ("texts", "images") and value is not None
    }
    body["input"] = given.get("texts") or body.pop("inputs", None) or [{"image": u} for u in given["images"]]
    if "output_dimension" in body:
        body["dimensions"] = body.pop("output_dimension")
    sent = _encoded(cohere, body, model, Quirks())
    for name, value in sent.items():
        TypeAdapter(COHERE_TYPES[name]).validate_python(value)
    wanted: Json = {"embedding_types": ["float"], "input_type": "search_document"}
    wanted |= {name: value for name, value in given.items() if value is not None}
    if "images" in wanted and "inputs" in sent:  # newer models take both forms
        expect(len(sent.pop("inputs")) == len(wanted.pop("images")), "other images")
        wanted["input_type"] = sent["input_type"]
    expect(sent == wanted, f"another request: {sent}"[:300])


def _sent_gemini(given: Json, model: str, *, predict: bool) -> None:
    if predict:
        first = given["instances"][0]
        if "content" not in first:
            return
        body: Json = {"input": [one["content"] for one in given["instances"]]}
        body["task_type"], body["title"] = first.get("task_type"), first.get("title")
        body["dimensions"] = (given.get("parameters") or {}).get("outputDimensionality")
        sent = _encoded(gemini, body, "text-embedding-005", Quirks(predict=True))
        expect(sent == given, f"another request: {sent}"[:300])
        return
    first = given["requests"][0]
    if any(each.keys() != first.keys() for each in given["requests"]):
        return  # each with options of its own, which OpenAI's request cannot say
    task = first.get("taskType", first.get("task_type"))
    size = first.get("outputDimensionality", first.get("output_dimensionality"))
    body = {"input": [{"content": [_part(p) for p in one["content"]["parts"]]} for one in given["requests"]]}
    body |= {"task_type": task, "dimensions": size, "title": first.get("title")}
    sent = _encoded(gemini, body, model, Quirks())
    for old, new in zip(given["requests"], sent["requests"], strict=True):
        expect(new["content"]["parts"] == old["content"]["parts"], "other contents")
        expect(new["model"].removeprefix("models/") == old["model"].removeprefix("models/"), "another model")
        Content.model_validate(new["content"])
        expect((new.get("taskType"), new.get("outputDimensionality")) == (task, size), "other options")
        wish = {name: value for name, value in new.items() if name not in ("content", "model")}
        EmbedContentConfig.model_validate(wish)


def _part(part: Json) -> Json:
    if "text" in part:
        return {"type": "text", "text": part["text"]}
    if "inlineData" not in part:
        return part
    data = part["inlineData"]
    return {"type": "image_url", "image_url": {"url": f"data:{data['mimeType']};base64,{data['data']}"}}


def _invoked(recording: Recording) -> None:
    given = _given(recording)
    model = recording.data["url"].split("/model/")[-1].partition("/")[0].replace("%3A", ":")
    if given is None or not (given.keys() & {"texts", "inputText", "singleEmbeddingParams"}):
        return
    body: Json = {}
    if "texts" in given:
        body = {name: value for name, value in given.items() if name != "texts"}
        body |= {"input": given["texts"], "dimensions": given.get("output_dimension")}
        body.pop("output_dimension", None)
    elif "inputText" in given:
        body = {"input": given["inputText"], "normalize": given.get("normalize")}
        body["dimensions"] = given.get("dimensions")
    else:
        wish = given["singleEmbeddingParams"]
        if "text" not in wish:
            return
        body = {"input": wish["text"]["value"], "truncate": wish["text"].get("truncationMode")}
        body |= {"input_type": wish["embeddingPurpose"], "dimensions": wish.get("embeddingDimension")}
    sent = _encoded(bedrock, body, model, Quirks())
    if "texts" in given:
        sent.setdefault("embedding_types", ["float"])
        given.setdefault("embedding_types", ["float"])
    expect(sent == given, f"another request: {sent}"[:300])


ENDPOINTS = {"embeddings": check, "vertex.predict": predicted}
