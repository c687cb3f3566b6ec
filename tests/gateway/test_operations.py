"""Embeddings, rerank, moderations and old completions through the whole gateway."""

import json
import struct
from base64 import b64decode
from typing import Any

import openai
import pytest
from tests.gateway import scripted
from tests.gateway.stage import provider
from tests.gateway.wires import KEY

EMBEDDINGS, RERANK, MODERATIONS, COMPLETIONS = (
    f"/v1/{name}" for name in ("embeddings", "rerank", "moderations", "completions")
)


def entry(name: str, serves: str, kind: str = "embeddings", **more: Any) -> dict[str, Any]:
    return {"id": name, "serves": serves, "abilities": [kind], **more}


def vectors(*values: Any, **usage: int) -> dict[str, Any]:
    data = [{"object": "embedding", "index": n, "embedding": value} for n, value in enumerate(values)]
    return {
        "object": "list",
        "data": data,
        "model": "up",
        "usage": usage or {"prompt_tokens": 2, "total_tokens": 2},
    }


async def echo(visit: scripted.Visit) -> None:
    """A vector for each input: the number in its text."""
    given = visit.seen.body["input"]
    numbers = [[float(text[:9])] for text in (given if isinstance(given, list) else [given])]
    await visit.send(
        scripted.answer(vectors(*numbers, prompt_tokens=len(numbers), total_tokens=len(numbers)))
    )


async def ask(stage: Any, path: str, **body: Any):
    return await stage.post(json.dumps({"model": "m", **body}).encode(), path)


async def test_openais_client_gets_its_vectors(house):
    up = await house.upstream()
    up.play(scripted.answer(vectors([0.5, -1.5])))
    stage = await house.stage(
        providers={"p": provider(up.url, entry("u", "m"))}, prices={"p/u": {"input": 1, "output": 0}}
    )
    async with openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{stage.port}/v1", api_key=KEY) as client:
        made = await client.embeddings.create(model="m", input="hi", dimensions=2)
    assert made.data[0].embedding == [0.5, -1.5]
    assert made.usage.prompt_tokens == 2
    seen = up.seen[0]
    assert seen.line.startswith("POST /v1/embeddings ")
    assert seen.body == {"model": "u", "input": "hi", "dimensions": 2, "encoding_format": "base64"}
    assert await stage.metric("xroute_calls_total", outcome="completed") == 1


async def test_what_vectors_cost_is_told_and_counted(house):
    up = await house.upstream()
    up.play(scripted.answer(vectors([1.0], total_tokens=1000)))
    stage = await house.stage(
        providers={"p": provider(up.url, entry("u", "m"))}, prices={"p/u": {"input": 2, "output": 0}}
    )
    reply = await ask(stage, EMBEDDINGS, input="hi")
    assert reply.body["usage"] == {"prompt_tokens": 1000, "total_tokens": 1000, "cost": 0.002}
    assert reply.headers["x-xroute-cost"] == "0.002"


@pytest.mark.parametrize("given", [[0.5, -1.5], "AAAAPwAAwL8="])
async def test_either_encoding_comes_as_the_client_asked(house, given):
    up = await house.upstream()
    up.play(scripted.answer(vectors(given)))
    stage = await house.stage(providers={"p": provider(up.url, entry("u", "m"))})
    floats = await ask(stage, EMBEDDINGS, input="hi", encoding_format="float")
    assert floats.body["data"][0]["embedding"] == [0.5, -1.5]
    packed = await ask(stage, EMBEDDINGS, input="hi", encoding_format="base64")
    assert struct.unpack("<2f", b64decode(packed.body["data"][0]["embedding"])) == (0.5, -1.5)


