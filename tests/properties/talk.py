"""Conversations as hypothesis makes them, and what they mean, whatever the dialect they are written in."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PHOTO = "/9j/4AAQSkZJRgABAQEAYABgAAD/2wBDAAgGBgcGBQgHBwcJ"
PAPER = "JVBERi0xLjQKJcOkw7zDtsOf"
MARK = {"type": "ephemeral"}

SAID = st.text(st.characters(exclude_categories=["Cs", "C", "Z"]), min_size=1, max_size=8)
NAMES = ("find", "get_weather", "a", "Tool-9", "mcp_server_x_list_files")
VALUES = st.none() | st.booleans() | st.integers(-(2**31), 2**31) | SAID
ARGUMENTS = st.dictionaries(SAID, VALUES | st.lists(VALUES, max_size=2), max_size=2)
NESTED = st.builds(lambda inner, name: {name: inner, "list": [inner]}, ARGUMENTS, SAID)
SCHEMAS = st.sampled_from(
    (
        {"type": "object", "properties": {}},
        {"type": "object", "properties": {"a": {"type": "string", "enum": ["x", "y"]}}, "required": ["a"]},
        {
            "type": "object",
            "properties": {
                "b": {"type": "array", "items": {"type": "integer", "description": "How many."}},
                "c": {"type": "object", "properties": {"d": {"type": "boolean"}}, "required": ["d"]},
            },
        },
    )
)
IDS = ("call_{}", "toolu_01Abc{}", "chatcmpl-tool-{}", "fc.{}:0")  # as several providers make them

TEXTS = st.builds(lambda text: {"type": "text", "text": text}, SAID)
MARKED = st.builds(lambda text: {"type": "text", "text": text, "cache_control": MARK}, SAID)
PICTURES = st.sampled_from((("image/png", PICTURE), ("image/jpeg", PHOTO))).map(
    lambda image: {"type": "image_url", "image_url": {"url": f"data:{image[0]};base64,{image[1]}"}}
)
LINKS = st.just({"type": "image_url", "image_url": {"url": "https://i.test/a.png"}})
PAPERS = st.just(
    {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PAPER}"}}
)
PARTS = st.one_of(TEXTS, PICTURES, LINKS, PAPERS)
RESULTS = st.one_of(TEXTS, PICTURES, ARGUMENTS.map(lambda made: {"type": "text", "text": json.dumps(made)}))


@st.composite
def conversations(draw: Any, marks: bool = False) -> Json:
    """A canonical request: turns in which every call of a tool gets its result, in any order."""
    names = NAMES[: draw(st.integers(1, len(NAMES)))]
    form, made = draw(st.sampled_from(IDS)), 0
    turns: list[Json] = []
    if draw(st.booleans()):
        turns.append({"role": "system", "content": draw(SAID | st.lists(TEXTS, min_size=1, max_size=2))})
    for _ in range(draw(st.integers(1, 3))):
        turns.append({"role": "user", "content": draw(SAID | st.lists(PARTS, min_size=1, max_size=3))})
        calls = [form.format(made + number) for number in range(draw(st.integers(0, 3)))]
        made += len(calls)
        turns.append(draw(assistants(names, calls)))
        if calls:
            turns += [draw(results(call)) for call in draw(st.permutations(calls))]
            turns += draw(st.sampled_from(([], [{"role": "assistant", "content": "Done."}])))
    turns.append({"role": "user", "content": draw(SAID)})
    tools = [draw(tool(name)) for name in names]
    choices = ("auto", "required", {"type": "function", "function": {"name": names[0]}})
    body: Json = {"model": "m", "max_tokens": 4000, "messages": turns, "tools": tools}
    if draw(st.booleans()):
        body["tool_choice"] = draw(st.sampled_from(choices))
    return draw(marked(body)) if marks else body


@st.composite
def assistants(draw: Any, names: tuple[str, ...], calls: list[str]) -> Json:
    made = [
        {
            "id": call,
            "type": "function",
            "function": {
                "name": draw(st.sampled_from(names)),
                "arguments": json.dumps(draw(ARGUMENTS | NESTED)),
            },
        }
        for call in calls
    ]
    if not made:
        return {"role": "assistant", "content": draw(SAID)}
    return {"role": "assistant", "content": draw(st.none() | SAID), "tool_calls": made}


@st.composite
def results(draw: Any, call: str) -> Json:
    content = draw(SAID | st.lists(RESULTS, min_size=1, max_size=2))
    failed = {"is_error": True} if draw(st.integers(0, 4)) == 0 else {}
    return {"role": "tool", "tool_call_id": call, "content": content, **failed}


@st.composite
def tool(draw: Any, name: str) -> Json:
    function = {"name": name, "parameters": draw(SCHEMAS)}
    if draw(st.booleans()):
        function["description"] = draw(SAID)
    return {"type": "function", "function": function}


@st.composite
def marked(draw: Any, body: Json) -> Json:
    """The same with up to four marks for the cache: that many a request may have."""
    turns = [turn for turn in body["messages"] if turn["role"] in ("system", "user")]
    for turn in draw(st.lists(st.sampled_from(turns), max_size=3, unique_by=id)):
        turn["content"] = [draw(MARKED)]
    if draw(st.booleans()):
        body["tools"][-1]["cache_control"] = MARK
    return body


@dataclass
class Meaning:
    """What a request says; two that say the same are equal.

    Where one text ends and the next begins is not told, as several dialects have one text a turn. Pictures
    and files stand apart from the words, as OpenAI shows those of a tool in a turn of the user's.
    """

    system: str = ""
    flow: list[Any] = field(
        default_factory=list
    )  # (role, text) | (call, number, ...) | (result, number, ...)
    media: list[str] = field(default_factory=list)  # data or address; sorted, as results may change places
    tools: list[Any] = field(default_factory=list)  # (name, description, schema)
    choice: str = "auto"
    marks: list[str] = field(default_factory=list)  # what the cache's marks stand on
    failed: list[int] = field(default_factory=list)  # calls whose result is an error
    _ids: dict[str, int] = field(default_factory=dict, compare=False, repr=False)

    def say(self, role: str, text: str | None) -> None:
        text = (text or "").replace("\n", "")
        if not text.strip():
            return
        if role == "system":
            self.system += text
        elif self.flow and self.flow[-1][0] == role:
            self.flow[-1] = (role, self.flow[-1][1] + text)
        else:
            self.flow.append((role, text))

    def call(self, id_: str, name: str, arguments: Any) -> None:
        number = self._ids[id_] = len(self._ids)
        given = json.loads(arguments) if isinstance(arguments, str) else arguments
        self.flow.append(("call", number, name, json.dumps(given, sort_keys=True)))

    def result(self, id_: str, texts: list[str], failed: bool = False) -> None:
        """Results of one turn are in the order of their calls, whatever order they come in."""
        number = self._ids[id_]
        said = _value("".join(text for text in texts if text.strip()).replace("\n", ""))
        place = len(self.flow)
        while place and self.flow[place - 1][0] == "result" and self.flow[place - 1][1] > number:
            place -= 1
        self.flow.insert(place, ("result", number, said))
        if failed:
            self.failed = sorted([*self.failed, number])

    def show(self, data: str) -> None:
        self.media = sorted([*self.media, data])

    def offer(self, name: str, description: str | None, schema: Any) -> None:
        self.tools.append((name, description or "", json.dumps(schema, sort_keys=True)))

    def mark(self, what: str) -> None:
        self.marks.append(what)


def _value(text: str) -> str:
    """JSON means its value, as a result may be sent as an object."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return json.dumps(found, sort_keys=True) if isinstance(found, dict) else text


