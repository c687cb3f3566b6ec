"""Tools, and which of them the model may call.

https://ai.google.dev/api/caching#Tool and #ToolConfig, read 2026-11-21.
"""

from typing import Any, NamedTuple

from xroute.dialects.gemini.family import Family
from xroute.dialects.gemini.pieces import ANSWER
from xroute.dialects.gemini.schema import whole
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

# Neutral words, and those of providers whose tool does the same, that a tool's type begins with.
_SERVER = {
    "web_search": "googleSearch",
    "web_fetch": "urlContext",
    "code_interpreter": "codeExecution",
    "code_execution": "codeExecution",
}
# Gemini's own tools, as one object each.
_NATIVE = frozenset(
    {
        "codeExecution",
        "computerUse",
        "enterpriseWebSearch",
        "exaAiSearch",
        "fileSearch",
        "functionDeclarations",
        "googleMaps",
        "googleSearch",
        "googleSearchRetrieval",
        "mcpServers",
        "parallelAiSearch",
        "retrieval",
        "urlContext",
    }
)
_OLDER = frozenset({"functionDeclarations", "codeExecution"})  # beside functions in every model (recorded)
_MODES = {"none": "NONE", "auto": "AUTO", "required": "ANY", "any": "ANY", "validated": "VALIDATED"}


def by_tool(upstream: str) -> frozenset[str]:
    """Abilities that a model with tools has through a forced one, by the provider's name for it."""
    return frozenset({"json_schema"})


class Choice(NamedTuple):
    """Which functions may be called; no mode where the client leaves it to the provider."""

    mode: str = ""
    names: tuple[str, ...] = ()


