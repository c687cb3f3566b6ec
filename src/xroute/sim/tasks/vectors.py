"""Embeddings as Gemini, Cohere, Ollama and Amazon have them; the vectors are those of OpenAI's form."""

from typing import Any

import orjson

from xroute.sim.ask import SimRequest
from xroute.sim.shape import entries, load, table
from xroute.sim.tasks.meaning import SIZE, vector
from xroute.sim.tasks.task import Json, Made, Task, required, several, tokens_of, whole
from xroute.sim.tasks.texts import LARGEST, Rerank, inputs, text_of
from xroute.sim.tongues import bedrock, cohere, gemini, ollama


class Contents(Task):
    """POST .../models/{model}:batchEmbedContents and :embedContent."""

    def __init__(self, request: SimRequest, model: str = "", action: str = "") -> None:
        super().__init__(request, model, action)
        self.tongue = gemini.Generate(request, model, action)

    def read(self) -> Json:
        return {**load(self.request.body), "model": self._named}

    def answer(self, body: Json, model: str, seed: int) -> Made:
        alone = self._action.startswith("embed")
        asked = [body] if alone else [table(each) for each in several(body, "requests")]
        texts = [_said(table(each.get("content"))) for each in asked]
        size = whole(asked[0], "outputDimensionality", SIZE, LARGEST)
        made = [{"values": vector(text, size, seed)} for text in texts]
        usage = {"promptTokenCount": sum(map(tokens_of, texts))}
        held: Json = {"embedding": made[0]} if alone else {"embeddings": made}
        return Made(orjson.dumps({**held, "usageMetadata": usage}))


class Cohere(Task):
    """POST /v2/embed."""

    def __init__(self, request: SimRequest, model: str = "", action: str = "") -> None:
        super().__init__(request, model, action)
        self.tongue = cohere.Chat(request)

    def answer(self, body: Json, model: str, seed: int) -> Made:
        texts = inputs(body.get("texts") or body.get("images") or required(body, "inputs"))
        size = whole(body, "output_dimension", SIZE, LARGEST)
        made: Json = {
            "id": cohere.ID,
            "embeddings": {"float": [vector(text, size, seed) for text in texts]},
            "texts": texts,
            "meta": {"billed_units": {"input_tokens": sum(map(tokens_of, texts))}},
            "response_type": "embeddings_by_type",
        }
        return Made(orjson.dumps(made))


class Ollama(Task):
    """POST /api/embed."""

    def __init__(self, request: SimRequest, model: str = "", action: str = "") -> None:
        super().__init__(request, model, action)
        self.tongue = ollama.Chat(request)

    def answer(self, body: Json, model: str, seed: int) -> Made:
        texts = inputs(required(body, "input"))
        size = whole(body, "dimensions", SIZE, LARGEST)
        made: Json = {
            "model": model,
            "embeddings": [vector(text, size, seed) for text in texts],
            "total_duration": 2_000_000,
            "load_duration": 1_000_000,
            "prompt_eval_count": sum(map(tokens_of, texts)),
        }
        return Made(orjson.dumps(made))


class Invoked(Task):
    """POST /model/{model}/invoke of a model for vectors or for rerank; the fields tell whose form it is.

    https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html, read 2026-11-21.
    """

    def __init__(self, request: SimRequest, model: str = "", action: str = "") -> None:
        super().__init__(request, model, action)
        self.tongue = bedrock.Converse(request, model, action)

    def read(self) -> Json:
        return {**load(self.request.body), "model": self._named}

    def answer(self, body: Json, model: str, seed: int) -> Made:
        if "documents" in body:
            return Rerank(self.request).answer(body, model, seed)
        if "texts" in body or "inputs" in body or "images" in body:
            return Cohere(self.request).answer(body, model, seed)
        if nova := table(body.get("singleEmbeddingParams")):
            size = whole(nova, "embeddingDimension", SIZE, LARGEST)
            values = vector(str(table(nova.get("text")).get("value")), size, seed)
            return Made(orjson.dumps({"embeddings": [{"embeddingType": "TEXT", "embedding": values}]}))
        text = str(body.get("inputText") or required(body, "inputImage"))
        made: Json = {"embedding": vector(text, whole(body, "dimensions", SIZE, LARGEST), seed)}
        return Made(orjson.dumps({**made, "inputTextTokenCount": tokens_of(text)}))


def _said(content: Json) -> str:
    parts: list[Any] = entries(content.get("parts"))
    return " ".join(map(text_of, parts))
