"""Answers as OpenAI's Responses API gives them, whole and streamed.

https://developers.openai.com/api/reference/resources/responses/streaming-events, read 2026-11-21.
"""

import json
from typing import Any

from tests.properties.said import CACHED, READ, WROTE, Cut, Said, _event

Json = dict[str, Any]

USAGE = {
    "input_tokens": READ,
    "input_tokens_details": {"cached_tokens": CACHED},
    "output_tokens": WROTE,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": READ + WROTE,
}


def _items(said: Said) -> list[Json]:
    items: list[Json] = []
    if said.thought:
        summary = [{"type": "summary_text", "text": said.thought}]
        items.append({"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "gAAA"})
    if said.text:
        part = {"type": "output_text", "text": said.text, "annotations": []}
        about = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
        items.append({**about, "content": [part]})
    for id_, name, arguments in said.calls:
        call = {"type": "function_call", "id": f"fc_{id_}", "call_id": id_, "status": "completed"}
        items.append({**call, "name": name, "arguments": arguments})
    return items


def _response(said: Said, status: str) -> Json:
    done = status != "in_progress"
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "m",
        "status": status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if done and said.cut else None,
        "output": _items(said) if done else [],
        "usage": USAGE if done else None,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


def _status(said: Said) -> str:
    return "incomplete" if said.cut else "completed"


def whole(said: Said) -> bytes:
    return json.dumps(_response(said, _status(said))).encode()


def stream(said: Said, cut: Cut) -> bytes:
    events: list[Json] = [
        {"type": f"response.{kind}", "response": _response(said, "in_progress")}
        for kind in ("created", "in_progress")
    ]
    for index, item in enumerate(_items(said)):
        place = {"output_index": index, "item_id": item["id"]}
        events.append({"type": "response.output_item.added", **place, "item": _begun(item)})
        events += [{**event, **place} for event in _inside(item, cut)]
        events.append({"type": "response.output_item.done", **place, "item": item})
    status = _status(said)
    events.append({"type": f"response.{status}", "response": _response(said, status)})
    numbered = [{**event, "sequence_number": number} for number, event in enumerate(events)]
    return b"".join(_event(event, event["type"]) for event in numbered)


def _begun(item: Json) -> Json:
    empty = {"message": {"content": []}, "reasoning": {"summary": []}, "function_call": {"arguments": ""}}
    return {**item, **empty[item["type"]], "status": "in_progress"}


def _inside(item: Json, cut: Cut) -> list[Json]:
    if item["type"] == "function_call":
        kind, text = "response.function_call_arguments", item["arguments"]
        deltas = [{"type": f"{kind}.delta", "delta": piece} for piece in cut(text)]
        return [*deltas, {"type": f"{kind}.done", "arguments": text}]
    field, name = (
        ("content", "output_text") if item["type"] == "message" else ("summary", "reasoning_summary_text")
    )
    place = {"content_index": 0} if field == "content" else {"summary_index": 0}
    part = item[field][0]
    whole_part = "content_part" if field == "content" else "reasoning_summary_part"
    events = [{"type": f"response.{whole_part}.added", "part": {**part, "text": ""}}]
    events += [{"type": f"response.{name}.delta", "delta": piece} for piece in cut(part["text"])]
    events.append({"type": f"response.{name}.done", "text": part["text"]})
    events.append({"type": f"response.{whole_part}.done", "part": part})
    return [{**event, **place} for event in events]
