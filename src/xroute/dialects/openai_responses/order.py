"""The order of a response's items, where a chat message cannot say it.

A chat message holds one text, its tool calls, its reasoning: which of them came first is lost, and so is
where one message ended and the next began. The usual order is reasoning, hosted tools, one message, tool
calls; any other is noted in an entry of `native_content`, with the length of each message's text:
{"type": "xroute.order", "order": ["reasoning", "native", "message"], "messages": [{"length", "phase"?}]}.
"""

from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

TYPE = "xroute.order"
KINDS = ("reasoning", "native", "message", "call")  # in their usual order
BETWEEN = "\n\n"  # joins the texts of several messages


def note(order: list[str], messages: list[Json]) -> Json | None:
    """The entry for items of these kinds; None where the usual order holds.

    `messages` say the length of each text in characters, and its phase.
    """
    places = [KINDS.index(kind) for kind in order]
    if len(messages) < 2 and places == sorted(places):
        return None
    return {"type": TYPE, "order": order, "messages": messages}


def find(native: list[Any]) -> Json | None:
    """The entry in a message's native_content."""
    return next((entry for entry in native if codec.is_object(entry) and entry.get("type") == TYPE), None)


def arrange(entry: Json | None, have: dict[str, list[Any]]) -> list[Any]:
    """The items of each kind (None = no longer there) in the order that was noted, else in the usual one."""
    queues = {kind: list(have.get(kind, ())) for kind in KINDS}
    out: list[Any] = []
    order: Any = entry.get("order") if entry else None
    for kind in order if codec.is_list(order) else ():
        if isinstance(kind, str) and queues.get(kind):
            out.append(queues[kind].pop(0))
    for kind in KINDS:
        out += queues[kind]
    return [item for item in out if item is not None]


def split(entry: Json | None, text: str) -> list[tuple[str, Json]]:
    """(text, what was noted of it) of each message that `text` was joined from; one where it was changed."""
    noted: Any = entry.get("messages") if entry else None
    if codec.is_list(noted):
        out: list[tuple[str, Json]] = []
        place = 0
        for message in noted:
            length: Any = message.get("length") if codec.is_object(message) else None
            if length.__class__ is not int:
                return [(text, {})]
            if place and length:
                place += len(BETWEEN)
            out.append((text[place : place + length], message))
            place += length
        if place == len(text):
            return out
    return [(text, {})]
