"""What a response of the Responses API says, read from the provider's bytes without any of xroute's code."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.wire.reading import Choice, Json, Reading, Tool, Unreadable, events

CALLS = ("function_call", "custom_tool_call")
ENDS = ("response.completed", "response.incomplete", "response.failed")


@dataclass
class Said(Reading):
    """A whole response, or the sum of a stream's events; `items` are the output, with all that was said."""

    items: list[Json] = field(default_factory=list)
    status: str | None = None  # of the response

    @property
    def thoughts(self) -> list[str]:
        return [text for item in self.of("reasoning") for text in _thoughts(item)]

    @property
    def secrets(self) -> list[str]:
        return [item["encrypted_content"] for item in self.of("reasoning") if item.get("encrypted_content")]

    @property
    def natives(self) -> list[Json]:
        return [item for item in self.items if item.get("type") not in ("message", "reasoning", *CALLS)]

    @property
    def texts(self) -> list[str]:
        return ["".join(part.get("text") or "" for part in _parts(item)) for item in self.of("message")]

    @property
    def notes(self) -> list[Json]:
        parts = [part for item in self.of("message") for part in _parts(item)]
        return [note for part in parts for note in part.get("annotations") or []]

    @property
    def holds(self) -> bool:
        return bool(any(self.texts) or super().holds or self.secrets or self.natives)

    def of(self, *types: str) -> list[Json]:
        return [item for item in self.items if item.get("type") in types]


def whole(text: str) -> Said:
    """The reading of a body that is not a stream; Unreadable where it is no response."""
    try:
        body = json.loads(text)
    except ValueError:
        raise Unreadable("not JSON") from None
    if not isinstance(body, dict):
        raise Unreadable("not an object")
    said = Said()
    _respond(said, body)
    if not said.error and not isinstance(body.get("output"), list):
        raise Unreadable("no output")
    if said.status in ("queued", "in_progress"):
        raise Unreadable("not finished")
    said.items = body.get("output") or []
    return _concluded(said, body)


def stream(text: str) -> Said:
    """The sum of a stream's events, to its end."""
    said = Said()
    items: dict[Any, Json] = {}
    last: Json = {}
    found = events(text)
    if not found and text.strip():
        return whole(text)
    for name, data in found:
        if data.strip() in ("[DONE]", ""):
            continue
        event = json.loads(data, strict=False)
        kind = event.get("type") or name
        if kind == "error":
            said.error = _message(event.get("error") or event)
        elif kind in ("response.created", "response.in_progress", *ENDS):
            _respond(said, event.get("response") or {})
            last = event.get("response") or {}
        else:
            _add(items, kind, event)
        if said.error:
            break
        if kind in ENDS:
            said.closed = True
            said.status = kind.removeprefix("response.")
            break
    said.items = _merged(items, last.get("output") or [])
    return _concluded(said, last)


def _respond(said: Said, body: Json) -> None:
    said.ids = said.ids or ([body["id"]] if body.get("id") else [])  # Copilot's change from event to event
    said.status = body.get("status")
    if body.get("error") or said.status in ("failed", "cancelled"):
        said.error = _message(body.get("error") or {})
    usage = body.get("usage") or {}
    if "input_tokens" in usage:
        said.usage = {
            "prompt_tokens": usage["input_tokens"],
            "completion_tokens": usage["output_tokens"],
            "prompt_tokens_details": usage.get("input_tokens_details") or {},
            "completion_tokens_details": usage.get("output_tokens_details") or {},
        }
        if "total_tokens" in usage:
            said.usage["total_tokens"] = usage["total_tokens"]


def _message(error: Any) -> str:
    return str(error.get("message") or "") if isinstance(error, dict) else str(error)


def _add(items: dict[Any, Json], kind: str, event: Json) -> None:
    """One event within the output: pieces are added up, a finished item stands over them."""
    key = event.get("output_index", event.get("item_id"))
    known = items.setdefault(key, {"type": None, "pieces": {}, "notes": [], "done": {}})
    item = event.get("item") or {}
    if kind == "response.output_item.added":
        known["added"], known["type"] = item, item.get("type")
    elif kind == "response.output_item.done":
        known["done"], known["type"] = item, item.get("type")
    elif kind == "response.output_text.annotation.added":
        known["notes"].append(event["annotation"])
    elif kind.endswith(".delta") and isinstance(event.get("delta"), str):
        place = (kind.removesuffix(".delta"), event.get("summary_index", event.get("content_index", 0)))
        known["pieces"][place] = known["pieces"].get(place, "") + event["delta"]
    elif not known["pieces"] and not known["type"]:
        del items[key]


def _merged(items: dict[Any, Json], output: list[Json]) -> list[Json]:
    """The items as finished, else as their pieces say; then those of the last event alone."""
    out: list[Json] = []
    for key, known in items.items():
        if known["type"] or known["pieces"]:
            told = output[key] if isinstance(key, int) and key < len(output) else {}
            out.append(_finished(known) or _of_pieces(known) or told)
    return [item for item in [*out, *output[len(out) :]] if item]


def _finished(known: Json) -> Json:
    """A finished item; where its pieces said something else, they are what a client saw."""
    item = known["done"]
    pieces = "".join(text for (kind, _), text in known["pieces"].items() if kind == "response.output_text")
    parts = item.get("content") or []
    if item.get("type") != "message" or "".join(p.get("text") or "" for p in parts).startswith(pieces):
        return item
    return {**item, "content": [{**parts[0], "text": pieces}]}


def _of_pieces(known: Json) -> Json:
    """A begun item. Its hosted tools are not read: they count when they are done."""
    pieces, added = known["pieces"], known.get("added") or {}
    kinds = {kind.removeprefix("response.") for kind, _ in pieces}
    if known["type"] in CALLS:
        said = "".join(pieces.values())
        return {**added, "arguments": said, "input": said} if added.get("name") else {}
    if "output_text" in kinds or "refusal" in kinds:
        words = {"response.output_text": "text", "response.refusal": "refusal"}
        parts = [{"type": words[kind], words[kind]: text} for (kind, _), text in pieces.items()]
        return {"type": "message", "content": parts}
    if any(kind.startswith("reasoning") for kind in kinds):
        return {**added, "type": "reasoning", "summary": [{"text": text} for text in pieces.values()]}
    return {}


def _concluded(said: Said, body: Json) -> Said:
    """The sum as one choice."""
    one = Choice("\n\n".join(text for text in said.texts if text), "\n\n".join(said.thoughts))
    one.refusal = "".join(p.get("refusal") or "" for item in said.of("message") for p in _parts(item))
    one.tools = [_tool(item) for item in said.of(*CALLS)]
    if said.status == "incomplete":
        reason = (body.get("incomplete_details") or {}).get("reason")
        one.finish = "content_filter" if reason == "content_filter" else "length"
    elif not said.error and (
        said.closed or (body.get("output") is not None and said.status != "in_progress")
    ):
        one.finish = "tool_calls" if one.tools else "stop"
    said.choices[0] = one
    return said


def _tool(item: Json) -> Tool:
    said = item.get("input") if item["type"] == "custom_tool_call" else item.get("arguments")
    return Tool(item.get("name") or "", said or "", item.get("call_id") or "")


def _parts(item: Json) -> list[Json]:
    content = item.get("content")
    return [{"text": content}] if isinstance(content, str) else content or []


def _thoughts(item: Json) -> list[str]:
    parts = [*(item.get("summary") or []), *(item.get("content") or [])]
    return [part["text"] for part in parts if part.get("text")]