def meant(body: Json, dropped: tuple[str, ...] = ()) -> Meaning:
    """What a canonical request means, without what `dropped` names."""
    meaning = Meaning()
    for place, said in enumerate(body["messages"]):
        path = f"messages[{place}]"
        if path not in dropped:
            _turn(meaning, said, path, set(dropped))
    for place, offered in enumerate(body.get("tools") or []):
        if f"tools[{place}]" in dropped or "tools" in dropped:
            continue
        function = offered["function"]
        meaning.offer(function["name"], function.get("description"), function["parameters"])
        if "cache_control" in offered:
            meaning.mark(function["name"])
    choice = body.get("tool_choice") if "tool_choice" not in dropped else None
    meaning.choice = choice["function"]["name"] if isinstance(choice, dict) else choice or "auto"
    return meaning


def _turn(meaning: Meaning, said: Json, path: str, dropped: set[str]) -> None:
    role = "system" if said["role"] == "developer" else said["role"]
    content = said.get("content")
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
    kept = [part for place, part in enumerate(parts) if f"{path}.content[{place}]" not in dropped]
    texts = [part["text"] for part in kept if part["type"] == "text"]
    if role == "tool":
        meaning.result(said["tool_call_id"], texts, bool(said.get("is_error")))
    for part in kept:
        if role != "tool" and part["type"] == "text":
            meaning.say(role, part["text"])
        if "cache_control" in part:
            meaning.mark(part["text"])
        if part["type"] == "image_url":
            meaning.show(bare(part["image_url"]["url"]))
        elif part["type"] == "file":
            meaning.show(bare(part["file"]["file_data"]))
    for call in said.get("tool_calls") or []:
        meaning.call(call["id"], call["function"]["name"], call["function"]["arguments"])


def bare(url: str) -> str:
    """The data of a data URL; another address as it is."""
    return re.sub(r"^data:[^,]*,", "", url)
