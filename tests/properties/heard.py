"""What a request in each dialect means: readers that share no code with the dialects."""

import json
from collections.abc import Callable
from typing import Any

from tests.properties.talk import Meaning, bare, meant

Json = dict[str, Any]

ELSEWHERE = "The result is in the next message."  # of a tool that answered with a picture alone
NAMED = "Document: "  # Converse takes no turn of documents alone, so their names are said


def openai(body: Json) -> Meaning:
    """https://platform.openai.com/docs/api-reference/chat/create, read 2026-11-21."""
    meaning = meant(body)
    said = [(*each[:2], "") if each[-1] == ELSEWHERE else each for each in meaning.flow]
    meaning.flow = said
    return meaning


def anthropic(body: Json) -> Meaning:
    """https://docs.claude.com/en/api/messages, read 2026-11-21."""
    meaning = Meaning()
    for block in _blocks(body.get("system")):
        _block(meaning, "system", block)
    for turn in body["messages"]:
        for block in _blocks(turn["content"]):
            _block(meaning, turn["role"], block)
    for tool in body.get("tools") or []:
        meaning.offer(tool["name"], tool.get("description"), tool["input_schema"])
        if "cache_control" in tool:
            meaning.mark(tool["name"])
    choice = body.get("tool_choice") or {}
    kinds = {"any": "required", "tool": choice.get("name")}
    meaning.choice = kinds.get(choice.get("type"), choice.get("type", "auto"))
    return meaning


def _blocks(content: Any) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or []


def _block(meaning: Meaning, role: str, block: Json) -> None:
    if block["type"] == "text":
        meaning.say(role, block["text"])
    elif block["type"] in ("image", "document"):
        meaning.show(block["source"].get("data") or block["source"]["url"])
    elif block["type"] == "tool_use":
        meaning.call(block["id"], block["name"], block["input"])
    elif block["type"] == "tool_result":
        inner = _blocks(block.get("content"))
        texts = [part["text"] for part in inner if part["type"] == "text"]
        meaning.result(block["tool_use_id"], texts, bool(block.get("is_error")))
        for part in inner:
            if part["type"] == "image":
                meaning.show(part["source"]["data"])
    if "cache_control" in block:
        meaning.mark(block["text"])


def gemini(body: Json) -> Meaning:
    """https://ai.google.dev/api/generate-content, read 2026-11-21."""
    meaning = Meaning()
    for part in (body.get("systemInstruction") or {}).get("parts") or []:
        meaning.say("system", part["text"])
    waiting: list[tuple[str, str]] = []  # (name, id) of calls without a result
    for content in body["contents"]:
        for part in content["parts"]:
            _part(meaning, "assistant" if content["role"] == "model" else "user", part, waiting)
    for group in body.get("tools") or []:
        for function in group["functionDeclarations"]:
            meaning.offer(function["name"], function.get("description"), function["parametersJsonSchema"])
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    names = calling.get("allowedFunctionNames")
    modes = {"ANY": "required", "NONE": "none", "AUTO": "auto"}
    meaning.choice = names[0] if names else modes[calling.get("mode", "AUTO")]
    return meaning


def _part(meaning: Meaning, role: str, part: Json, waiting: list[tuple[str, str]]) -> None:
    """A call without an id is answered by the first result of its name."""
    if "text" in part:
        meaning.say(role, part["text"])
    elif "inlineData" in part:
        meaning.show(part["inlineData"]["data"])
    elif "fileData" in part:
        meaning.show(part["fileData"]["fileUri"])
    elif call := part.get("functionCall"):
        waiting.append((call["name"], call.get("id") or f"nth {len(meaning._ids)}"))
        meaning.call(waiting[-1][1], call["name"], call.get("args") or {})
    else:
        answer = part["functionResponse"]
        own = answer.get("id")
        found = next(pair for pair in waiting if pair[1] == own or (not own and pair[0] == answer["name"]))
        waiting.remove(found)
        said, failed = _unwrapped(answer["response"])
        meaning.result(found[1], said, failed)
        for inner in answer.get("parts") or []:
            meaning.show(inner["inlineData"]["data"])


def _unwrapped(response: Json) -> tuple[list[str], bool]:
    """(the texts of a result, whether it is an error)."""
    if list(response) == ["output"] or list(response) == ["error"]:
        said = next(iter(response.values()))
        return [said if isinstance(said, str) else json.dumps(said)], "error" in response
    return [json.dumps(response)], False


