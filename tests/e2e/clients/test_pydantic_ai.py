"""pydantic-ai's agents with its OpenAI chat model."""

import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent, ModelHTTPError, NativeOutput, ToolOutput
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

TEXT = "This is the xroute simulator"


class City(BaseModel):
    """A place."""

    name: str
    inhabitants: int


@pytest.fixture
async def provider(gateway):
    async with AsyncOpenAI(base_url=gateway.url, api_key=gateway.key, max_retries=0) as client:
        yield OpenAIProvider(openai_client=client)


@pytest.fixture
def model(provider):
    return OpenAIChatModel("gpt-4o-mini", provider=provider)


async def test_an_agent_answers_and_counts_tokens(model):
    result = await Agent(model, instructions="Be brief.").run("Hello")
    assert result.output.startswith(TEXT)
    assert result.usage.input_tokens > 0
    assert result.usage.output_tokens > 0


async def test_a_stream_adds_up_to_the_whole_answer(model):
    agent = Agent(model)
    whole = (await agent.run("Hello")).output
    async with agent.run_stream("Hello") as stream:
        parts = [part async for part in stream.stream_text(delta=True, debounce_by=None)]
    assert len(parts) > 10
    assert "".join(parts) == whole


@pytest.mark.parametrize("form", [ToolOutput, NativeOutput])
async def test_structured_output_is_an_object_of_the_asked_type(model, form):
    result = await Agent(model, output_type=form(City)).run("Oslo")
    assert isinstance(result.output, City)


async def test_an_agent_runs_its_tools_until_it_can_answer(model):
    agent = Agent(model)
    asked = []

    @agent.tool_plain
    def weather(city: str) -> str:
        """The weather of a city."""
        asked.append(city)
        return "rain"

    result = await agent.run("What is the weather in Oslo?")
    assert len(asked) == 1
    assert result.output
    assert result.usage.tool_calls == 1
    assert result.usage.requests == 2


async def test_a_refusal_has_its_status(provider):
    with pytest.raises(ModelHTTPError) as caught:
        await Agent(OpenAIChatModel("nobody/nothing", provider=provider)).run("Hello")
    assert caught.value.status_code == 404
