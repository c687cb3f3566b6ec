"""Google's own client in front of the gateway, an OpenAI-like provider behind it."""

import asyncio

import orjson
import pytest
from google import genai
from google.genai import errors, types
from tests.gateway.scripted import STREAM_HEAD, answer, chunked, completion, error, event, scripting, stream
from tests.gateway.stage import provider, running
from tests.gateway.wires import KEY

PATH = "/v1beta/models/m:"
ASK = orjson.dumps({"contents": [{"parts": [{"text": "Hi"}]}]})


@pytest.fixture
async def upstream():
    async with scripting() as upstream:
        upstream.play(answer(completion()))
        yield upstream


@pytest.fixture
async def stage(upstream, tmp_path):
    async with running(tmp_path, {"providers": {"house": provider(upstream.url, ("up", "m"))}}) as stage:
        yield stage


@pytest.fixture
async def client(stage):
    options = types.HttpOptions(base_url=f"http://127.0.0.1:{stage.port}", api_version="v1beta")
    client = genai.Client(api_key=KEY, http_options=options)
    yield client.aio
    await client.aio.aclose()
    client.close()


def weather():
    schema = types.Schema(type="OBJECT", properties={"city": types.Schema(type="STRING", nullable=True)})
    return types.Tool(
        function_declarations=[types.FunctionDeclaration(name="weather", description="W.", parameters=schema)]
    )


CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}


async def test_an_answer_has_text_a_finish_and_usage(client, upstream):
    config = types.GenerateContentConfig(
        system_instruction="Be brief.", temperature=0.5, max_output_tokens=9, stop_sequences=["x"], top_k=3
    )
    said = await client.models.generate_content(model="m", contents="Hi", config=config)
    assert said.text == "Hello"
    assert said.candidates[0].finish_reason == "STOP"
    used = said.usage_metadata
    assert (used.prompt_token_count, used.candidates_token_count, used.total_token_count) == (10, 5, 15)
    sent = upstream.seen[0].body
    assert sent["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    assert (sent["temperature"], sent["max_tokens"], sent["stop"]) == (0.5, 9, ["x"])


async def test_tools_go_out_and_their_calls_come_back(client, upstream):
    choice = {
        "index": 0,
        "message": {"role": "assistant", "tool_calls": [CALL]},
        "finish_reason": "tool_calls",
    }
    upstream.play(answer(completion(choices=[choice])), answer(completion("17 degrees")))
    config = types.GenerateContentConfig(
        tools=[weather()],
        tool_config=types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY")),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    said = await client.models.generate_content(model="m", contents="Weather?", config=config)
    (call,) = said.function_calls
    assert (call.name, call.args) == ("weather", {"city": "Oslo"})
    (tool,) = upstream.seen[0].body["tools"]
    assert tool["function"]["parameters"] == {
        "type": "object",
        "properties": {"city": {"type": ["string", "null"]}},
    }
    assert upstream.seen[0].body["tool_choice"] == "required"
    contents = [
        types.Content(role="user", parts=[types.Part(text="Weather?")]),
        said.candidates[0].content,
        types.Content(
            role="user", parts=[types.Part.from_function_response(name="weather", response={"result": "17"})]
        ),
    ]
    said = await client.models.generate_content(model="m", contents=contents, config=config)
    assert said.text == "17 degrees"
    _, called, result = upstream.seen[1].body["messages"]
    assert called["tool_calls"][0]["id"] == result["tool_call_id"]
    assert result["content"] == "17"


async def test_a_stream_has_whole_calls_and_ends_with_its_usage(client, upstream):
    first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    pieces = [{"index": 0, "function": {"arguments": text}} for text in ('{"city"', ': "Oslo"}')]
    upstream.play(
        stream(
            event({"role": "assistant", "content": "Let "}),
            event({"content": "me see"}),
            event({"tool_calls": [first]}),
            *(event({"tool_calls": [piece]}) for piece in pieces),
            event({}, "tool_calls"),
            event({}, usage=usage),
            b"data: [DONE]\n\n",
        )
    )
    said = [chunk async for chunk in await client.models.generate_content_stream(model="m", contents="Hi")]
    assert "".join(chunk.text or "" for chunk in said[:2]) == "Let me see"
    (call,) = said[-1].function_calls
    assert (call.name, call.args) == ("weather", {"city": "Oslo"})
    assert said[-1].candidates[0].finish_reason == "STOP"
    assert said[-1].usage_metadata.total_token_count == 15


async def test_without_sse_a_stream_is_one_array(stage, upstream):
    upstream.play(
        stream(event({"content": "a"}), event({"content": "b"}), event({}, "stop"), b"data: [DONE]\n\n")
    )
    reply = await stage.client.post(f"{PATH}streamGenerateContent", content=ASK)
    assert reply.headers["content-type"] == "application/json"
    texts = [
        part["text"] for each in reply.json() for c in each["candidates"] for part in c["content"]["parts"]
    ]
    assert texts == ["a", "b"]


async def test_an_error_has_googles_shape_and_our_word(client, upstream):
    upstream.play(error(400, "bad temperature", "bad"))
    with pytest.raises(errors.ClientError) as caught:
        await client.models.generate_content(model="m", contents="Hi")
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    assert caught.value.details["error"]["metadata"]["error_type"] == "invalid_request"


async def test_a_key_that_is_not_known_is_refused_in_googles_shape(stage):
    reply = await stage.client.post(
        f"{PATH}generateContent", content=ASK, headers={"authorization": "", "x-goog-api-key": "no"}
    )
    assert reply.status_code == 401
    assert reply.json()["error"]["status"] == "UNAUTHENTICATED"


async def test_a_stream_that_breaks_says_so_and_never_finishes(client, upstream):
    begun = asyncio.Event()

    async def broken(visit):
        await visit.send(STREAM_HEAD, chunked(event({"content": "a"})))
        await begun.wait()
        await visit.send(chunked(b'data: {"error": {"message": "boom"}}\n\n'))

    upstream.play(broken)
    seen = []
    with pytest.raises(errors.APIError):
        async for chunk in await client.models.generate_content_stream(model="m", contents="Hi"):
            seen.append(chunk)
            begun.set()
    assert [chunk.candidates[0].finish_reason for chunk in seen] == [None]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "contents"),
        ({"contents": [3]}, "contents[0]"),
        ({"contents": [{"parts": [3]}]}, "contents[0].parts"),
        ({"contents": "Hi", "generationConfig": {"temperature": "hot"}}, "temperature"),
    ],
)
async def test_a_request_that_cannot_be_names_its_field(stage, body, param):
    reply = await stage.client.post(f"{PATH}generateContent", content=orjson.dumps(body))
    assert reply.status_code == 400
    assert reply.json()["error"]["metadata"]["param"] == param
