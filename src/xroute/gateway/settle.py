"""The end of a call: what it used and cost, told exactly once, however it ended."""

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Any

from xroute.dialects.answer import Answer
from xroute.dialects.openai import codec
from xroute.dialects.openai.message import substance
from xroute.routing.deployment import Deployment
from xroute.routing.plan import Ratios
from xroute.wire.call import Call
from xroute.wire.record import Record
from xroute.wire.usage import Usage

# What is not billed by tokens where the provider counts none, but by the image, the second or the character.
MEDIA = frozenset({"images", "image_edits", "speech", "transcriptions", "translations"})
CHARACTERS_PER_TOKEN = 4  # of output, where the provider does not count
MAX_NAME = 128  # characters of an end user, a session or a tag that are kept
MAX_TAGS = 16
NOBODY = ("", "", "", "")  # workspace, project, key and member of a call without a key


Recorder = Callable[[Record], None]


def characters(answer: Answer) -> int:
    """Characters of a whole answer, to estimate its tokens by.

    A refusal is not among them: where a provider counts no tokens of one, it may be the filter's own words.
    """
    if answer.raw and "choices" not in answer.body:
        return len(answer.raw) if answer.media == "application/json" else 0
    messages = [choice["message"] for choice in answer.body.get("choices", ())]
    return sum(substance(said)[1] - len(said.get("refusal") or "") for said in messages)


def final_usage(call: Call, deployment: Deployment, ratios: Ratios, given: Usage | None, said: int) -> Usage:
    """The provider's figure if there is one, which also corrects our estimates; else an estimate, marked.

    Zeros beside `said` characters of an answer are no figure: some providers send them where they do not
    count, or before they have.
    """
    if given is not None and given.output and given.input:
        if not call.is_heavy:  # images and audio are tokens that are no text
            ratios.learn(deployment.family, call.text_bytes, given.input)
        return given
    if given is not None and not said:
        return given
    output = -(-said // CHARACTERS_PER_TOKEN)
    if call.max_tokens:
        output = min(output, call.max_tokens * call.choices)
    guess = max(1, ratios.tokens(deployment.family, call.text_bytes))
    if given is None:
        return Usage(input=guess, output=output, estimated=True)
    return replace(given, input=given.input or guess, output=given.output or output, estimated=True)


def begin_record(call: Call, id_: str, at: int) -> Record:
    """What is known of a call before it is admitted; `at` is unix milliseconds."""
    who, body = call.who, call.body
    workspace, project, key, member = (who.workspace, who.project, who.id, who.member) if who else NOBODY
    user, session, tags = body.get("user"), body.get("session_id"), body.get("metadata")
    return Record(
        id_,
        at,
        workspace,
        project,
        key,
        member,
        _name(user) if user else "",
        _name(session) if session else "",
        _tags(tags) if tags else {},
        call.surface.dialect,
        call.operation,
        call.models[0],
        stream=call.stream,
    )


def finish_of(body: dict[str, Any]) -> str:
    """Why a whole answer ended; "" where its provider does not say so."""
    choices = body.get("choices")
    if not choices:
        return ""
    first = choices[0]
    return "" if first.get("native_finish_reason", "") is None else first.get("finish_reason") or ""


def _name(value: Any) -> str:
    return value[:MAX_NAME] if isinstance(value, str) else ""


def _tags(given: Any) -> dict[str, str]:
    if not codec.is_object(given):
        return {}
    named = ((name, value) for name, value in given.items() if isinstance(value, str) and value)
    return {name[:MAX_NAME]: value[:MAX_NAME] for name, value in islice(named, MAX_TAGS)}
