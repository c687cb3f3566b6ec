"""pydantic-ai's agents, with its models for OpenAI's two APIs, for Anthropic's and for Google's."""

from functools import partial

import anthropic
import pytest
from google import genai
from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent, ModelHTTPError, NativeOutput, ToolOutput
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider

TEXT = "This is the xroute simulator"


class City(BaseModel):
    """A place."""

    name: str
    inhabitants: int


@pytest.fixture
async def openai_provider(gateway):
    async with AsyncOpenAI(base_url=gateway.url, api_key=gateway.key, max_retries=0) as client:
        yield OpenAIProvider(openai_client=client)


@pytest.fixture
async def anthropic_provider(gateway):
    options = {"base_url": gateway.origin, "api_key": gateway.key, "max_retries": 0}
    async with anthropic.AsyncAnthropic(**options) as client:
        yield AnthropicProvider(anthropic_client=client)


@pytest.fixture
async def google_provider(gateway):
    options = genai.types.HttpOptions(base_url=gateway.origin)
    with genai.Client(api_key=gateway.key, http_options=options) as client:
        yield GoogleProvider(client=client)
        await client.aio.aclose()


@pytest.fixture(params=["chat", "responses", "anthropic", "google"])
def make(request, openai_provider, anthropic_provider, google_provider):
    """Makes a model of a name, by the way that it speaks."""
    # It knows what Anthropic's own models can do, and asks no other for objects.
    able = {"profile": ModelProfile(supports_json_schema_output=True)}
    return {
        "chat": partial(OpenAIChatModel, provider=openai_provider),
        "responses": partial(OpenAIResponsesModel, provider=openai_provider),
        "anthropic": partial(AnthropicModel, provider=anthropic_provider, **able),
        "google": partial(GoogleModel, provider=google_provider),
    }[request.param]


@pytest.fixture
def llm(make, model):
    return make(model)


async def test_an_agent_answers_and_counts_tokens(llm):
    result = await Agent(llm, instructions="Be brief.").run("Hello")
    assert result.output.startswith(TEXT)
    assert result.usage.input_tokens > 0
    assert result.usage.output_tokens > 0


async def test_a_stream_adds_up_to_the_whole_answer(llm):
    agent = Agent(llm)
    whole = await agent.run("Hello")
    async with agent.run_stream("Hello") as stream:
        parts = [part async for part in stream.stream_text(delta=True, debounce_by=None)]
        usage = stream.usage
    assert len(parts) > 10
    assert "".join(parts) == whole.output
    assert (usage.input_tokens, usage.output_tokens) == (whole.usage.input_tokens, whole.usage.output_tokens)


@pytest.mark.parametrize("form", [ToolOutput, NativeOutput])
async def test_structured_output_is_an_object_of_the_asked_type(llm, form):
    result = await Agent(llm, output_type=form(City)).run("Oslo")
    assert isinstance(result.output, City)


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_agent_runs_its_tools_until_it_can_answer(llm, streamed):
    agent = Agent(llm)
    asked = []

    @agent.tool_plain
    def weather(city: str) -> str:
        """The weather of a city."""
        asked.append(city)
        return "rain"

    if streamed:
        async with agent.run_stream("What is the weather in Oslo?") as result:
            output = await result.get_output()
    else:
        result = await agent.run("What is the weather in Oslo?")
        output = result.output
    assert len(asked) == 1
    assert output
    assert result.usage.tool_calls == 1
    assert result.usage.requests == 2


async def test_a_refusal_has_its_status(make):
    for name, status in [("nobody/nothing", 404), ("rehearsal/limited", 429)]:
        with pytest.raises(ModelHTTPError) as caught:
            await Agent(make(name)).run("Hello")
        assert caught.value.status_code == status
