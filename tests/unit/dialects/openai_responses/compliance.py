"""What the Open Responses specification asks of responses and events, as JSON Schema.

Written after responses.tsp, items.tsp, content.tsp and events.tsp of
https://github.com/openresponses/openresponses, version 2026-04-24, read 2026-11-21: every field that must be
there, even where it may be null.
"""

from jsonschema import Draft202012Validator

TEXT, WHOLE, NUMBER, BOOL = {"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "boolean"}
NULL = {"type": "null"}


def maybe(schema):
    return {"anyOf": [schema, NULL]}


def one(*options):
    return {"anyOf": list(options)}


def many(schema):
    return {"type": "array", "items": schema}


def thing(may=None, **must):
    return {"type": "object", "required": sorted(must), "properties": {**must, **(may or {})}}


def word(*words):
    return {"enum": list(words)}


STATUS = word("in_progress", "completed", "incomplete")
LOGPROB = {"token": TEXT, "logprob": NUMBER, "bytes": many(WHOLE)}
LOGPROBS = many(thing(**LOGPROB, top_logprobs=many(thing(**LOGPROB))))
CITATION = thing(type=word("url_citation"), url=TEXT, title=TEXT, start_index=WHOLE, end_index=WHOLE)
PART = one(
    thing(type=word("input_text"), text=TEXT),
    thing({"logprobs": LOGPROBS}, type=word("output_text"), text=TEXT, annotations=many(CITATION)),
    thing(type=word("text", "summary_text", "reasoning_text"), text=TEXT),
    thing(type=word("refusal"), refusal=TEXT),
    thing(type=word("input_image"), image_url=maybe(TEXT), detail=word("low", "high", "auto")),
    thing({"filename": TEXT, "file_url": TEXT}, type=word("input_file")),
)
ROLE = word("user", "assistant", "system", "developer")
PHASE = word("commentary", "final_answer")
ITEM = one(
    thing({"phase": PHASE}, type=word("message"), id=TEXT, status=STATUS, role=ROLE, content=many(PART)),
    thing(type=word("function_call"), id=TEXT, call_id=TEXT, name=TEXT, arguments=TEXT, status=STATUS),
    thing(type=word("function_call_output"), id=TEXT, call_id=TEXT, status=STATUS),
    thing(
        {"content": many(PART), "encrypted_content": TEXT},
        type=word("reasoning"),
        id=TEXT,
        summary=many(PART),
    ),
    thing(type=word("compaction"), id=TEXT, encrypted_content=TEXT),
)
TOOL = thing(
    type=word("function"),
    name=TEXT,
    description=maybe(TEXT),
    parameters=maybe({"type": "object"}),
    strict=maybe(BOOL),
)
USAGE = thing(
    input_tokens=WHOLE,
    output_tokens=WHOLE,
    total_tokens=WHOLE,
    input_tokens_details=thing(cached_tokens=WHOLE),
    output_tokens_details=thing(reasoning_tokens=WHOLE),
)
CHOICE = one(
    word("none", "auto", "required"),
    thing({"name": TEXT}, type=word("function")),
    thing(type=word("allowed_tools"), tools=many(thing(type=word("function"))), mode=TEXT),
)
RESPONSE = thing(
    id=TEXT,
    object=word("response"),
    created_at=WHOLE,
    completed_at=maybe(WHOLE),
    status=TEXT,
    incomplete_details=maybe(thing(reason=TEXT)),
    model=TEXT,
    previous_response_id=maybe(TEXT),
    instructions=maybe(TEXT),
    output=many(ITEM),
    error=maybe(thing(code=TEXT, message=TEXT)),
    tools=many(TOOL),
    tool_choice=CHOICE,
    truncation=word("auto", "disabled"),
    parallel_tool_calls=BOOL,
    text=thing(
        {"verbosity": word("low", "medium", "high")},
        format=thing(type=word("text", "json_object", "json_schema")),
    ),
    top_p=NUMBER,
    presence_penalty=NUMBER,
    frequency_penalty=NUMBER,
    top_logprobs=WHOLE,
    temperature=NUMBER,
    reasoning=maybe(thing(effort=maybe(TEXT), summary=maybe(TEXT))),
    usage=maybe(USAGE),
    max_output_tokens=maybe(WHOLE),
    max_tool_calls=maybe(WHOLE),
    store=BOOL,
    background=BOOL,
    service_tier=TEXT,
    metadata={},
    safety_identifier=maybe(TEXT),
    prompt_cache_key=maybe(TEXT),
)
COMPACTED = thing(
    id=TEXT, object=word("response.compaction"), created_at=WHOLE, output=many(ITEM), usage=USAGE
)

_AT = {"item_id": TEXT, "output_index": WHOLE}
_IN = {**_AT, "content_index": WHOLE}
_OF = {**_AT, "summary_index": WHOLE}
_STATES = ("created", "queued", "in_progress", "completed", "failed", "incomplete")
_EVENTS = {
    **{name: {"response": RESPONSE} for name in _STATES},
    "output_item.added": {"output_index": WHOLE, "item": maybe(ITEM)},
    "output_item.done": {"output_index": WHOLE, "item": maybe(ITEM)},
    "reasoning_summary_part.added": {**_OF, "part": PART},
    "reasoning_summary_part.done": {**_OF, "part": PART},
    "reasoning_summary_text.delta": {**_OF, "delta": TEXT},
    "reasoning_summary_text.done": {**_OF, "text": TEXT},
    "content_part.added": {**_IN, "part": PART},
    "content_part.done": {**_IN, "part": PART},
    "output_text.delta": {**_IN, "delta": TEXT},
    "output_text.done": {**_IN, "text": TEXT},
    "refusal.delta": {**_IN, "delta": TEXT},
    "refusal.done": {**_IN, "refusal": TEXT},
    "output_text.annotation.added": {**_IN, "annotation_index": WHOLE, "annotation": maybe(CITATION)},
    "function_call_arguments.delta": {**_AT, "delta": TEXT},
    "function_call_arguments.done": {**_AT, "arguments": TEXT},
}
_CHECKS = {
    f"response.{name}": Draft202012Validator(thing(type=TEXT, sequence_number=WHOLE, **fields))
    for name, fields in _EVENTS.items()
}
_WHOLE = {
    "response": Draft202012Validator(RESPONSE),
    "response.compaction": Draft202012Validator(COMPACTED),
}


def check(body):
    """A whole response or compaction; raises jsonschema's ValidationError."""
    _WHOLE[body["object"]].validate(body)


def check_event(name, body):
    """One event of a stream, named in its data as on its line; KeyError for one that is not specified."""
    assert name == body["type"]
    _CHECKS[name].validate(body)


def events_of(raw):
    """The (name, data) of a stream's bytes, the last one being [DONE]."""
    blocks = raw.decode("utf-8", "surrogatepass").split("\n\n")
    assert blocks.pop() == ""
    assert blocks.pop() == "data: [DONE]"
    for block in blocks:
        head, data = block.split("\n")
        assert head.startswith("event: ") and data.startswith("data: ")
        yield head[7:], data[6:]
