"""A conversation without what other dialects and providers left in it, for those that refuse such fields."""

from base64 import b64decode
from typing import Any

from xroute.catalog.entries import Quirks
from xroute.dialects.openai import codec
from xroute.dialects.openai.codec import Json

THOUGHTS = ("reasoning_content", "reasoning")  # where providers take reasoning back, as text

# What stands in answers of this or other providers and comes back with the history. Several refuse a field
# that they do not know: https://github.com/charmbracelet/crush/issues/1590 (Mistral),
# https://github.com/QwenLM/qwen-code/issues/11045 (Cerebras), read 2026-11-21.
FOREIGN = frozenset(
    {
        *THOUGHTS, "reasoning_details", "annotations", "other_annotations", "citations", "images",
        "native_content", "content_parts", "cache_control", "is_error", "executed_tools", "thinking",
        "thought", "thoughts",
    }
)  # fmt: skip
# Fields of a request that only other dialects have; a client of theirs may have sent them.
BESIDE = frozenset(
    {
        "cache_control", "container", "context_management", "diagnostics", "fallbacks", "include",
        "inference_geo", "max_tool_calls", "mcp_servers", "output_config", "speech_config", "speed",
        "truncation",
    }
)  # fmt: skip
_TOOL = frozenset({"type", "function", "custom"})  # what stands in a tool of OpenAI's
_FILE = frozenset({"file_data", "file_id", "file_url", "filename", "format"})  # and in a file
OPENAI_TOOLS = frozenset({"function", "custom"})
_PLAIN = "data:text/plain"
_MOVED = "tool_images"  # in `Quirks.extras`: images may stand in a tool's result


def clean(sent: Json, quirks: Quirks) -> list[str]:
    """Takes out of `sent` what the provider would refuse; names what the client will miss.

    Nothing is copied but the messages and tools that change.
    """
    messages: Any = sent.get("messages")
    tools: Any = sent.get("tools")
    dropped: list[str] = []
    for said in messages if messages.__class__ is list else ():
        if said.__class__ is not dict:
            continue
        is_plain = said.get("content").__class__ is not list and FOREIGN.isdisjoint(said)
        if (not is_plain or said.get("role") == "developer") and _is_foreign(said, quirks):
            sent["messages"] = _messages(messages, quirks)
            break
    for tool in tools if tools.__class__ is list else ():
        if _is_odd(tool, quirks):
            _tools(sent, tools, quirks, dropped)
            break
    return dropped


def leave(sent: Json, quirks: Quirks) -> list[str]:
    """Takes out the request's own fields that only other dialects have; names them."""
    if "*" in quirks.extras:
        return []
    found = [name for name in sent if name in BESIDE and name not in quirks.extras]
    for name in found:
        del sent[name]
    return found


def _is_foreign(said: Any, quirks: Quirks) -> bool:
    if said.__class__ is not dict:
        return False
    if _is_developer(said, quirks):
        return True
    taken = quirks.extras
    if "*" in taken:
        return False
    content: Any = said.get("content")
    if content.__class__ is list:
        is_result = said.get("role") == "tool" and _MOVED not in taken
        for part in content:
            if part.__class__ is not dict:
                continue
            if "cache_control" in part and "cache_control" not in taken:
                return True
            if ("file" in part and _is_document(part)) or (is_result and _is_media(part)):
                return True
    return not FOREIGN.isdisjoint(said) and not (FOREIGN & said.keys()) <= taken


def _is_developer(said: Json, quirks: Quirks) -> bool:
    """Whether a message has a role that is newer than the provider."""
    return said.get("role") == "developer" and not quirks.developer_role


def _is_marked(part: Any) -> bool:
    return part.__class__ is dict and "cache_control" in part


def _is_document(part: Any) -> bool:
    """A file with more than OpenAI's own fields, or of plain text, which is no file there."""
    if part.__class__ is not dict or not codec.is_object(file := part.get("file")):
        return False
    data = file.get("file_data")
    return not file.keys() <= _FILE or (isinstance(data, str) and data.startswith(_PLAIN))


def _is_media(part: Any) -> bool:
    return part.__class__ is dict and part.get("type") in ("image_url", "file", "input_audio", "video_url")


