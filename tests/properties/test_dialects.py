"""Between any client's dialect and any provider's, requests and answers keep their meaning."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from tests.properties import asked, heard, talk
from tests.properties.talk import Meaning, meant

from xroute import dialects
from xroute.catalog.entries import Quirks

Json = dict[str, Any]

UPSTREAMS = {
    "openai": "gpt-4o",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-flash",
    "bedrock": "anthropic.claude-sonnet-4-5-v1:0",
    "cohere": "command-a-03-2025",
    "openai_responses": "gpt-5",
    "ollama": "llama3.3",
}
MARKING = ("anthropic", "bedrock")  # have marks for the cache
FAILING = ("anthropic", "bedrock", "gemini", "cohere", "ollama")  # tell a failed result from a good one
MARKING_CLIENTS = ("chat", "messages")
NARROWING = ("cohere", "ollama")  # a tool is chosen by offering no other
each_upstream = pytest.mark.parametrize("name", UPSTREAMS)


def sent(name: str, body: Json) -> tuple[Json, tuple[str, ...]]:
    """(the request as JSON, what was dropped); the client's body is never changed."""
    before = copy.deepcopy(body)
    encoded = dialects.get(name).encode(body, upstream=UPSTREAMS[name], quirks=Quirks())
    assert body == before
    return json.loads(json.dumps(encoded.body)), encoded.dropped


def expected(name: str, body: Json, dropped: tuple[str, ...]) -> Meaning:
    """All that was said, but for what the dialect said it lost, and what it has no word for."""
    meaning = meant(body, dropped)
    if name not in MARKING:
        meaning.marks = []
    if name not in FAILING:
        meaning.failed = []
    chosen = body.get("tool_choice")
    if name in NARROWING and isinstance(chosen, dict):
        named = chosen["function"]["name"]
        meaning.tools = [tool for tool in meaning.tools if tool[0] == named]
        meaning.choice = "auto" if "tool_choice" in dropped else "required"
    return meaning


@each_upstream
@given(body=talk.conversations())
def test_a_request_means_the_same_in_every_dialect(name, body):
    request, dropped = sent(name, body)
    assert heard.READERS[name](request) == expected(name, body, dropped)


@each_upstream
@pytest.mark.parametrize("client", asked.CLIENTS)
@given(body=talk.conversations(marks=True))
def test_what_a_client_asks_reaches_every_provider(client, name, body):
    call = asked.CLIENTS[client](body)
    understood, said = meant(call.body), meant(body)
    if client not in MARKING_CLIENTS:
        said.marks = []
    if client == "responses":
        said.failed = []  # its items have no word for it
    assert understood == said
    request, dropped = sent(name, call.body)
    assert heard.READERS[name](request) == expected(name, call.body, dropped)
