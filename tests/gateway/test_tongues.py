"""The gateway before simulators of every dialect: answers, tools, reasoning, usage and all the faults."""

import asyncio
import re

import orjson
import pytest
import pytest_asyncio
from tests.gateway.replies import check_complete
from tests.gateway.sims import said
from tests.gateway.tongues import FAULTS, ROOTS, asked, expected, section, sections, told

from xroute.sim.plan import KINDS, Profile
from xroute.wire import form
from xroute.wire.form import Field, File

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKENS = 24
MODES = {"whole": False, "stream": True}
TOGETHER = 16  # requests at a time
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"  # Bedrock's thinking is that of the model's maker
LONG = "word " * 1200
PROFILE = Profile(output_tokens=TOKENS)

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [
    {"type": "function", "function": {"name": name, "description": name, "parameters": CITY}}
    for name in ("weather", "time")
]
FORM = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def sim(lodge):
    return await lodge.sim(output_tokens=TOKENS)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(lodge, sim):
    found = {
        f"of-{dialect.replace('_', '-')}": section(dialect, sim.url, (CLAUDE, dialect)) for dialect in ROOTS
    }
    return await lodge.stage(providers=found)


@pytest.fixture(params=ROOTS)
def dialect(request):
    return request.param


@pytest.fixture(params=MODES.values(), ids=MODES)
def stream(request):
    return request.param


def together(reply):
    """The message, put together from its pieces where it came in a stream."""
    if not reply.is_stream:
        return reply.body["choices"][0]["message"]
    message = {"content": "", "reasoning": "", "tool_calls": [], "reasoning_details": []}
    for delta in [choice["delta"] for chunk in reply.chunks for choice in chunk["choices"]]:
        message["content"] += delta.get("content") or ""
        message["reasoning"] += delta.get("reasoning") or ""
        message["reasoning_details"] += delta.get("reasoning_details") or []
        for piece in delta.get("tool_calls") or []:
            if "id" in piece:
                message["tool_calls"].append(piece)
            else:
                message["tool_calls"][piece["index"]]["function"]["arguments"] += piece["function"][
                    "arguments"
                ]
    return message


def usage(reply):
    return reply.usages[-1] if reply.is_stream else reply.body["usage"]


async def ask(stage, dialect, text="Hi", *, stream, **more):
    if stream:
        more["stream_options"] = {"include_usage": True}
    reply = await stage.chat(dialect, text, stream=stream, **more)
    assert reply.status == 200, reply.raw
    return reply


async def test_every_dialect_says_the_same(stage, dialect, stream):
    reply = await ask(stage, dialect, stream=stream)
    check_complete(reply, said("Hi", PROFILE))
    assert usage(reply)["completion_tokens"] == TOKENS


