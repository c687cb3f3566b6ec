"""The providers' own clients in front of the simulator's server: they read its answers and its errors."""

import asyncio
import json
from contextlib import closing

import anthropic
import botocore.session
import cohere
import openai
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from google import genai
from google.genai import errors as google
from google.genai import types
from tests.unit.sim.carriers import serving

INTRO = "This is the xroute simulator"
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
HI = [{"role": "user", "content": "Hi"}]


@pytest.fixture
async def port():
    async with serving() as socket:
        yield socket.port


def fault(text):
    return {"x-sim-fault": text}


# Anthropic


@pytest.fixture
async def claude(port):
    async with anthropic.AsyncAnthropic(
        base_url=f"http://127.0.0.1:{port}", api_key="k", max_retries=0
    ) as client:
        yield client.messages


CLAUDE = {"model": "m", "max_tokens": 4000, "messages": HI}


async def test_anthropics_client_reads_a_message(claude):
    said = await claude.create(**CLAUDE)
    assert said.content[0].text.startswith(INTRO)
    assert (said.stop_reason, said.usage.output_tokens) == ("end_turn", 48)
    assert said._request_id.startswith("req-sim")


async def test_anthropics_client_reads_thinking_and_calls_of_a_stream(claude):
    tools = [{"name": name, "input_schema": CITY} for name in ("a", "b")]
    thinking = {"type": "enabled", "budget_tokens": 2000}
    async with claude.stream(**CLAUDE, tools=tools, thinking=thinking) as stream:
        said = await stream.get_final_message()
    thought, *calls = said.content
    assert thought.type == "thinking" and thought.thinking and thought.signature
    assert [(call.name, list(call.input)) for call in calls] == [("a", ["city"]), ("b", ["city"])]
    assert said.stop_reason == "tool_use"
    assert said.usage.input_tokens > 20


@pytest.mark.parametrize(
    ("kind", "error", "word"),
    [
        ("status_401", anthropic.AuthenticationError, "invalid x-api-key"),
        ("status_429", anthropic.RateLimitError, "rate limit"),
        ("status_529", anthropic.InternalServerError, "Overloaded"),
        ("context_length_exceeded", anthropic.BadRequestError, "prompt is too long: "),
        ("insufficient_quota", anthropic.BadRequestError, "credit balance is too low"),
    ],
)
async def test_anthropics_client_raises_its_own_errors(claude, kind, error, word):
    with pytest.raises(error, match=word) as raised:
        await claude.create(**CLAUDE, extra_headers=fault(kind))
    assert raised.value.body["type"] == "error"


async def test_anthropics_client_raises_what_a_stream_tells(claude):
    with pytest.raises(anthropic.APIStatusError, match="Internal server error"):
        async with claude.stream(**CLAUDE, extra_headers=fault("error_event")) as stream:
            await stream.get_final_message()


async def test_anthropics_client_learns_what_is_wrong_with_its_request(claude):
    with pytest.raises(anthropic.BadRequestError, match="messages"):
        await claude.create(**{**CLAUDE, "messages": [{"content": "no role"}]})


# Google


@pytest.fixture
async def gemini(port):
    options = types.HttpOptions(
        base_url=f"http://127.0.0.1:{port}", retry_options=types.HttpRetryOptions(attempts=1)
    )
    client = genai.Client(api_key="k", http_options=options)
    yield client.aio.models
    await client.aio.aclose()
    client.close()


def config(text=None, **more):
    options = types.HttpOptions(headers=fault(text)) if text else None
    return types.GenerateContentConfig(http_options=options, **more)


def functions():
    declared = [types.FunctionDeclaration(name=name, parameters_json_schema=CITY) for name in ("a", "b")]
    return {
        "tools": [types.Tool(function_declarations=declared)],
        "automatic_function_calling": types.AutomaticFunctionCallingConfig(disable=True),
    }


async def test_googles_client_reads_an_answer(gemini):
    said = await gemini.generate_content(model="gemini-2.5-flash", contents="Hi")
    assert said.text.startswith(INTRO)
    assert said.candidates[0].finish_reason == "STOP"
    assert said.usage_metadata.candidates_token_count == 48