async def test_another_deployment_of_the_same_model_takes_over(house):
    broken, well = await house.upstream(), await house.upstream()
    broken.play(scripted.error(500))
    well.play(scripted.answer(vectors([1.0])))
    stage = await house.stage(
        providers={"a": provider(broken.url, entry("u", "m")), "b": provider(well.url, entry("v", "m"))}
    )
    reply = await ask(stage, EMBEDDINGS, input="hi", provider={"order": ["a", "b"]})
    assert (reply.status, reply.provider, reply.attempts) == (200, "b", 2)
    assert well.seen[0].body["model"] == "v"


async def test_missing_vectors_are_no_answer(house):
    lazy, well = await house.upstream(), await house.upstream()
    lazy.play(scripted.answer(vectors([1.0])))
    well.play(scripted.answer(vectors([1.0], [2.0])))
    stage = await house.stage(
        providers={"a": provider(lazy.url, entry("u", "m")), "b": provider(well.url, entry("u", "m"))}
    )
    reply = await ask(stage, EMBEDDINGS, input=["x", "y"], provider={"order": ["a", "b"]})
    assert (reply.provider, len(reply.body["data"])) == ("b", 2)


async def test_no_other_model_ever_stands_in(house):
    up = await house.upstream()
    stage = await house.stage(
        providers={"p": provider(up.url, entry("u", "m"), entry("v", "other"))},
        models={"either": {"fallback": ["m", "other"]}},
    )
    for body in ({"models": ["other"]}, {"model": "either"}):
        reply = await ask(stage, EMBEDDINGS, input="hi", **body)
        assert (reply.status, reply.error["code"]) == (400, "models_differ")
    assert up.seen == []


async def test_other_names_of_the_same_model_may_be_listed(house):
    up = await house.upstream()
    up.play(echo)
    stage = await house.stage(providers={"p": provider(up.url, entry("u", "m"))})
    assert (await ask(stage, EMBEDDINGS, input="1", models=["p/u"])).status == 200


async def test_more_inputs_than_the_provider_takes_go_as_several_requests(house):
    up = await house.upstream()
    up.play(echo)
    stage = await house.stage(providers={"p": provider(up.url, entry("u", "m"), quirks={"batch": 3})})
    reply = await ask(stage, EMBEDDINGS, input=[str(n) for n in range(10)], user="me")
    assert [item["embedding"] for item in reply.body["data"]] == [[float(n)] for n in range(10)]
    assert [item["index"] for item in reply.body["data"]] == list(range(10))
    assert reply.body["usage"]["prompt_tokens"] == 10
    assert reply.attempts == 1
    assert sorted(len(seen.body["input"]) for seen in up.seen) == [1, 3, 3, 3]
    assert all(seen.body["user"] == "me" for seen in up.seen)


async def test_a_part_that_fails_fails_the_attempt(house):
    broken, well = await house.upstream(), await house.upstream()
    broken.play(echo, scripted.error(500))
    well.play(echo)
    stage = await house.stage(
        providers={
            "a": provider(broken.url, entry("u", "m"), quirks={"batch": 1}),
            "b": provider(well.url, entry("u", "m")),
        }
    )
    reply = await ask(stage, EMBEDDINGS, input=["1", "2", "3"], provider={"order": ["a", "b"]})
    assert (reply.provider, [item["embedding"] for item in reply.body["data"]]) == (
        "b",
        [[1.0], [2.0], [3.0]],
    )


async def test_a_provider_decides_itself_what_is_too_long(house):
    small, large = await house.upstream(), await house.upstream()
    small.play(scripted.error(400, code="context_length_exceeded"))
    large.play(echo)
    stage = await house.stage(
        providers={
            "a": provider(small.url, entry("u", "m", context=400)),
            "b": provider(large.url, entry("u", "m", context=8000)),
        }
    )
    reply = await ask(stage, EMBEDDINGS, input=["1" * 9000], provider={"order": ["a", "b"]})
    assert (reply.status, reply.provider, reply.attempts) == (200, "b", 2)


