"""Reasoning items of the Responses API as `reasoning_details`, and those back as items."""

from collections.abc import Iterable, Iterator
from typing import Any

from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

FAMILY = "-responses-v1"  # ends the `format` of what a Responses endpoint wrote

# Kind of a piece of reasoning -> (type of its detail, the detail's field for the text).
KINDS = {
    "summary": ("reasoning.summary", "summary"),
    "thought": ("reasoning.text", "text"),
    "secret": ("reasoning.encrypted", "data"),
}


def format_of(model: str) -> str:
    """The `format` of a model's reasoning, by its upstream name: "openai-responses-v1", "xai-responses-v1".

    What one maker encrypted, no other can read. A name without a maker counts as OpenAI's. The words are
    OpenRouter's: https://openrouter.ai/docs/use-cases/reasoning-tokens, read 2026-11-21.
    """
    maker, slash, _ = model.partition("/")
    return (maker if slash and maker else "openai") + FAMILY


def pieces(item: Json) -> Iterator[tuple[str, int, str]]:
    """(kind, number of the part, text) of what a reasoning item says."""
    for kind, field in (("summary", "summary"), ("thought", "content")):
        for number, part in enumerate(_list(item.get(field))):
            if text := _text(part):
                yield kind, number, text
    if isinstance(secret := item.get("encrypted_content"), str) and secret:
        yield "secret", 0, secret


def _list(value: Any) -> list[Any]:
    return value if codec.is_list(value) else []


def _text(part: Any) -> str:
    text: Any = part.get("text") if codec.is_object(part) else part
    return text if isinstance(text, str) else ""


def detail(kind: str, text: str, index: int, format_: str, id_: str = "") -> Json:
    """One entry of `reasoning_details`, or a piece of one; the first piece alone has the id."""
    type_, field = KINDS[kind]
    entry: Json = {"type": type_, field: text, "format": format_, "index": index}
    return {**entry, "id": id_} if id_ else entry


def items(details: Any, format_: str) -> list[Json | None]:
    """The reasoning items of a message, in order; None for one that cannot be given back.

    An item without its encrypted content or its text would have to be known to the provider by its id, and
    nothing is stored there: https://developers.openai.com/api/docs/guides/reasoning, read 2026-11-21.
    """
    return [_item(group) for group in _groups(_readable(details, format_))]


def _readable(details: Any, format_: str) -> Iterator[Json]:
    for entry in _list(details):
        if codec.is_object(entry) and entry.get("format") == format_:
            yield entry


def _groups(entries: Iterable[Json]) -> list[list[Json]]:
    """Entries of one item: they share its id; one without an id belongs to what follows its kind's order.

    OpenRouter gives only the encrypted entry an id, after the item's summaries.
    """
    groups: list[list[Json]] = []
    for entry in entries:
        if groups and _continues(groups[-1], entry):
            groups[-1].append(entry)
        else:
            groups.append([entry])
    return groups


def _continues(group: list[Json], entry: Json) -> bool:
    known = next((id_ for other in group if (id_ := other.get("id"))), None)
    if known and entry.get("id"):
        return known == entry["id"]
    return not any(other.get("type") == KINDS["secret"][0] for other in group)


def _item(group: list[Json]) -> Json | None:
    found: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for entry in group:
        for kind, (type_, field) in KINDS.items():
            if entry.get("type") == type_ and isinstance(text := entry.get(field), str) and text:
                found[kind].append(text)
    if not found["secret"] and not found["thought"]:
        return None
    item: Json = {"type": "reasoning"}
    if id_ := next((id_ for entry in group if (id_ := entry.get("id"))), None):
        item["id"] = id_
    item["summary"] = [{"type": "summary_text", "text": text} for text in found["summary"]]
    if found["thought"]:
        item["content"] = [{"type": "reasoning_text", "text": text} for text in found["thought"]]
    if found["secret"]:
        item["encrypted_content"] = found["secret"][-1]
    return item