async def test_googles_client_reads_thoughts_and_calls_of_a_stream(gemini):
    thinking = types.ThinkingConfig(include_thoughts=True, thinking_budget=2000)
    wish = config(thinking_config=thinking, **functions())
    stream = await gemini.generate_content_stream(model="m", contents="Hi", config=wish)
    parts = [part async for piece in stream for part in piece.candidates[0].content.parts or []]
    assert any(part.thought and part.text for part in parts)
    calls = [part for part in parts if part.function_call]
    assert [part.function_call.name for part in calls] == ["a", "b"]
    assert calls[0].thought_signature


@pytest.mark.parametrize(
    ("kind", "error", "status", "word"),
    [
        ("status_401", google.ClientError, "UNAUTHENTICATED", "API key not valid"),
        ("status_429", google.ClientError, "RESOURCE_EXHAUSTED", "exceeded your current quota"),
        ("status_503", google.ServerError, "UNAVAILABLE", "overloaded"),
        ("context_length_exceeded", google.ClientError, "INVALID_ARGUMENT", "input token count .* exceeds"),
    ],
)
async def test_googles_client_raises_its_own_errors(gemini, kind, error, status, word):
    with pytest.raises(error, match=word) as raised:
        await gemini.generate_content(model="m", contents="Hi", config=config(kind))
    assert raised.value.status == status
    if kind == "status_429":
        assert raised.value.details["error"]["details"][0]["retryDelay"] == "1s"


async def test_googles_client_raises_what_a_stream_tells(gemini):
    stream = await gemini.generate_content_stream(model="m", contents="Hi", config=config("error_event"))
    with pytest.raises(google.APIError, match="An internal error"):
        async for _ in stream:
            pass


# Amazon


@pytest.fixture
def bedrock(port):
    client = botocore.session.Session().create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="k",
        aws_secret_access_key="s",
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()


ASK = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
CONFIG = {"tools": [{"toolSpec": {"name": name, "inputSchema": {"json": CITY}}} for name in ("a", "b")]}
THINK = {"thinking": {"type": "enabled", "budget_tokens": 2000}}


async def test_amazons_client_reads_an_answer(bedrock):
    said = await asyncio.to_thread(bedrock.converse, modelId="m", **ASK)
    assert said["output"]["message"]["content"][0]["text"].startswith(INTRO)
    assert (said["stopReason"], said["usage"]["outputTokens"]) == ("end_turn", 48)


async def test_amazons_client_reads_thinking_and_calls_of_a_stream(bedrock):
    def listen():
        given = bedrock.converse_stream(
            modelId="m", **ASK, toolConfig=CONFIG, additionalModelRequestFields=THINK
        )
        with closing(given["stream"]) as stream:
            return list(stream)

    events = await asyncio.to_thread(listen)
    deltas = [event["contentBlockDelta"] for event in events if "contentBlockDelta" in event]
    thoughts = [delta["delta"]["reasoningContent"] for delta in deltas if delta["contentBlockIndex"] == 0]
    assert "".join(piece.get("text", "") for piece in thoughts)
    assert thoughts[-1]["signature"]
    inputs = [delta["delta"]["toolUse"]["input"] for delta in deltas if delta["contentBlockIndex"] == 2]
    assert list(json.loads("".join(inputs))) == ["city"]
    assert events[-2]["messageStop"]["stopReason"] == "tool_use"
    assert events[-1]["metadata"]["usage"]["outputTokens"] > 8


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("status_403", "AccessDeniedException"),
        ("status_404", "ResourceNotFoundException"),
        ("status_429", "ThrottlingException"),
        ("status_500", "InternalServerException"),
        ("context_length_exceeded", "ValidationException"),
    ],
)
async def test_amazons_client_raises_its_own_errors(bedrock, kind, code):
    with pytest.raises(ClientError) as raised:
        await asyncio.to_thread(bedrock.converse, modelId=f"m#fault={kind}", **ASK)
    assert raised.value.response["Error"]["Code"] == code
    assert raised.value.response["Error"]["Message"]