async def test_a_model_is_only_asked_for_what_it_is_made_for(house):
    up = await house.upstream()
    stage = await house.stage(
        providers={
            "p": provider(up.url, entry("e", "m"), {"id": "c", "serves": "talks", "abilities": ["tools"]})
        }
    )
    assert (await stage.chat("m")).error["code"] == "unsupported_ability"
    reply = await ask(stage, EMBEDDINGS, model="talks", input="hi")
    assert (reply.status, reply.error["code"]) == (400, "unsupported_ability")
    assert up.seen == []


async def test_token_ids_that_a_provider_cannot_read_are_refused_by_name(house):
    up = await house.upstream()
    stage = await house.stage(providers={"p": provider(up.url, entry("u", "m"), dialect="cohere")})
    reply = await ask(stage, EMBEDDINGS, input=[1, 2, 3])
    assert (reply.status, reply.error["param"]) == (400, "input")
    assert up.seen == []


async def test_cohere_is_asked_in_its_own_words(house):
    up = await house.upstream()
    up.play(
        scripted.answer(
            {
                "id": "e",
                "embeddings": {"float": [[1.0]]},
                "meta": {"billed_units": {"input_tokens": 3}},
            }
        )
    )
    stage = await house.stage(providers={"p": provider(up.url, entry("u", "m"), dialect="cohere")})
    reply = await ask(stage, EMBEDDINGS, input="hi", input_type="query", user="me")
    assert up.seen[0].line.startswith("POST /v1/embed ")
    assert up.seen[0].body["input_type"] == "search_query"
    assert reply.headers["x-xroute-dropped"] == "user"
    assert reply.body["usage"]["prompt_tokens"] == 3


async def test_bedrock_is_asked_for_one_text_at_a_time_and_counts_in_a_header(house):
    up = await house.upstream()

    async def titan(visit: scripted.Visit) -> None:
        body = {"embeddings": [[float(visit.seen.body["inputText"])]]}
        await visit.send(scripted.answer(body, x_amzn_bedrock_input_token_count="3"))

    up.play(titan)
    stage = await house.stage(
        providers={"p": provider(up.url, entry("titan-embed:0", "m"), dialect="bedrock", auth="bearer")}
    )
    reply = await ask(stage, EMBEDDINGS, input=["1", "2"])
    assert up.seen[0].line.startswith("POST /v1/model/titan-embed%3A0/invoke ")
    assert [item["embedding"] for item in reply.body["data"]] == [[1.0], [2.0]]
    assert reply.body["usage"]["prompt_tokens"] == 6


async def test_rerank_comes_in_one_form_with_the_clients_documents(house):
    up = await house.upstream()
    results = [{"index": 1, "relevance_score": 0.75}, {"index": 0, "relevance_score": 0.1234567890123456}]
    up.play(scripted.answer({"object": "list", "data": results, "usage": {"total_tokens": 9}}))
    stage = await house.stage(
        providers={"p": provider(up.url, entry("u", "m", "rerank"), quirks={"rename": {"top_n": "top_k"}})}
    )
    reply = await ask(
        stage, RERANK, query="q", documents=["a", {"text": "b"}], top_n=2, return_documents=True
    )
    assert up.seen[0].line.startswith("POST /v1/rerank ")
    assert up.seen[0].body["top_k"] == 2
    assert reply.body["results"] == [
        {"index": 1, "relevance_score": 0.75, "document": {"text": "b"}},
        {"index": 0, "relevance_score": 0.1234567890123456, "document": {"text": "a"}},
    ]
    assert reply.body["usage"]["total_tokens"] == 9


async def test_another_reranker_may_stand_in(house):
    broken, well = await house.upstream(), await house.upstream()
    broken.play(scripted.error(429))
    well.play(scripted.answer({"results": [{"index": 0, "relevance_score": 1}]}))
    stage = await house.stage(
        providers={
            "a": provider(broken.url, entry("u", "m", "rerank")),
            "b": provider(well.url, entry("u", "other", "rerank")),
        }
    )
    reply = await ask(stage, RERANK, query="q", documents=["a"], models=["other"])
    assert (reply.status, reply.provider) == (200, "b")


