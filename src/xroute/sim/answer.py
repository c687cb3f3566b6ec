"""The content of an answer: text, reasoning, tool calls and JSON, in tokens, drawn from the request."""

import random
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from xroute.errors import InvalidRequest
from xroute.sim import schema, words
from xroute.sim.ask import Ask
from xroute.sim.checks import chosen
from xroute.sim.plan import Profile
from xroute.sim.shape import entries, table

_PIECE = 4  # characters of JSON in one token
_MOST_CALLS = 3  # of one answer with parallel_tool_calls
_EFFORT = {"minimal": 8, "low": 16, "medium": 64, "high": 128, "xhigh": 256, "max": 512}
_BAD_SCHEMA = (
    schema.Unusable,
    TypeError,
    ValueError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RecursionError,
)


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call; `pieces` are its arguments, or a custom tool's input, in tokens."""

    id: str
    name: str
    kind: Literal["function", "custom"]
    pieces: list[str]

    @property
    def text(self) -> str:
        """The arguments, or the input, as they are written."""
        return "".join(self.pieces)

    @property
    def value(self) -> Any:
        """The arguments as an object; a text that is none, or was cut short, as its `input`."""
        try:
            value: Any = orjson.loads(self.text)
        except orjson.JSONDecodeError:
            return {"input": self.text}
        return table(value) if isinstance(value, dict) else {"input": self.text}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the `n` answers."""

    pieces: list[str]
    reasoning: list[str] = field(default_factory=list[str])
    calls: list[Call] = field(default_factory=list[Call])
    finish: str = "stop"
    met: str | None = None  # the stop sequence that ended it

    @property
    def tokens(self) -> int:
        """Completion tokens, those of the reasoning among them."""
        return len(self.pieces) + len(self.reasoning) + sum(len(call.pieces) + 1 for call in self.calls)


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that is said, before it takes a form on the wire."""

    id: str
    model: str
    choices: list[Choice]
    prompt_tokens: int
    cached_tokens: int

    @property
    def tokens(self) -> int:
        """Completion tokens of all choices."""
        return sum(choice.tokens for choice in self.choices)


def answer(ask: Ask, profile: Profile) -> Answer:
    """The answer to a checked request; InvalidRequest where a schema in it cannot be used."""
    seed = ask.seed(profile)
    wanted = profile.output_tokens if ask.controls.tokens is None else ask.controls.tokens
    rngs = [random.Random(f"{seed}:{index}") for index in range(ask.body.get("n") or 1)]
    prompt = prompt_tokens(ask.body)
    return Answer(
        id=f"chatcmpl-sim-{seed.partition(':')[2]}",
        model=ask.model,
        choices=[_choice(ask.body, wanted, rng) for rng in rngs],
        prompt_tokens=prompt,
        cached_tokens=_cached(prompt, profile.cached_share),
    )


def _choice(body: dict[str, Any], wanted: int, rng: random.Random) -> Choice:
    left = _limit(body)
    reasoning = words.pieces(rng, _EFFORT.get(str(body.get("reasoning_effort")), 0))
    if len(reasoning) >= left:
        return Choice([], reasoning[:left], finish="length")
    left -= len(reasoning)
    tools = _tools_to_call(body, rng)
    if tools:
        return _calling(tools, reasoning, left, rng)
    pieces, met = _stopped(_content(body, wanted, rng), body.get("stop"))
    if len(pieces) > left:
        return Choice(pieces[:left], reasoning, finish="length")
    return Choice(pieces, reasoning, met=met)


def _limit(body: dict[str, Any]) -> int:
    given = body.get("max_completion_tokens") or body.get("max_tokens")
    return given if given is not None else 1 << 62


def _content(body: dict[str, Any], wanted: int, rng: random.Random) -> list[str]:
    form = table(body.get("response_format"))
    if form.get("type") == "json_schema":
        return _json_pieces(_instance(form["json_schema"]["schema"], rng, "response_format"))
    if form.get("type") == "json_object":
        text = "".join(words.pieces(rng, wanted)).strip()
        return _json_pieces({"simulator": "xroute", "is_simulated": True, "text": text})
    if wanted <= len(words.INTRO):
        return list(words.INTRO[:wanted])
    pieces = [*words.INTRO, *words.pieces(rng, wanted - len(words.INTRO))]
    return pieces if pieces[-1] == "." else [*pieces[:-1], pieces[-1] + "."]


def _instance(given: Any, rng: random.Random, param: str) -> Any:
    try:
        return schema.instance(given, rng)
    except _BAD_SCHEMA as error:  # whatever a wrongly typed keyword of the client's schema leads to
        reason = str(error) if isinstance(error, schema.Unusable) else "a keyword has the wrong type"
        raise InvalidRequest(f"Invalid schema: {reason}.", param=param, code="invalid_schema") from error


