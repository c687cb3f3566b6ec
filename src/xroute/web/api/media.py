"""Images and audio in OpenAPI's words."""

from typing import Any

Schema = dict[str, Any]

_STATUSES = (400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504)
_TEXT: Schema = {"type": ["string", "null"]}
_NUMBER: Schema = {"type": ["number", "null"]}
_COUNT: Schema = {"type": ["integer", "null"], "minimum": 1}
_FLAG: Schema = {"type": ["boolean", "null"]}
_FILE: Schema = {"type": "string", "format": "binary"}
_EVENTS: Schema = {"text/event-stream": Schema()}  # where `stream` is true
_JSON, _FORM = "application/json", "multipart/form-data"


def _object(required: list[str], **properties: Schema) -> Schema:
    return {"type": "object", "required": required, "properties": properties}


def _reference(name: str) -> Schema:
    return {"schema": {"$ref": f"#/components/schemas/{name}"}}


def _post(id_: str, summary: str, asked: Schema, answered: Schema) -> Schema:
    return {
        "post": {
            "operationId": id_,
            "tags": ["inference"],
            "summary": summary,
            "security": [{"key": list[str]()}],
            "requestBody": {"required": True, "content": asked},
            "responses": {
                "200": {"description": "The answer.", "content": answered},
                **{str(status): {"$ref": "#/components/responses/Error"} for status in _STATUSES},
            },
        }
    }


_TRANSCRIPT: Schema = {
    _JSON: _reference("Transcript"),
    "text/plain": Schema(),
    "text/vtt": Schema(),
    **_EVENTS,
}

PATHS: Schema = {
    "/v1/audio/transcriptions": _post(
        "transcriptions",
        "What is said in a recording, in its own language.",
        {_FORM: _reference("TranscriptionRequest")},
        _TRANSCRIPT,
    ),
    "/v1/audio/translations": _post(
        "translations",
        "What is said in a recording, in English.",
        {_FORM: _reference("TranscriptionRequest")},
        _TRANSCRIPT,
    ),
    "/v1/audio/speech": _post(
        "speech",
        "A text read aloud; the sound comes as it is made.",
        {_JSON: _reference("SpeechRequest")},
        {"audio/*": {"schema": _FILE}, **_EVENTS},
    ),
    "/v1/images/generations": _post(
        "images",
        "Images made from a text.",
        {_JSON: _reference("ImageRequest")},
        {_JSON: _reference("Images"), **_EVENTS},
    ),
    "/v1/images/edits": _post(
        "imageEdits",
        "Images made from others and a text.",
        {_FORM: _reference("ImageEditRequest"), _JSON: _reference("ImageEditByAddressRequest")},
        {_JSON: _reference("Images"), **_EVENTS},
    ),
}

_MODEL: Schema = {"type": "string", "minLength": 1}
_DRAWN: Schema = {
    "model": _MODEL,
    "prompt": {"type": "string", "minLength": 1},
    "n": _COUNT,
    "size": {
        **_TEXT,
        "description": "`1024x1024`, ...; where a provider knows shapes alone, the nearest one.",
    },
    "quality": _TEXT,
    "background": _TEXT,
    "output_format": _TEXT,
    "stream": _FLAG,
    "partial_images": {"type": ["integer", "null"], "minimum": 0, "maximum": 3},
}

SCHEMAS: Schema = {
    "TranscriptionRequest": _object(
        ["file", "model"],
        file=_FILE,
        model=_MODEL,
        language=_TEXT,
        prompt=_TEXT,
        temperature=_NUMBER,
        stream=_FLAG,
        response_format={
            "enum": ["json", "text", "srt", "verbose_json", "vtt", "diarized_json"],
            "description": "Each of them by any provider that says when what was said.",
        },
        timestamp_granularities={"type": "array", "items": {"enum": ["word", "segment"]}},
    ),
    "Transcript": _object(["text"], text={"type": "string"}),
    "SpeechRequest": _object(
        ["model", "input", "voice"],
        model=_MODEL,
        input={"type": "string", "minLength": 1},
        voice={"description": "The provider's own name of a voice."},
        response_format=_TEXT,
        speed=_NUMBER,
        instructions=_TEXT,
        stream_format={"enum": ["audio", "sse", None]},
    ),
    "ImageRequest": _object(["model", "prompt"], **_DRAWN, style=_TEXT, response_format=_TEXT),
    "ImageEditRequest": _object(
        ["model", "prompt", "image"],
        **_DRAWN,
        image={"anyOf": [_FILE, {"type": "array", "items": _FILE}]},
        mask=_FILE,
    ),
    "ImageEditByAddressRequest": _object(
        ["model", "prompt", "images"],
        **_DRAWN,
        images={"type": "array", "items": {"type": "object"}, "minItems": 1},
    ),
    "Images": _object(
        ["created", "data"],
        created={"type": "integer"},
        data={"type": "array", "items": {"type": "object"}},
        usage={
            "type": "object",
            "description": "Tokens, where the provider counts them, and the cost in dollars.",
        },
    ),
}