def _messages(given: list[Any], quirks: Quirks) -> list[Any]:
    """The messages, cleaned; what tools showed follows their results as a message of the user."""
    written: list[Any] = []
    shown: list[Any] = []
    for said in given:
        if shown and not (codec.is_object(said) and said.get("role") == "tool"):
            written.append({"role": "user", "content": shown})
            shown = []
        foreign = _is_foreign(said, quirks)
        own = _message(said, quirks) if foreign else said
        if (
            foreign
            and own["role"] == "tool"
            and _MOVED not in quirks.extras
            and codec.is_list(own.get("content"))
        ):
            shown += _moved(own)
        written.append(own)
    return [*written, {"role": "user", "content": shown}] if shown else written


def _message(said: Json, quirks: Quirks) -> Json:
    taken = quirks.extras
    if _is_developer(said, quirks):
        said = {**said, "role": "system"}
    if "*" in taken:
        return said
    written = {name: value for name, value in said.items() if name not in FOREIGN or name in taken}
    written.setdefault("role", "user")
    if codec.is_list(content := said.get("content")):
        parts = content if "cache_control" in taken else [_unmarked(part) for part in content]
        written["content"] = [_document(part) if _is_document(part) else part for part in parts]
    text = next((said[name] for name in THOUGHTS if isinstance(said.get(name), str) and said[name]), None)
    if text is None or said.get("role") != "assistant":
        return written
    place = next((name for name in THOUGHTS if name in taken), None)
    if place:
        written[place] = text
    elif "thinking_parts" in taken:
        written["content"] = _thinking(text, written.get("content"))
    return written


def _thinking(text: str, content: Any) -> list[Any]:
    """https://docs.mistral.ai/capabilities/reasoning, read 2026-11-21."""
    parts: list[Any] = content if codec.is_list(content) else []
    if isinstance(content, str) and content:
        parts = [{"type": "text", "text": content}]
    return [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}, *parts]


def _document(part: Json) -> Json:
    """A file as OpenAI has it; one of plain text as text, under its name."""
    file: Json = part["file"]
    data = file.get("file_data")
    if isinstance(data, str) and data.startswith(_PLAIN) and (text := _text(data)) is not None:
        title = file.get("title") or file.get("filename")
        return {"type": "text", "text": f"{title}:\n{text}" if title else text}
    return {**part, "file": {name: value for name, value in file.items() if name in _FILE}}


def _text(url: str) -> str | None:
    """The text of a data URL; None where it is not one in base64."""
    _, found, coded = url.partition(";base64,")
    try:
        return b64decode(coded, validate=True).decode() if found else None
    except ValueError:
        return None


def _unmarked(part: Any) -> Any:
    if not _is_marked(part):
        return part
    return {name: value for name, value in part.items() if name != "cache_control"}


def _moved(said: Json) -> list[Any]:
    """The images and files of a tool's result, taken out of it: OpenAI lets a tool answer in text alone.

    https://platform.openai.com/docs/api-reference/chat/create, read 2026-11-21.
    """
    media = [part for part in said["content"] if _is_media(part)]
    if media:
        rest = [part for part in said["content"] if not _is_media(part)]
        said["content"] = rest or "The result is in the next message."
    return media


def _is_odd(tool: Any, quirks: Quirks) -> bool:
    if tool.__class__ is not dict:
        return False
    if "function" not in tool:
        return _is_unknown(tool, quirks)
    return not _TOOL.issuperset(tool) and "*" not in quirks.extras


def _is_unknown(tool: Json, quirks: Quirks) -> bool:
    """Whether a tool is of a type that the provider does not run; one without a type may be anything."""
    kind: Any = tool.get("type", "function")
    return kind not in OPENAI_TOOLS and "function" not in tool and not {"*", kind} & quirks.tools


def _tools(sent: Json, tools: list[Any], quirks: Quirks, dropped: list[str]) -> None:
    kept: list[Any] = []
    for place, tool in enumerate(tools):
        if codec.is_object(tool) and _is_unknown(tool, quirks):
            dropped.append(f"tools[{place}]")
        else:
            kept.append(_plain(tool, quirks) if _is_odd(tool, quirks) else tool)
    sent["tools"] = kept
    if not kept:  # an empty list is refused, and so is a choice without tools
        del sent["tools"]
        sent.pop("tool_choice", None)
        sent.pop("parallel_tool_calls", None)


def _plain(tool: Json, quirks: Quirks) -> Json:
    """A tool without what other dialects write beside its function."""
    return {name: value for name, value in tool.items() if name in _TOOL or name in quirks.extras}
