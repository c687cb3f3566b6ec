"""What a response repeats of its request, every field that the API's types ask for.

https://developers.openai.com/api/reference/resources/responses, and for the fields that must be there even
where they are null https://www.openresponses.org/reference, both read 2026-11-21.
"""

from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai_responses.seal import objects

# Field -> its value where the client says nothing.
_DEFAULTS: Json = {
    "background": False,
    "frequency_penalty": 0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "presence_penalty": 0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1,
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": 1,
    "truncation": "disabled",
    "user": None,
}
_NULLABLE = ("description", "parameters", "strict")  # of a function: there, null where nothing was said


def echo(given: Json) -> Json:
    """The fields of a response that its request decides."""
    made = {
        name: default if (value := given.get(name)) is None else value for name, default in _DEFAULTS.items()
    }
    if made["service_tier"] == "auto":
        made["service_tier"] = "default"  # the one that is used
    made["reasoning"] = _reasoning(given.get("reasoning"))
    made["text"] = _text(given.get("text"))
    made["tools"] = [_tool(tool) for tool in objects(given.get("tools"))]
    return made


def _reasoning(given: Any) -> Json:
    own: Json = given if codec.is_object(given) else {}
    return {"effort": own.get("effort"), "summary": own.get("summary") or own.get("generate_summary")}


def _text(given: Any) -> Json:
    own: Json = given if codec.is_object(given) else {}
    wanted: Any = own.get("format")
    form: Json = wanted if codec.is_object(wanted) else {"type": "text"}
    if form.get("type") == "json_schema":
        form = {"description": None, "strict": False, **form}
    verbosity = own.get("verbosity")
    return {"format": form, "verbosity": verbosity} if verbosity else {"format": form}


def _tool(tool: Json) -> Json:
    if tool.get("type", "function") != "function":
        return tool
    inner: Any = tool.get("function")
    own: Json = inner if codec.is_object(inner) else tool
    return {**dict.fromkeys(_NULLABLE), **own, "type": "function"}