class Tools:
    """The tools of one request."""

    def __init__(self, body: Json, dropped: list[str]) -> None:
        self._dropped = dropped
        self.functions: list[Json] = []
        self.server: list[Json] = []
        self.is_strict = False
        self.is_marked = False  # a cache_control was seen
        self._hosted: list[str] = []  # what asked for those of `server` that older models take alone
        for place, tool in enumerate(_listed(body, "tools", "functions")):
            known = len(self.server)
            if not self._read(tool):
                dropped.append(f"tools[{place}]")
            elif len(self.server) > known and _OLDER.isdisjoint(self.server[-1]):
                self._hosted.append(f"tools[{place}]")
        self._options(body)
        self.choice = self._choice(body)

    def answer_with(self, schema: Any) -> None:
        """Adds the tool that carries an answer of this schema, and has the model call one."""
        text = "Gives the final answer. Call it once, when no other function has to be called first."
        self.functions.append({"name": ANSWER, "description": text, "parametersJsonSchema": whole(schema)})
        names = (*self.choice.names, ANSWER) if self.choice.names else ()
        self.choice = Choice("ANY", names)

    def separate(self) -> None:
        """For models before the third generation, which refuse a search and the like beside functions.

        https://github.com/withceleste/celeste-python/issues/197, read 2026-11-21.
        """
        if self.functions and self._hosted:
            self._dropped += self._hosted
            self.server = [tool for tool in self.server if not _OLDER.isdisjoint(tool)]

    def forget(self) -> None:
        """No functions: the client wants none called."""
        self.functions, self.choice = [], Choice()

    def body(self) -> list[Json]:
        """The `tools` of the request."""
        if self.choice.mode == "NONE":
            return [{"functionDeclarations": self.functions}] if self.functions else []
        return [*([{"functionDeclarations": self.functions}] if self.functions else []), *self.server]

    def config(self, family: Family, *, traces: bool) -> Json:
        """The `toolConfig`; {} for none. `traces`: the provider can show the work of its own tools.

        The third generation takes its own tools beside functions, if their traces go back and forth:
        https://ai.google.dev/gemini-api/docs/tool-combination, read 2026-11-21.
        """
        found: Json = {}
        mode, names = self.choice
        if self.functions and self.is_strict and mode in ("", "AUTO"):
            mode = "VALIDATED"  # a call or text, and a call fits its schema
        if self.functions and mode:
            calling: Json = {"mode": mode}
            if names:
                calling["allowedFunctionNames"] = list(names)
            found["functionCallingConfig"] = calling
        if traces and self.functions and self.server and mode != "NONE" and family.mixes:
            found["includeServerSideToolInvocations"] = True
        return found

    def _read(self, tool: Any) -> bool:
        """Whether the tool can be carried."""
        if not codec.is_object(tool):
            return False
        self.is_marked = self.is_marked or tool.get("cache_control") is not None
        kind: Any = tool.get("type")
        if kind == "function" or (kind is None and ("function" in tool or "name" in tool)):
            return self._function(tool.get("function") or tool)
        if kind is None or kind in _NATIVE:
            return self._native(tool)
        ours = next((ours for word, ours in _SERVER.items() if str(kind).startswith(word)), None)
        if ours and {ours: {}} not in self.server:
            self.server.append({ours: {}})
        return ours is not None

    def _native(self, tool: Json) -> bool:
        if not any(_camel(name) in _NATIVE for name in tool):
            return False
        self.server.append({n: value for n, value in tool.items() if n not in ("type", "cache_control")})
        return True

    def _function(self, function: Any) -> bool:
        if not codec.is_object(function) or not isinstance(name := function.get("name"), str):
            return False
        found: Json = {"name": name}
        if isinstance(text := function.get("description"), str) and text:
            found["description"] = text
        if codec.is_object(parameters := function.get("parameters")) and parameters:
            found["parametersJsonSchema"] = whole(parameters)
        self.is_strict = self.is_strict or function.get("strict") is True
        self.functions.append(found)
        return True

    def _options(self, body: Json) -> None:
        """OpenAI's chat field for a search; Google takes no options of it."""
        options: Any = body.get("web_search_options")
        if not codec.is_object(options):
            return
        self._hosted.append("web_search_options")
        if {"googleSearch": {}} not in self.server:
            self.server.append({"googleSearch": {}})
        self._dropped += [
            f"web_search_options.{name}" for name, value in options.items() if value is not None
        ]

    def _choice(self, body: Json) -> Choice:
        wanted: Any = (
            body.get("tool_choice") if body.get("tool_choice") is not None else body.get("function_call")
        )
        if wanted is None:
            return Choice()
        found = _chosen(wanted)
        if found is None:
            self._dropped.append("tool_choice")
        return found or Choice()


def _chosen(wanted: Any) -> Choice | None:
    """The choice in Gemini's words; None for one that it has no word for."""
    if isinstance(wanted, str):
        mode = _MODES.get(wanted)
        return Choice(mode) if mode else None
    if not codec.is_object(wanted):
        return None
    if wanted.get("type") == "allowed_tools":
        return _allowed(wanted.get("allowed_tools") or wanted)
    name = _name(wanted)
    return Choice("ANY", (name,)) if name else None


def _allowed(allowed: Any) -> Choice | None:
    """A part of the functions; with VALIDATED the model may also answer in text."""
    if not codec.is_object(allowed) or not codec.is_list(given := allowed.get("tools")):
        return None
    names = tuple(name for tool in given if codec.is_object(tool) and (name := _name(tool)))
    return Choice("ANY" if allowed.get("mode") == "required" else "VALIDATED", names) if names else None


def _name(tool: Json) -> str:
    """The function that a choice or an entry of allowed tools names."""
    if tool.get("type", "function") != "function":
        return ""
    inner: Any = tool.get("function")
    name: Any = inner.get("name") if codec.is_object(inner) else tool.get("name")
    return name if isinstance(name, str) else ""


def _listed(body: Json, *names: str) -> list[Any]:
    """The list under the first of the names that has one."""
    none: list[Any] = []
    return next((value for name in names if codec.is_list(value := body.get(name))), none)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.title() for word in others)
