"""The data plane in OpenAPI's words: its handlers are no FastAPI routes, so they are written down here."""

from typing import Any

from xroute.web.api import account, media, operations, responses

_ERROR = {"$ref": "#/components/responses/Error"}
_KEY: list[dict[str, list[str]]] = [{"key": []}]

SECURITY = {"key": {"type": "http", "scheme": "bearer", "description": "A key of this gateway."}}


def _json(schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _errors(*statuses: int) -> dict[str, Any]:
    return {str(status): _ERROR for status in statuses}


_COMPLETION = _json(
    {"$ref": "#/components/schemas/ChatCompletion"},
    "The answer; where `stream` is true, server-sent events of a `chat.completion.chunk` each, then [DONE].",
)
_COMPLETION["content"]["text/event-stream"] = {}  # OpenAPI 3.1 has no schema for the events of a stream


def call(
    id_: str, summary: str, *parameters: dict[str, Any], needs: tuple[str, ...] = ("model",)
) -> dict[str, Any]:
    """A POST in the words of another API, whose own reference says what goes in and comes out."""
    body = {"type": "object", "required": list(needs), "additionalProperties": True}
    told = _json({"type": "object"}, "An error in the shape of that API.")
    described: dict[str, Any] = {
        "operationId": id_,
        "tags": ["inference"],
        "summary": summary,
        "security": _KEY,
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": _json({"type": "object"}, "The answer, or a stream of it."),
            **{str(status): told for status in (400, 401, 404, 413, 429, 500, 502, 503, 504)},
        },
    }
    return {"post": described | ({"parameters": list(parameters)} if parameters else {})}


_GEMINI = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "`<model>:generateContent`, `:streamGenerateContent` or `:countTokens`.",
    "schema": {"type": "string", "minLength": 1},
}