async def test_calls_of_tools_come_whole(stage, dialect, stream):
    reply = await ask(stage, dialect, stream=stream, tools=TOOLS, parallel_tool_calls=True)
    calls = together(reply)["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["weather", "time"]
    for call in calls:
        assert list(orjson.loads(call["function"]["arguments"])) == ["city"]
    assert len({call["id"] for call in calls}) == 2
    assert reply.finishes == ["tool_calls"]


async def test_what_a_tool_answered_is_followed_by_text(stage, dialect, stream):
    asked = together(await ask(stage, dialect, stream=False, tools=TOOLS, tool_choice="required"))
    messages = [{"role": "user", "content": "Hi"}, asked]
    messages += [
        {"role": "tool", "tool_call_id": call["id"], "content": "17 degrees"} for call in asked["tool_calls"]
    ]
    reply = await ask(stage, dialect, stream=stream, tools=TOOLS, messages=messages)
    assert together(reply)["content"].startswith("This is the xroute simulator")
    assert reply.finishes == ["stop"]


async def test_one_call_at_a_time_where_no_more_are_wanted(stage, dialect, stream):
    if dialect in ("gemini", "bedrock", "cohere", "ollama"):
        pytest.skip("the dialect has no word for it")
    reply = await ask(stage, dialect, stream=stream, tools=TOOLS, parallel_tool_calls=False)
    assert len(together(reply)["tool_calls"]) == 1


async def test_reasoning_comes_with_what_the_provider_needs_back(stage, dialect, stream):
    wish = {"effort": "low", "summary": "auto"}
    reply = await ask(stage, dialect, stream=stream, reasoning=wish, max_tokens=8000)
    message = together(reply)
    assert len(message["reasoning"]) > 40
    assert message["content"].startswith("This is the xroute simulator")
    signed = [
        item for item in message.get("reasoning_details", []) if item.get("signature") or item.get("data")
    ]
    assert bool(signed) == (dialect not in ("cohere", "ollama"))  # these sign nothing
    if dialect not in ("bedrock", "ollama"):  # these do not tell
        assert usage(reply)["completion_tokens_details"]["reasoning_tokens"] >= 8


async def test_an_answer_fits_its_schema(stage, dialect, stream):
    form = {"type": "json_schema", "json_schema": {"name": "count", "schema": FORM}}
    reply = await ask(stage, dialect, stream=stream, response_format=form)
    assert isinstance(orjson.loads(together(reply)["content"])["n"], int)
    assert reply.finishes == ["stop"]


async def test_what_was_cached_is_counted(stage, dialect, stream):
    reply = await ask(stage, dialect, LONG, stream=stream)
    assert usage(reply)["prompt_tokens"] > 1200
    if dialect != "ollama":  # it does not tell
        assert usage(reply)["prompt_tokens_details"]["cached_tokens"] == 640


async def test_a_limit_cuts_the_answer(stage, dialect, stream):
    reply = await ask(stage, dialect, stream=stream, max_tokens=16)  # the least that OpenAI's Responses take
    content = together(reply)["content"]
    assert said("Hi", PROFILE).startswith(content)
    assert usage(reply)["completion_tokens"] == 16
    assert reply.finishes == ["length"]


async def test_the_simulator_in_this_process_speaks_them_all(lodge, dialect, stream):
    sections = {"sim": {"dialect": dialect, "models": [{"id": "u", "serves": "m"}]}}
    stage = await lodge.stage(PROFILE, providers=sections)
    reply = await ask(stage, "m", stream=stream)
    check_complete(reply, said("Hi", PROFILE))


@pytest.mark.parametrize("mode", MODES)
async def test_every_fault_comes_to_what_it_does_in_openais_dialect(lodge, sim, dialect, mode):
    stage = await lodge.stage(
        providers=sections(dialect, sim.url),
        routing={"strategy": "order", "max_attempts": 2},
        limits={"answer_mib": 1},
    )
    gate = asyncio.Semaphore(TOGETHER)

    async def meet(fault):
        async with gate:
            reply = await stage.chat(f"{mode}/{fault}", stream=MODES[mode])
        return told(reply, fault, said("Hi", PROFILE))

    faults = asked(mode)
    found = dict(zip(faults, await asyncio.gather(*map(meet, faults)), strict=True))
    assert found == {fault: expected(dialect, fault, mode) for fault in faults}


async def test_another_dialect_makes_a_failure_good(lodge, sim, dialect, stream):
    other = "gemini" if dialect == "bedrock" else "bedrock"
    sections = {
        "bad": section(dialect, sim.url, ("u#fault=error_event&after=1", "m")),
        "good": section(other, sim.url, ("u", "m")),
    }
    stage = await lodge.stage(providers=sections, routing={"strategy": "order"})
    reply = await stage.chat("m", stream=stream)
    check_complete(reply, said("Hi", PROFILE))
    assert (reply.provider, reply.attempts) == ("good", 2)


async def test_no_fault_is_left_out():
    assert {fault.partition("&")[0] for fault in FAULTS} == set(KINDS)


HELLO = [{"role": "user", "content": "Hi"}]
PARTS = {"contents": [{"parts": [{"text": "Hi"}]}]}
# A client of the deployment's own dialect: path, body, what ends a stream, what an error in it is.
NATIVE = {
    "anthropic": (
        "/v1/messages",
        {"max_tokens": 99, "messages": HELLO},
        b"event: message_stop",
        b"event: error",
    ),
    "openai_responses": (
        "/v1/responses",
        {"input": "Hi", "store": False},
        b"event: response.completed",
        b"event: response.failed",
    ),
    "gemini": (
        "/v1beta/models/{}:streamGenerateContent?alt=sse",
        PARTS,
        b'"finishReason":"STOP"',
        b'"error"',
    ),
}


async def native(stage, speaking, model):
    """The bytes that a client of a dialect gets as a stream."""
    path, body, *_ = NATIVE[speaking]
    fields = body if "{}" in path else {**body, "model": model, "stream": True}
    answer = await stage.client.post(path.replace("{}", model), content=orjson.dumps(fields))
    assert answer.status_code == 200, answer.content
    return answer.content


@pytest.mark.parametrize("speaking", NATIVE)
async def test_a_client_of_the_same_dialect_gets_the_stream_as_it_came(stage, speaking):
    raw = await native(stage, speaking, speaking)
    _, _, end, error = NATIVE[speaking]
    assert end in raw and error not in raw
    for word in re.findall(r"\w+", said("Hi", PROFILE)):
        assert word.encode() in raw


@pytest.mark.parametrize("fault", ["error_event&tps=10", "cut_mid_stream&tps=10", "reset_mid_stream&tps=10"])
@pytest.mark.parametrize("speaking", NATIVE)
async def test_a_client_of_the_same_dialect_is_told_of_an_error_in_its_words(lodge, sim, speaking, fault):
    bad = {"bad": section(speaking, sim.url, (f"u#fault={fault}", "m"))}
    raw = await native(await lodge.stage(providers=bad), speaking, "m")
    _, _, end, error = NATIVE[speaking]
    assert error in raw and end not in raw


FRESH = {
    "/v1/chat/completions": {"model": "openai/gpt-5-mini", "messages": HELLO},
    "/v1/messages": {"model": "anthropic/claude-haiku-4-5", "max_tokens": 99, "messages": HELLO},
    "/v1/responses": {"model": "openai/gpt-5-mini", "input": "Hi", "store": False},
    "/v1beta/models/google%2Fgemini-2.5-flash:generateContent": PARTS,
    "/v1/completions": {"model": "openai/gpt-5-mini", "prompt": "Hi"},
    "/v1/embeddings": {"model": "openai/text-embedding-3-small", "input": "Hi"},
    "/v1/rerank": {"model": "cohere/rerank-v4.0-fast", "query": "a", "documents": ["a", "b"]},
    "/v1/moderations": {"model": "openai/omni-moderation-latest", "input": "Hi"},
    "/v1/images/generations": {"model": "openai/gpt-image-1", "prompt": "Hi"},
    "/v1/audio/speech": {"model": "openai/gpt-4o-mini-tts", "input": "Hi", "voice": "alloy"},
}


@pytest.mark.parametrize("path", FRESH)
async def test_a_fresh_start_without_keys_answers(lodge, path):
    stage = await lodge.stage()
    reply = await stage.post(orjson.dumps(FRESH[path]), path)
    assert reply.status == 200, reply.raw
    assert reply.provider == "sim"


async def test_a_fresh_start_hears_too(lodge):
    stage = await lodge.stage()
    fields = [
        Field("model", "openai/gpt-4o-mini-transcribe"),
        Field("file", File("a.wav", "audio/wav", memoryview(b"RIFF"))),
    ]
    pieces, media = form.write(fields)
    reply = await stage.ask(
        "POST",
        "/v1/audio/transcriptions",
        content=b"".join(bytes(piece) for piece in pieces),
        headers={"content-type": media},
    )
    assert "a.wav has 4 bytes" in reply.body["text"]