async def test_moderations_say_what_the_provider_judged(house):
    up = await house.upstream()
    up.play(scripted.answer({"id": "1", "model": "x", "results": [{"categories": {"selfharm": True}}]}))
    stage = await house.stage(providers={"p": provider(up.url, entry("u", "m", "moderation"))})
    reply = await ask(stage, MODERATIONS, input="hi")
    assert up.seen[0].line.startswith("POST /v1/moderations ")
    assert reply.body["results"] == [{"categories": {"self-harm": True, "selfharm": True}, "flagged": True}]


async def test_an_old_completion_is_a_chat_where_nobody_has_more(house):
    up = await house.upstream()
    up.play(scripted.answer(scripted.completion("upon a time")))
    stage = await house.stage(providers={"p": provider(up.url, ("u", "m"))})
    reply = await ask(stage, COMPLETIONS, prompt="once", max_tokens=9)
    assert up.seen[0].line.startswith("POST /v1/chat/completions ")
    assert up.seen[0].body["messages"] == [{"role": "user", "content": "once"}]
    assert reply.body["object"] == "text_completion"
    assert reply.body["choices"][0]["text"] == "upon a time"
    refused = await ask(stage, COMPLETIONS, prompt=["one", "two"])
    assert (refused.status, refused.error["code"]) == (400, "unsupported_ability")
    assert "completions" in refused.error["message"]


async def test_an_old_stream_is_text(house):
    up = await house.upstream()
    up.play(scripted.stream(*scripted.words("upon", " a time")))
    stage = await house.stage(providers={"p": provider(up.url, ("u", "m"))})
    async with openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{stage.port}/v1", api_key=KEY) as client:
        chunks = [
            chunk async for chunk in await client.completions.create(model="m", prompt="once", stream=True)
        ]
    assert "".join(chunk.choices[0].text for chunk in chunks) == "upon a time"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert {chunk.object for chunk in chunks} == {"text_completion"}


async def test_an_endpoint_of_its_own_gets_the_clients_request(house):
    up = await house.upstream()
    answered = {
        "id": "c",
        "object": "text_completion",
        "created": 1,
        "model": "x",
        "choices": [
            {"text": "a", "index": n, "logprobs": {"odd": n}, "finish_reason": "stop"} for n in (0, 1)
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }
    up.play(scripted.answer(answered))
    paths = {"completions": "/completions"}
    stage = await house.stage(
        providers={"p": provider(up.url, ("u", "m"), paths=paths)}, prices={"p/u": {"input": 0, "output": 1}}
    )
    reply = await ask(stage, COMPLETIONS, prompt=["one", [1, 2]], echo=True)
    assert up.seen[0].line.startswith("POST /v1/completions ")
    assert up.seen[0].body == {"model": "u", "prompt": ["one", [1, 2]], "echo": True}
    assert reply.body == answered
    assert reply.headers["x-xroute-cost"] == "0.000002"


async def test_a_stream_of_such_an_endpoint_passes(house):
    up = await house.upstream()
    choice = {"text": "a", "index": 0, "finish_reason": "stop"}
    event = b"data: " + json.dumps({"id": "c", "choices": [choice]}).encode() + b"\n\n"
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n'
    up.play(scripted.stream(event, usage, scripted.DONE))
    stage = await house.stage(
        providers={"p": provider(up.url, ("u", "m"), paths={"completions": "/completions"})}
    )
    body = json.dumps({"model": "m", "prompt": "once", "stream": True}).encode()
    answer = await stage.client.post(COMPLETIONS, content=body)
    assert answer.content == event + scripted.DONE
    assert up.seen[0].body["stream_options"] == {"include_usage": True}
    assert await stage.metric("xroute_tokens_total", kind="output") == 2