PATHS: dict[str, Any] = {
    **media.PATHS,
    **operations.PATHS,
    **responses.PATHS,
    **account.PATHS,
    "/v1/messages": call(
        "messages", "Anthropic's Messages, by any deployment.", needs=("model", "messages", "max_tokens")
    ),
    "/v1/messages/count_tokens": call(
        "countMessages", "The tokens that Messages would use.", needs=("model", "messages")
    ),
    "/v1beta/models": {
        "get": {
            "operationId": "geminiModels",
            "tags": ["models"],
            "summary": "Every model for chat that can be called, as Google lists models.",
            "security": _KEY,
            "responses": {
                "200": _json({"type": "object"}, "The models."),
                "401": _json({"type": "object"}, "An error in Google's shape."),
            },
        }
    },
    "/v1beta/models/{id}": {
        **call(
            "generateContent", "Google's generateContent, by any deployment.", _GEMINI, needs=("contents",)
        ),
        "get": {
            "operationId": "geminiModel",
            "tags": ["models"],
            "summary": "One model, as Google tells of it.",
            "security": _KEY,
            "parameters": [
                {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            ],
            "responses": {
                "200": _json({"type": "object"}, "The model."),
                **{
                    str(status): _json({"type": "object"}, "An error in Google's shape.")
                    for status in (401, 404)
                },
            },
        },
    },
    "/v1/chat/completions": {
        "post": {
            "operationId": "chat",
            "tags": ["inference"],
            "summary": "A chat completion by whichever deployment serves the model best.",
            "security": _KEY,
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ChatRequest"}}},
            },
            "responses": {
                "200": _COMPLETION,
                **_errors(400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504),
            },
        }
    },
    "/v1/models": {
        "get": {
            "operationId": "models",
            "tags": ["models"],
            "summary": "Every model that can be called.",
            "security": _KEY,
            "responses": {
                "200": _json({"$ref": "#/components/schemas/Models"}, "The models."),
                **_errors(401),
            },
        }
    },
    "/v1/models/{id}": {
        **call("generateContentV1", "As below /v1beta: Google's two versions.", _GEMINI, needs=("contents",)),
        "get": {
            "operationId": "model",
            "tags": ["models"],
            "summary": "One model, by id, alias or route; an id has a slash in it.",
            "security": _KEY,
            "parameters": [
                {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            ],
            "responses": {
                "200": _json({"$ref": "#/components/schemas/Model"}, "The model."),
                **_errors(401, 404),
            },
        },
    },
    "/healthz": {
        "get": {
            "operationId": "alive",
            "tags": ["health"],
            "summary": "The process answers.",
            "responses": {"200": _json({"type": "object"}, "It does.")},
        }
    },
    "/readyz": {
        "get": {
            "operationId": "ready",
            "tags": ["health"],
            "summary": "Calls can be answered.",
            "responses": {"200": _json({"type": "object"}, "They can.")},
        }
    },
    "/metrics": {
        "get": {
            "operationId": "metrics",
            "tags": ["health"],
            "summary": "Counters for Prometheus.",
            "responses": {
                "200": {"description": "Text.", "content": {"text/plain": {"schema": {"type": "string"}}}}
            },
        }
    },
}

_STRINGS = {"type": "array", "items": {"type": "string"}}

SCHEMAS: dict[str, Any] = {
    **media.SCHEMAS,
    **operations.SCHEMAS,
    **responses.SCHEMAS,
    "Error": {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["message", "type", "code", "metadata"],
                "properties": {
                    "message": {"type": "string"},
                    "type": {"type": "string"},
                    "code": {"type": ["string", "null"]},
                    "param": {"type": ["string", "null"]},
                    "metadata": {
                        "type": "object",
                        "required": ["error_type", "request_id"],
                        "properties": {
                            "error_type": {"type": "string"},
                            "request_id": {"type": "string"},
                            "provider": {"type": "string"},
                            "previous_errors": {"type": "array", "items": {"type": "object"}},
                        },
                    },
                },
            }
        },
    },
    "ChatRequest": {
        "type": "object",
        "required": ["messages"],
        "additionalProperties": True,
        "properties": {
            "model": {"type": "string", "minLength": 1},
            "models": {**_STRINGS, "maxItems": 16, "description": "A fallback list, tried in order."},
            "messages": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["role"],
                    "properties": {
                        "role": {"type": "string", "minLength": 1},
                        "content": {
                            "anyOf": [
                                {"type": "string"},
                                {"type": "null"},
                                {"type": "array", "items": {"type": "object"}},
                            ]
                        },
                    },
                },
            },
            "stream": {"type": ["boolean", "null"]},
            "provider": {"$ref": "#/components/schemas/Preferences"},
            "timeouts": {
                "type": "object",
                "additionalProperties": False,
                "description": "Seconds, over what is configured.",
                "properties": {
                    name: {"type": "number", "exclusiveMinimum": 0, "maximum": 86400}
                    for name in ("connect", "first_byte", "first_token", "between_chunks", "total")
                },
            },
        },
    },
    "Preferences": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "order": _STRINGS,
            "only": _STRINGS,
            "ignore": _STRINGS,
            "allow_fallbacks": {"type": "boolean"},
            "require_parameters": {"type": "boolean"},
            "sort": {"enum": ["balanced", "price", "latency", "throughput", "order", "weighted"]},
            "max_price": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    name: {"type": "number", "minimum": 0} for name in ("prompt", "completion", "request")
                },
            },
        },
    },
    "ChatCompletion": {
        "type": "object",
        "required": ["id", "object", "created", "model", "choices"],
        "properties": {
            "choices": {"type": "array", "items": {"type": "object"}},
            "usage": {"type": "object"},
        },
    },
    "Model": {
        "type": "object",
        "required": ["id", "object", "created", "owned_by"],
        "properties": {
            "id": {"type": "string"},
            "deployments": {"type": "array", "items": {"type": "object"}},
        },
    },
    "Models": {
        "type": "object",
        "required": ["object", "data"],
        "properties": {"data": {"type": "array", "items": {"$ref": "#/components/schemas/Model"}}},
    },
}
