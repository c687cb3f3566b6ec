"""The page on compatibility, made by asking the dialects themselves: `python -m tests.matrix <page>`."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tests import features, replies
from tests.features import REQUESTS, SURFACES, Feature

from xroute import dialects
from xroute.catalog.entries import Quirks
from xroute.catalog.load import load
from xroute.dialects import anthropic, completions, openai, openai_responses
from xroute.dialects.answer import Encoded
from xroute.dialects.gemini.parse import parse as parse_gemini
from xroute.errors import InvalidRequest
from xroute.wire.call import Call

Json = dict[str, Any]

PAGE = Path(__file__).parents[1] / "docs/reference/compatibility.md"


class Column(NamedTuple):
    """A dialect with the provider and the model it is asked for."""

    title: str
    dialect: str
    provider: str  # whose quirks hold
    upstream: str


COLUMNS = (
    Column("OpenAI chat", "openai", "openai", "gpt-5"),
    Column("Responses", "openai_responses", "openai", "gpt-5"),
    Column("Anthropic", "anthropic", "anthropic", "claude-sonnet-4-5"),
    Column("Gemini", "gemini", "google", "gemini-3-pro-preview"),
    Column("Bedrock", "bedrock", "bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
    Column("Cohere", "cohere", "cohere", "command-a-reasoning-08-2025"),
    Column("Ollama", "ollama", "ollama", "gpt-oss:20b"),
)
TITLES = {
    "chat": "`POST /v1/chat/completions`",
    "messages": "`POST /v1/messages`",
    "responses": "`POST /v1/responses`",
    "gemini": "`POST /v1beta/models/{model}:generateContent`",
    "completions": "`POST /v1/completions`",
}


@cache
def quirks(column: Column) -> Quirks:
    """Of the provider's file, where it is of this dialect; else those that its newest models need."""
    provider = load().providers[column.provider]
    return provider.quirks if provider.dialect == column.dialect else Quirks(developer_role=True)


def parse(surface: str, raw: bytes) -> Call:
    """The client's request as the gateway reads it."""
    if surface == "gemini":
        return parse_gemini(raw, "m")
    readers = {
        "chat": openai.parse,
        "messages": anthropic.parse,
        "responses": openai_responses.parse,
        "completions": completions.parse,
    }
    return readers[surface](raw)


class Sent(NamedTuple):
    """What goes to the provider for one request."""

    text: str  # as JSON
    dropped: frozenset[str]
    is_native: bool  # the client's own bytes, or its own fields as they were


def send(surface: str, fields: Json, column: Column) -> Sent:
    """Raises InvalidRequest where it cannot go there."""
    raw = features.raw(surface, fields)
    call = parse(surface, raw)
    native = dialects.part(column.dialect, "native")
    if native is not None and call.raw and call.surface.dialect == column.dialect:
        out = native.encode(call, upstream=column.upstream, quirks=quirks(column))
        return Sent(_json(json.loads(out)), frozenset(), True)
    encoded: Encoded = dialects.get(column.dialect).encode(
        call.body, upstream=column.upstream, quirks=quirks(column)
    )
    same = surface == "chat" and column.dialect == "openai"
    kept = same and all(encoded.body.get(name) == value for name, value in fields.items())
    about = {"body": encoded.body, "headers": dict(encoded.headers)}
    return Sent(_json(about), frozenset(encoded.dropped), kept)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def judge(feature: Feature, surface: str, column: Column) -> str:
    """The word of one cell, from what comes out."""
    fields = feature.asked.get(surface)
    if not fields:
        return ""
    base = next((f.asked[surface] for f in REQUESTS if f.name == feature.base), {})
    try:
        sent, plain = send(surface, fields, column), send(surface, base, column)
    except InvalidRequest:
        return "refused"
    lost = sent.dropped - plain.dropped
    arrived = feature.proof in sent.text if feature.proof else sent.text != plain.text
    if arrived and not lost:
        return "native" if sent.is_native else "yes"
    if arrived:
        return "in part"
    return "dropped" if lost else "not sent"


def table(surface: str) -> list[str]:
    """The features that this surface has words for."""
    rows = [_row(["", *(column.title for column in COLUMNS)]), _row(["---"] * (len(COLUMNS) + 1))]
    for feature in REQUESTS:
        words = [judge(feature, surface, column) for column in COLUMNS]
        if any(words):
            rows.append(_row([feature.name, *words]))
    return rows


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def answers(surface: str) -> list[str]:
    """What of the providers' answers reaches this surface's clients: whole / streamed."""
    rows = [_row(["", *(column.title for column in COLUMNS)]), _row(["---"] * (len(COLUMNS) + 1))]
    for name in replies.FEATURES:
        cells = [_cell(name, surface, column) for column in COLUMNS]
        rows.append(_row([name, *cells]))
    return rows


def _cell(name: str, surface: str, column: Column) -> str:
    found = replies.told(name, surface, column.dialect)
    words = [{True: "yes", False: "no", None: ""}[each] for each in found]
    if words[0] == words[1] or found[0] is None:
        return words[1]
    return f"{words[0]} / {words[1]}" if words[1] else f"{words[0]} / –"


HEAD = """# Compatibility

<!-- Made by `python -m tests.matrix docs/reference/compatibility.md`; a test fails while it is stale. -->

What becomes of each feature between a client's API and a provider's. Nothing here is written by hand: for
each cell a request as a client sends it is parsed and encoded, or an answer as a provider gives it is decoded
and written for the client, with the code that serves real calls, and what comes out is searched for what
went in.

| word | what it says |
|---|---|
| native | the client's own bytes, or its own fields, reach the provider as they are |
| yes | it is said in the provider's own words |
| in part | it is said, and a part of it is named in `x-xroute-dropped` |
| dropped | the provider has no word for it: `x-xroute-dropped` names it |
| not sent | nothing of it is sent, and nothing is named: see below |
| refused | no deployment of this dialect can take the call |

*Not sent* stands for what would change nothing in the answer: markers for a cache where the provider caches
by itself, the detail of an image where there is one detail, and `metadata`, which no model reads. A surface's
table leaves out what its own API has no word for. With `provider.require_parameters` a call goes to no
deployment that would drop something.

The models asked:

{models}

Other models of a dialect may take more or less, and so do other providers that speak OpenAI's dialect: their
files in the catalog say what they refuse. The abilities of a model (vision, tools, ...) are checked before: a
call that needs one goes only to models that have it. Requests to `/v1/responses` are asked with
`store: false`; xroute keeps the others itself, and they go to a Responses deployment in words of its own.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD.rstrip().replace("{models}", _models()), "## Requests"]
    for surface in SURFACES:
        parts += [f"### {TITLES[surface]}", "\n".join(table(surface))]
    parts += ["## Answers", replies.ABOUT]
    for surface in SURFACES:
        parts += [f"### To clients of {TITLES[surface]}", "\n".join(answers(surface))]
    return "\n\n".join(parts) + "\n"


def _models() -> str:
    return "\n".join(f"- {column.title}: `{column.upstream}`" for column in COLUMNS)


def main(path: str) -> None:
    Path(path).write_text(page(), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
