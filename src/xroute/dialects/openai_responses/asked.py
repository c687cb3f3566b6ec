"""What a client of the Responses API asks for besides its input, in canonical words: tools and form."""

import re
from collections.abc import Sequence
from hashlib import blake2s
from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json
from xroute.dialects.openai.parse import wrong
from xroute.dialects.openai_responses.seal import objects

LONGEST = 64  # characters of a function's name: https://platform.openai.com/docs/api-reference/chat/create
SEARCH = "web_search"  # and its dated and preview names
LOGPROBS = "message.output_text.logprobs"
ENCRYPTED = "reasoning.encrypted_content"

OFFERS = ("additional_tools", "tool_search_output")  # items that bring tools with them

_FIELDS = ("name", "description", "parameters", "strict")
_ODD = re.compile(r"[^a-zA-Z0-9_-]")


class Names:
    """The client's own tools by the names that the model knows them by.

    A namespace's tools get names of their own, as no other API has namespaces; tools of free text are
    remembered, as most models can only be given functions.
    """

    def __init__(self) -> None:
        self._spaces: dict[str, tuple[str, str]] = {}  # the model's name -> (namespace, name)
        self._customs: set[str] = set()

    def __repr__(self) -> str:
        return f"<Names, {len(self._spaces)} in namespaces, {len(self._customs)} of free text>"

    def enter(self, namespace: Any, name: Any) -> str:
        """The model's name of a tool."""
        if not isinstance(name, str) or not isinstance(namespace, str) or not namespace:
            return name if isinstance(name, str) else ""
        flat = flat_name(namespace, name)
        self._spaces[flat] = (namespace, name)
        return flat

    def free(self, name: str) -> None:
        """This tool takes free text."""
        self._customs.add(name)

    def is_free(self, name: str) -> bool:
        """Whether the tool takes free text."""
        return name in self._customs

    def called(self, item: Json) -> Json:
        """A call of the client's history under the model's name.

        OpenAI gives a tool that was found by search a namespace of its own, which nobody offered.
        """
        namespace, name = item.get("namespace"), item.get("name")
        if not isinstance(namespace, str) or not isinstance(name, str):
            return item
        flat = flat_name(namespace, name)
        if flat not in self._spaces:
            return item
        return {**{field: value for field, value in item.items() if field != "namespace"}, "name": flat}

    def told(self, name: str) -> Json:
        """`name`, and `namespace` where it has one, as the client knows the tool."""
        namespace, own = self._spaces.get(name, ("", name))
        return {"name": own, "namespace": namespace} if namespace else {"name": own}


def flat_name(namespace: str, name: str) -> str:
    """One name for both, the same for the same, that every provider takes."""
    flat = _ODD.sub("_", namespace + ("" if namespace.endswith("__") else "__") + name)
    if len(flat) <= LONGEST:
        return flat
    return flat[: LONGEST - 9] + "_" + blake2s(f"{namespace}\0{name}".encode(), digest_size=4).hexdigest()


def tools(given: Any, names: Names, where: str = "tools") -> list[Json]:
    """The tools in the chat API's form; those that run at a provider stay as they are."""
    if given is None:
        return []
    if not codec.is_list(given):
        raise wrong(where, "must be a list")
    return [made for place, tool in enumerate(given) for made in _tool(tool, names, "", f"{where}[{place}]")]


def more_tools(items: Sequence[Any], names: Names) -> list[Json]:
    """The tools that items of the input bring."""
    return [
        made
        for place, item in enumerate(items)
        if codec.is_object(item) and item.get("type") in OFFERS
        for made in tools(item.get("tools"), names, f"input[{place}].tools")
    ]


