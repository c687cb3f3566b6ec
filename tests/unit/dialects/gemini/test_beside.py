"""What goes beside an answer to a Gemini client: sources, probabilities, and other makers' reasoning."""

import json

import orjson
import pytest
from google.genai.types import GenerateContentResponse
from tests.wire import geminis, reading

from xroute.catalog.entries import Quirks
from xroute.dialects.anthropic.encode import encode
from xroute.dialects.gemini import seal
from xroute.dialects.gemini.parse import parse
from xroute.wire.chunk import Chunk

SIGNED = [
    {
        "type": "reasoning.text",
        "text": "Hm.",
        "signature": "Sig==",
        "format": "anthropic-claude-v1",
        "index": 0,
    }
]
CITED = {
    "type": "url_citation",
    "url_citation": {"url": "https://c.test/x", "title": "X", "start_index": 4, "end_index": 6},
}
LIKELY = {
    "content": [
        {"token": "é", "logprob": -0.5, "bytes": None, "top_logprobs": [{"token": "e", "logprob": -2.0}]}
    ]
}
ASK = orjson.dumps({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]})


def surface():
    return parse(ASK, "m", stream=True).surface


def whole(message, **more):
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": None} | message,
        "finish_reason": "stop",
    }
    raw = surface().write({"id": "r", "model": "m", "choices": [choice | more]})
    GenerateContentResponse.model_validate_json(raw)
    return json.loads(raw)["candidates"][0]


def streamed(*deltas, **more):
    """The candidates of every event."""
    encoder = surface().encoder("r", 1)
    choices = [{"index": 0, "delta": delta, "finish_reason": None} | more for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    chunks = [Chunk(orjson.dumps({"id": "r", "model": "m", "choices": [choice]})) for choice in choices]
    text = (b"".join(encoder.feed([chunk]) for chunk in chunks) + encoder.finish(b"")).decode()
    assert geminis.stream(text).proper
    events = [data for _, data in reading.events(text)]
    for data in events:
        GenerateContentResponse.model_validate_json(data)
    return [json.loads(data)["candidates"][0] for data in events]


GROUND = {
    "groundingChunks": [{"web": {"uri": "https://c.test/x", "title": "X"}}],
    "groundingSupports": [
        {"segment": {"startIndex": 5, "endIndex": 7, "text": "is"}, "groundingChunkIndices": [0]}
    ],
}


def test_sources_have_their_places_in_bytes():
    found = whole({"content": "Thé is.", "annotations": [CITED, CITED]})["groundingMetadata"]
    assert found["groundingChunks"] == GROUND["groundingChunks"]
    assert found["groundingSupports"] == GROUND["groundingSupports"] * 2


def test_sources_of_a_stream_come_at_its_end():
    last = streamed({"content": "Thé "}, {"content": "is."}, {"annotations": [CITED]})[-1]
    assert last["groundingMetadata"] == GROUND


def test_a_source_without_a_place_or_an_address_does_no_harm():
    bare = {"type": "url_citation", "url_citation": {"url": "https://c.test/x"}}
    odd = [None, {"url_citation": 3}, {"type": "file_citation"}]
    found = whole({"content": "Hi", "annotations": [bare, *odd]})["groundingMetadata"]
    assert found == {"groundingChunks": [{"web": {"uri": "https://c.test/x", "title": ""}}]}
    assert "groundingMetadata" not in whole({"content": "Hi", "annotations": odd})


def test_probabilities_reach_the_client():
    chosen = {"token": "é", "logProbability": -0.5}
    wanted = {
        "chosenCandidates": [chosen],
        "topCandidates": [{"candidates": [{"token": "e", "logProbability": -2.0}]}],
    }
    assert whole({"content": "é"}, logprobs=LIKELY)["logprobsResult"] == wanted
    assert streamed({"content": "é"}, logprobs=LIKELY)[0]["logprobsResult"] == wanted


def back(parts):
    """What the next turn's request says of an answer with these parts."""
    user = {"role": "user", "parts": [{"text": "Hi"}]}
    asked = {"contents": [user, {"role": "model", "parts": parts}, user]}
    return parse(orjson.dumps(asked), "m").body["messages"][1]


MESSAGE = {"content": "Yes.", "reasoning": "Hm.", "reasoning_details": SIGNED}


@pytest.mark.parametrize("alphabet", [str.maketrans("", ""), str.maketrans("+/", "-_")])
def test_claudes_signed_thinking_comes_back_through_a_gemini_client(alphabet):
    parts = whole(MESSAGE)["content"]["parts"]
    for part in parts:
        if "thoughtSignature" in part:
            part["thoughtSignature"] = part["thoughtSignature"].translate(alphabet)
    said = back(parts)
    assert (said["content"], said["reasoning"]) == ("Yes.", "Hm.")
    assert said["reasoning_details"] == SIGNED
    body = {"messages": [{"role": "user", "content": "Hi"}, said, {"role": "user", "content": "Hi"}]}
    turns = encode({**body, "max_tokens": 9}, upstream="claude-sonnet-4-5", quirks=Quirks()).body["messages"]
    assert turns[1]["content"][0] == {"type": "thinking", "thinking": "Hm.", "signature": "Sig=="}


def test_it_comes_back_from_a_stream_as_well():
    first, last = (
        {k: v for k, v in SIGNED[0].items() if k not in drop} for drop in ({"signature"}, {"text"})
    )
    pieces = [{**first, "text": text} for text in ("H", "m.")]
    deltas = [{"reasoning": piece["text"], "reasoning_details": [piece]} for piece in pieces]
    candidates = streamed(*deltas, {"reasoning_details": [last]}, {"content": "Yes."})
    parts = [part for candidate in candidates for part in candidate["content"]["parts"]]
    said = back(parts)
    assert (said["content"], said["reasoning"], said["reasoning_details"]) == ("Yes.", "Hm.", SIGNED)


def test_what_nobody_needs_back_is_not_carried():
    plain = [{"type": "reasoning.text", "text": "Hm.", "format": "unknown", "index": 0}]
    parts = whole(MESSAGE | {"reasoning_details": plain})["content"]["parts"]
    assert not [part for part in parts if "thoughtSignature" in part]


def test_googles_own_signatures_stay_as_they_are():
    own = {"type": "reasoning.encrypted", "data": "AbCd", "format": "google-gemini-v1", "index": 0}
    parts = whole({"content": "Yes.", "reasoning_details": [own]})["content"]["parts"]
    assert {"text": "", "thoughtSignature": "AbCd"} in parts
    assert seal.unseal("AbCd") is None
    assert [item["data"] for item in back(parts)["reasoning_details"]] == ["AbCd"]


def test_a_broken_seal_does_no_harm():
    broken = seal.part(SIGNED)["thoughtSignature"][:-7]
    said = back(
        [{"text": "Hm.", "thought": True}, {"text": "", "thoughtSignature": broken}, {"text": "Yes."}]
    )
    assert said["content"] == "Yes."