def _json_pieces(value: Any) -> list[str]:
    try:
        text = orjson.dumps(value).decode()
    except orjson.JSONEncodeError as error:
        raise InvalidRequest("Invalid schema: its instances are too large.", code="invalid_schema") from error
    return [text[i : i + _PIECE] for i in range(0, len(text), _PIECE)]


def _stopped(pieces: list[str], stop: Any) -> tuple[list[str], str | None]:
    """(the pieces before the first stop sequence, that sequence)."""
    stops = [stop] if isinstance(stop, str) else entries(stop)
    text = "".join(pieces)
    found = [(text.find(each), each) for each in stops if isinstance(each, str) and each]
    if not (found := [(at, each) for at, each in found if at >= 0]):
        return pieces, None
    (end, met), kept = min(found), list[str]()
    for piece in pieces:
        if end <= 0:
            break
        kept.append(piece[:end])
        end -= len(piece)
    return kept, met


def _tools_to_call(body: dict[str, Any], rng: random.Random) -> list[dict[str, Any]]:
    """The tools this answer calls: none once a tool has answered, unless the request insists."""
    tools: list[dict[str, Any]] = entries(body.get("tools"))
    choice = body.get("tool_choice") or "auto"
    insists = choice == "required" or (isinstance(choice, dict) and not _is_auto(table(choice)))
    last = body["messages"][-1]["role"]
    if not tools or choice == "none" or (last != "user" and not insists):
        return []
    if names := chosen(choice):
        tools = [tool for tool in tools if _name(tool) in names]
    called = _called(body["messages"])
    fresh = [tool for tool in tools if _name(tool) not in called] or tools  # so that a loop ends
    if body.get("parallel_tool_calls"):
        return fresh[:_MOST_CALLS]
    return [rng.choice(fresh)]


def _is_auto(choice: dict[str, Any]) -> bool:
    return choice.get("type") == "allowed_tools" and choice["allowed_tools"].get("mode") == "auto"


def _name(tool: dict[str, Any]) -> str:
    return tool[tool["type"]]["name"]


def _called(messages: list[dict[str, Any]]) -> set[str]:
    """Names of the tools called since the last user message."""
    found: set[str] = set()
    for message in reversed(messages):
        if message["role"] == "user":
            break
        for call in entries(message.get("tool_calls")):  # the name stands in `function` or `custom`
            found |= {str(table(part).get("name")) for part in table(call).values()}
    return found


def _calling(tools: list[dict[str, Any]], reasoning: list[str], left: int, rng: random.Random) -> Choice:
    calls: list[Call] = []
    for tool in tools:
        call = _call(tool, rng)
        left -= len(call.pieces) + 1
        if left < 0:
            pieces = call.pieces[: max(0, len(call.pieces) + left)]
            cut = [*calls, Call(call.id, call.name, call.kind, pieces)]
            return Choice([], reasoning, cut, finish="length")
        calls.append(call)
    return Choice([], reasoning, calls, finish="tool_calls")


def _call(tool: dict[str, Any], rng: random.Random) -> Call:
    identity = f"call_sim{rng.getrandbits(80):020x}"
    if tool["type"] == "custom":
        return Call(identity, _name(tool), "custom", [*words.INTRO])
    parameters = table(tool["function"].get("parameters")) or {"properties": {}}
    value = _instance({"type": "object", **parameters}, rng, "tools")
    return Call(identity, _name(tool), "function", _json_pieces(value))


def prompt_tokens(body: dict[str, Any]) -> int:
    """An estimate: four bytes a token, and what OpenAI adds for each message and each image."""
    total = 3 + sum(4 + _text_tokens(message) for message in body["messages"])
    if body.get("tools"):
        total += len(orjson.dumps(body["tools"])) // 4
    return total


def _text_tokens(message: dict[str, Any]) -> int:
    content = message.get("content")
    calls = len(orjson.dumps(message["tool_calls"])) // 4 if message.get("tool_calls") else 0
    if isinstance(content, str):
        return calls + (len(content.encode("utf-8", "replace")) + 3) // 4
    return calls + sum(_part_tokens(part) for part in entries(content))


def _part_tokens(part: dict[str, Any]) -> int:
    if part["type"] in ("text", "refusal"):
        return (len(str(part.get(part["type"], "")).encode("utf-8", "replace")) + 3) // 4
    return 85  # OpenAI's price of an image at low detail


def _cached(prompt: int, share: float) -> int:
    """OpenAI caches prompts from 1,024 tokens on, in steps of 128."""
    return int(prompt * share) // 128 * 128 if prompt >= 1024 else 0