def bedrock(body: Json) -> Meaning:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, read 2026-11-21."""
    meaning, last = Meaning(), ""
    turns = [{"role": "system", "content": body.get("system") or []}, *body["messages"]]
    for turn in turns:
        for block in turn["content"]:
            if "cachePoint" in block:
                meaning.mark(last)
            last = block.get("text", last)
            _converse(meaning, turn["role"], block)
    config = body.get("toolConfig") or {}
    for tool in config.get("tools") or []:
        if "cachePoint" in tool:
            meaning.mark(meaning.tools[-1][0])
        else:
            spec = tool["toolSpec"]
            meaning.offer(spec["name"], spec.get("description"), spec["inputSchema"]["json"])
    choice = config.get("toolChoice") or {}
    meaning.choice = "required" if "any" in choice else choice.get("tool", {}).get("name", "auto")
    return meaning


def _converse(meaning: Meaning, role: str, block: Json) -> None:
    if not block.get("text", NAMED).startswith(NAMED):
        meaning.say(role, block["text"])
    for kind in ("image", "document"):
        if kind in block:
            meaning.show(block[kind]["source"]["bytes"])
    if use := block.get("toolUse"):
        meaning.call(use["toolUseId"], use["name"], use["input"])
    if result := block.get("toolResult"):
        inside = result["content"]
        texts = [part.get("text") or json.dumps(part["json"]) for part in inside if _says(part)]
        meaning.result(result["toolUseId"], texts, result.get("status") == "error")
        for part in inside:
            if "image" in part:
                meaning.show(part["image"]["source"]["bytes"])


def _says(block: Json) -> bool:
    return "text" in block or "json" in block


def cohere(body: Json) -> Meaning:
    """https://docs.cohere.com/reference/chat, read 2026-11-21."""
    meaning = Meaning()
    for said in body["messages"]:
        parts = _blocks(said.get("content"))
        texts = [part["text"] for part in parts if part["type"] == "text"]
        if said["role"] == "tool":
            documents = [part["document"]["data"] for part in parts if part["type"] == "document"]
            found = [_unwrapped(data) for data in documents]
            told = [*texts, *(text for own, _ in found for text in own)]
            meaning.result(said["tool_call_id"], told, any(failed for _, failed in found))
            continue
        for text in texts:
            meaning.say(said["role"], text)
        for part in parts:
            if part["type"] == "image_url":
                meaning.show(bare(part["image_url"]["url"]))
        for call in said.get("tool_calls") or []:
            meaning.call(call["id"], call["function"]["name"], call["function"]["arguments"])
    for tool in body.get("tools") or []:
        function = tool["function"]
        meaning.offer(function["name"], function.get("description"), function["parameters"])
    meaning.choice = str(body.get("tool_choice") or "auto").lower()
    return meaning


def openai_responses(body: Json) -> Meaning:
    """https://developers.openai.com/api/reference/resources/responses/methods/create, read 2026-11-21."""
    meaning = Meaning()
    meaning.say("system", body.get("instructions"))
    for item in body["input"]:
        _item(meaning, item)
    for tool in body.get("tools") or []:
        meaning.offer(tool["name"], tool.get("description"), tool["parameters"])
    choice = body.get("tool_choice") or "auto"
    meaning.choice = choice["name"] if isinstance(choice, dict) else choice
    return meaning


def _item(meaning: Meaning, item: Json) -> None:
    kind = item.get("type") or "message"
    if kind == "function_call":
        meaning.call(item["call_id"], item["name"], item["arguments"])
        return
    content = item.get("output") if kind == "function_call_output" else item["content"]
    parts = [{"type": "input_text", "text": content}] if isinstance(content, str) else content
    texts = [part["text"] for part in parts if part["type"] in ("input_text", "output_text")]
    if kind == "function_call_output":
        meaning.result(item["call_id"], texts)
    else:
        for text in texts:
            meaning.say("system" if item["role"] == "developer" else item["role"], text)
    for part in parts:
        if part["type"] in ("input_image", "input_file"):
            meaning.show(bare(part.get("image_url") or part["file_data"]))


def ollama(body: Json) -> Meaning:
    """https://docs.ollama.com/api/chat, read 2026-11-21."""
    meaning = Meaning()
    for said in body["messages"]:
        for data in said.get("images") or []:
            meaning.show(data)
        if said["role"] == "tool":
            content = said["content"]
            failed = content.startswith("Error: ")
            meaning.result(said["tool_call_id"], [content.removeprefix("Error: ")], failed)
            continue
        meaning.say(said["role"], said["content"])
        for call in said.get("tool_calls") or []:
            meaning.call(call["id"], call["function"]["name"], call["function"]["arguments"])
    for tool in body.get("tools") or []:
        function = tool["function"]
        meaning.offer(function["name"], function.get("description"), function["parameters"])
    return meaning


READERS: dict[str, Callable[[Json], Meaning]] = {
    "openai": openai,
    "anthropic": anthropic,
    "gemini": gemini,
    "bedrock": bedrock,
    "cohere": cohere,
    "openai_responses": openai_responses,
    "ollama": ollama,
}