def _tool(tool: Any, names: Names, namespace: str, where: str) -> list[Json]:
    if not codec.is_object(tool):
        raise wrong(where, "must be an object")
    kind: Any = tool.get("type", "function")
    if not isinstance(kind, str):
        raise wrong(f"{where}.type", "must be a string")
    if kind == "namespace":
        inner = objects(tool.get("tools"))
        return [made for each in inner for made in _tool(each, names, str(tool.get("name") or ""), where)]
    if kind not in ("function", "custom"):
        return [_hosted(tool)]
    nested: Any = tool.get(kind)
    own: Json = nested if codec.is_object(nested) else tool
    if not isinstance(own.get("name"), str) or not own["name"]:
        raise wrong(f"{where}.name", "is required")
    name = names.enter(namespace, own["name"])
    made = _function(own, name) if kind == "function" else _custom(own, name, names)
    return [{**made, "cache_control": tool["cache_control"]} if "cache_control" in tool else made]


def _function(own: Json, name: str) -> Json:
    said = {field: own[field] for field in _FIELDS if own.get(field) is not None}
    return {"type": "function", "function": {**said, "name": name}}


def _custom(own: Json, name: str, names: Names) -> Json:
    names.free(name)
    custom: Json = {"name": name}
    if own.get("description") is not None:
        custom["description"] = own["description"]
    form: Any = own.get("format")
    if codec.is_object(form):
        grammar = {field: form[field] for field in ("syntax", "definition") if field in form}
        custom["format"] = {"type": "grammar", "grammar": grammar} if grammar else form
    return {"type": "custom", "custom": custom}


def _hosted(tool: Json) -> Json:
    """A provider's own tool; a search by its neutral word, what it is limited to beside it."""
    if not tool["type"].startswith(SEARCH):
        return tool
    filters: Any = tool.get("filters")
    limits: Json = filters if codec.is_object(filters) else {}
    kept = {name: value for name, value in tool.items() if name != "filters"}
    return {**kept, **{name: value for name, value in limits.items() if value}, "type": SEARCH}


def choice(given: Any, names: Names) -> Any:
    """tool_choice in the chat API's form."""
    if not codec.is_object(given):
        return given
    kind: Any = given.get("type")
    if kind == "allowed_tools":
        nested: Any = given.get(kind)
        own: Json = nested if codec.is_object(nested) else given
        allowed = [choice(tool, names) for tool in objects(own.get("tools"))]
        return {"type": kind, kind: {"mode": own.get("mode") or "auto", "tools": allowed}}
    if kind in ("function", "custom"):
        if codec.is_object(given.get(kind)):
            return given
        return {"type": kind, kind: {"name": names.enter(given.get("namespace"), given.get("name"))}}
    return {**given, "type": SEARCH} if isinstance(kind, str) and kind.startswith(SEARCH) else given


def form(text: Any) -> Json:
    """`text` as response_format and verbosity."""
    given: Json = text if codec.is_object(text) else {}
    out: Json = {}
    wanted: Any = given.get("format")
    if codec.is_object(wanted) and wanted.get("type") not in (None, "text"):
        out["response_format"] = _schema(wanted) if wanted["type"] == "json_schema" else wanted
    if given.get("verbosity") not in (None, "medium"):
        out["verbosity"] = given["verbosity"]
    return out


def _schema(wanted: Json) -> Json:
    if codec.is_object(wanted.get("json_schema")):
        return wanted
    own = {name: value for name, value in wanted.items() if name != "type" and value is not None}
    return {"type": "json_schema", "json_schema": {"name": "answer", **own}}


def extras(given: Json) -> Json:
    """What an answer is to hold besides, and how long a model may search: Responses providers alone know it.

    Left out where it means no more than the default, as other providers refuse what they do not know.
    """
    out: Json = {}
    include: Any = given.get("include")
    wanted: list[Any] = include if codec.is_list(include) else []
    if kept := [word for word in wanted if word not in (ENCRYPTED, LOGPROBS)]:
        out["include"] = kept
    if given.get("truncation") not in (None, "disabled"):
        out["truncation"] = given["truncation"]
    if given.get("max_tool_calls") is not None:
        out["max_tool_calls"] = given["max_tool_calls"]
    top = given.get("top_logprobs")
    if top or LOGPROBS in wanted:
        out["logprobs"] = True
        out |= {"top_logprobs": top} if top else {}
    return out
