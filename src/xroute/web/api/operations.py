"""Embeddings, rerank, moderations and the old completions in OpenAPI's words."""

from typing import Any

Schema = dict[str, Any]

_STATUSES = (400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504)
_TEXTS: Schema = {"type": "array", "items": {"type": "string"}, "minItems": 1}
_TOKENS: Schema = {"type": "array", "items": {"type": "integer"}, "minItems": 1}
_COUNT: Schema = {"type": ["integer", "null"], "minimum": 1}
_USAGE: Schema = {"type": "object", "description": "Tokens, and what the call cost in dollars."}
_MODELS: Schema = {
    "model": {"type": "string", "minLength": 1},
    "models": {
        "type": "array",
        "items": {"type": "string"},
        "maxItems": 16,
        "description": "A fallback list, tried in order; for embeddings, other names of one model.",
    },
    "provider": {"$ref": "#/components/schemas/Preferences"},
}


def _post(id_: str, summary: str, asked: str, answered: str) -> Schema:
    def held(schema: Schema, text: str) -> Schema:
        return {"description": text, "content": {"application/json": {"schema": schema}}}

    reference = "#/components/schemas/"
    return {
        "post": {
            "operationId": id_,
            "tags": ["inference"],
            "summary": summary,
            "security": [{"key": list[str]()}],
            "requestBody": {"required": True, **held({"$ref": reference + asked}, "The request.")},
            "responses": {
                "200": held({"$ref": reference + answered}, "The answer."),
                **{str(status): {"$ref": "#/components/responses/Error"} for status in _STATUSES},
            },
        }
    }


def _object(required: list[str], **properties: Schema) -> Schema:
    return {"type": "object", "required": required, "properties": properties}


PATHS: Schema = {
    "/v1/completions": _post(
        "completions",
        "A text completion, in the old form, by any deployment.",
        "CompletionRequest",
        "Completion",
    ),
    "/v1/embeddings": _post(
        "embeddings", "Vectors of texts, images or token ids.", "EmbeddingsRequest", "Embeddings"
    ),
    "/v1/rerank": _post("rerank", "Documents by their relevance to a query.", "RerankRequest", "Reranking"),
    "/v2/rerank": _post("rerankV2", "The same, where Cohere's client asks.", "RerankRequest", "Reranking"),
    "/v1/moderations": _post(
        "moderations", "Whether a text or an image is harmful.", "ModerationRequest", "Moderations"
    ),
}

_COMPLETION: Schema = PATHS["/v1/completions"]["post"]["responses"]["200"]
_COMPLETION["content"]["text/event-stream"] = {}  # where `stream` is true

SCHEMAS: Schema = {
    "CompletionRequest": _object(
        ["prompt"],
        prompt={
            "anyOf": [{"type": "string"}, _TEXTS, _TOKENS, {"type": "array", "items": _TOKENS, "minItems": 1}]
        },
        stream={"type": ["boolean", "null"]},
        **_MODELS,
    ),
    "Completion": _object(
        ["id", "object", "created", "model", "choices"],
        choices={"type": "array", "items": _object(["text", "index", "finish_reason"])},
        usage=_USAGE,
    ),
    "EmbeddingsRequest": _object(
        ["input"],
        input={
            "anyOf": [
                {"type": "string", "minLength": 1},
                _TEXTS,
                _TOKENS,
                {"type": "array", "items": _TOKENS, "minItems": 1},
                {"type": "array", "items": {"type": "object", "minProperties": 1}, "minItems": 1},
            ],
            "description": "Objects have `content`, a list of text and image parts as in chat.",
        },
        dimensions=_COUNT,
        encoding_format={"type": ["string", "null"], "description": "`float` or `base64`."},
        input_type={
            "type": ["string", "null"],
            "description": "`search_query`, `search_document`, `classification`, `clustering`, ...",
        },
        **_MODELS,
    ),
    "Embeddings": _object(
        ["object", "data", "model", "usage"],
        data={"type": "array", "items": _object(["object", "index"])},
        usage=_USAGE,
    ),
    "RerankRequest": _object(
        ["query", "documents"],
        query={"type": "string"},
        documents={
            "type": "array",
            "items": {"anyOf": [{"type": "string"}, {"type": "object"}]},
            "minItems": 1,
        },
        top_n=_COUNT,
        return_documents={"type": ["boolean", "null"]},
        **_MODELS,
    ),
    "Reranking": _object(
        ["id", "results"],
        results={
            "type": "array",
            "items": _object(["index", "relevance_score"], relevance_score={"type": "number"}),
        },
        usage=_USAGE,
    ),
    "ModerationRequest": _object(
        ["input"],
        input={
            "anyOf": [
                {"type": "string"},
                _TEXTS,
                {"type": "array", "items": {"type": "object"}, "minItems": 1},
            ]
        },
        **_MODELS,
    ),
    "Moderations": _object(
        ["id", "model", "results"],
        results={"type": "array", "items": _object(["flagged", "categories"])},
        usage=_USAGE,
    ),
}