async def test_amazons_client_raises_what_a_stream_tells(bedrock):
    def listen():
        with closing(bedrock.converse_stream(modelId="m#fault=error_event", **ASK)["stream"]) as stream:
            return list(stream)

    with pytest.raises(EventStreamError, match="internalServerException"):
        await asyncio.to_thread(listen)


# Cohere


@pytest.fixture
async def command(port):
    async with cohere.AsyncClientV2(api_key="k", base_url=f"http://127.0.0.1:{port}") as client:
        yield client


async def test_coheres_client_reads_an_answer(command):
    said = await command.chat(model="m", messages=HI)
    assert said.message.content[0].text.startswith(INTRO)
    assert (said.finish_reason, said.usage.tokens.output_tokens) == ("COMPLETE", 48)


async def test_coheres_client_reads_thinking_and_calls_of_a_stream(command):
    tools = [{"type": "function", "function": {"name": name, "parameters": CITY}} for name in ("a", "b")]
    thinking = {"type": "enabled", "token_budget": 2000}
    stream = command.chat_stream(model="m", messages=HI, tools=tools, thinking=thinking)
    events = [event async for event in stream]
    assert "".join(e.delta.message.content.thinking or "" for e in events if e.type == "content-delta")
    calls = [event.delta.message.tool_calls for event in events if event.type == "tool-call-start"]
    assert [call.function.name for call in calls] == ["a", "b"]
    assert events[-1].delta.finish_reason == "TOOL_CALL"


@pytest.mark.parametrize(
    ("kind", "error", "word"),
    [
        ("status_401", cohere.UnauthorizedError, "invalid api token"),
        ("status_404", cohere.NotFoundError, "model 'm' not found"),
        ("status_429", cohere.TooManyRequestsError, "Rate limit"),
        ("context_length_exceeded", cohere.BadRequestError, "too many tokens"),
    ],
)
async def test_coheres_client_raises_its_own_errors(command, kind, error, word):
    options = {"additional_headers": fault(kind), "max_retries": 0}
    with pytest.raises(error) as raised:
        await command.chat(model="m", messages=HI, request_options=options)
    assert word in raised.value.body["message"]


# OpenAI's Responses


@pytest.fixture
async def gpt(port):
    async with openai.AsyncOpenAI(
        base_url=f"http://127.0.0.1:{port}/v1", api_key="k", max_retries=0
    ) as client:
        yield client.responses


async def test_openais_client_reads_a_response(gpt):
    said = await gpt.create(model="gpt-5", input="Hi")
    assert said.output_text.startswith(INTRO)
    assert (said.status, said.usage.output_tokens) == ("completed", 48)


async def test_openais_client_reads_reasoning_and_calls_of_a_stream(gpt):
    tools = [{"type": "function", "name": name, "parameters": CITY, "strict": False} for name in ("a", "b")]
    async with gpt.stream(
        model="gpt-5",
        input="Hi",
        tools=tools,
        parallel_tool_calls=True,
        reasoning={"effort": "low", "summary": "auto"},
        include=["reasoning.encrypted_content"],
    ) as stream:
        said = await stream.get_final_response()
    thought, *calls = said.output
    assert thought.summary[0].text and thought.encrypted_content
    assert [call.name for call in calls] == ["a", "b"]


async def test_what_was_not_asked_for_is_not_told(gpt):
    said = await gpt.create(model="gpt-5", input="Hi", reasoning={"effort": "low"})
    thought, message = said.output
    assert (thought.type, thought.summary, thought.encrypted_content) == ("reasoning", [], None)
    assert message.content[0].text.startswith(INTRO)
    assert said.usage.output_tokens_details.reasoning_tokens == 16


async def test_openais_client_raises_its_own_errors(gpt):
    with pytest.raises(openai.RateLimitError) as raised:
        await gpt.create(model="gpt-5", input="Hi", extra_headers=fault("insufficient_quota"))
    assert raised.value.code == "insufficient_quota"


async def test_openais_client_is_told_that_a_stream_failed(gpt):
    stream = await gpt.create(model="gpt-5", input="Hi", stream=True, extra_headers=fault("error_event"))
    events = [event async for event in stream]
    assert events[0].type == "response.created"
    assert [event.type for event in events[-2:]] == ["error", "response.failed"]
    assert events[-1].response.error.code == "server_error"
