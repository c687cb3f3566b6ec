"""OpenAI's Agents SDK: tools, hand-offs and objects, through Responses and through chat completions."""

import openai
import pytest
from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    SQLiteSession,
    function_tool,
)
from pydantic import BaseModel

TEXT = "This is the xroute simulator"
MUST = ModelSettings(tool_choice="required")


class City(BaseModel):
    """A place."""

    name: str
    inhabitants: int


@pytest.fixture
async def client(gateway):
    async with openai.AsyncOpenAI(api_key=gateway.key, base_url=gateway.url, max_retries=0) as client:
        yield client


@pytest.fixture(params=[OpenAIResponsesModel, OpenAIChatCompletionsModel])
def llm(request, client, model):
    """A model of the SDK, by the way that it speaks."""
    return request.param(model, openai_client=client)


@pytest.fixture
def asked():
    """The cities whose weather an agent wanted."""
    return []


@pytest.fixture
def weather(asked):
    @function_tool
    def weather(city: str) -> str:
        """The weather of a city."""
        asked.append(city)
        return "4 degrees, rain"

    return weather


def kinds(result):
    return [item.type for item in result.new_items]


async def drain(result):
    return [event async for event in result.stream_events()]


async def test_an_agent_answers_and_counts_tokens(llm):
    result = await Runner.run(Agent("one", "Be brief.", model=llm), "Hello")
    assert result.final_output.startswith(TEXT)
    usage = result.context_wrapper.usage
    assert usage.requests == 1
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens > 0


async def test_a_stream_adds_up_to_the_whole_answer(llm):
    agent = Agent("one", "Be brief.", model=llm)
    whole = await Runner.run(agent, "Hello")
    result = Runner.run_streamed(agent, "Hello")
    events = [event.data for event in await drain(result) if event.type == "raw_response_event"]
    parts = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert len(parts) > 10
    assert "".join(parts) == result.final_output == whole.final_output
    assert events[-1].type == "response.completed"


async def test_a_tool_is_run_until_there_is_an_answer(llm, weather, asked):
    result = await Runner.run(Agent("one", model=llm, tools=[weather]), "What is the weather in Oslo?")
    assert kinds(result) == ["tool_call_item", "tool_call_output_item", "message_output_item"]
    assert len(asked) == 1
    assert result.context_wrapper.usage.requests == 2


@pytest.mark.parametrize("streamed", [False, True])
async def test_one_agent_hands_off_to_another_that_has_a_tool(llm, weather, asked, streamed):
    expert = Agent("Expert", "You know the weather.", model=llm, tools=[weather], model_settings=MUST)
    triage = Agent("Triage", "Find who can answer.", model=llm, handoffs=[expert])
    if streamed:
        result = Runner.run_streamed(triage, "What is the weather in Oslo?")
        events = await drain(result)
        assert "Expert" in [e.new_agent.name for e in events if e.type == "agent_updated_stream_event"]
    else:
        result = await Runner.run(triage, "What is the weather in Oslo?")
    assert result.last_agent is expert
    assert kinds(result) == [
        "handoff_call_item",
        "handoff_output_item",
        "tool_call_item",
        "tool_call_output_item",
        "message_output_item",
    ]
    assert len(asked) == 1
    assert result.final_output


async def test_a_tool_and_a_hand_off_in_one_turn_are_both_done(llm, weather, asked):
    expert = Agent("Expert", model=llm)
    both = ModelSettings(parallel_tool_calls=True)
    triage = Agent("Triage", model=llm, tools=[weather], handoffs=[expert], model_settings=both)
    result = await Runner.run(triage, "What is the weather in Oslo?")
    assert {"tool_call_item", "handoff_call_item"} <= set(kinds(result))
    assert len(asked) == 1
    assert result.last_agent is expert


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_is_an_object_of_the_asked_type(llm, streamed):
    agent = Agent("one", model=llm, output_type=City)
    if streamed:
        result = Runner.run_streamed(agent, "Oslo")
        await drain(result)
    else:
        result = await Runner.run(agent, "Oslo")
    assert isinstance(result.final_output, City)


async def test_a_conversation_is_sent_again_from_the_client_s_own_memory(llm, weather):
    session = SQLiteSession("talk")
    agent = Agent("one", model=llm, tools=[weather])
    try:
        first = await Runner.run(agent, "What is the weather in Oslo?", session=session)
        second = await Runner.run(agent, "And in Rome?", session=session)
    finally:
        session.close()
    assert first.final_output
    assert second.raw_responses[0].usage.input_tokens > first.raw_responses[-1].usage.input_tokens


async def test_a_conversation_goes_on_from_its_last_response(client, model, weather, asked):
    agent = Agent("one", model=OpenAIResponsesModel(model, openai_client=client), tools=[weather])
    first = await Runner.run(agent, "What is the weather in Oslo?", auto_previous_response_id=True)
    assert len(asked) == 1
    assert first.final_output
    second = await Runner.run(agent, "And?", previous_response_id=first.last_response_id)
    assert second.raw_responses[0].usage.input_tokens > first.raw_responses[-1].usage.input_tokens


@pytest.mark.parametrize("kind", [OpenAIResponsesModel, OpenAIChatCompletionsModel])
async def test_errors_keep_their_class_and_our_word(client, kind):
    for name, error, word in [
        ("nobody/nothing", openai.NotFoundError, "not_found"),
        ("rehearsal/limited", openai.RateLimitError, "rate_limit_exceeded"),
    ]:
        with pytest.raises(error) as caught:
            await Runner.run(Agent("one", model=kind(name, openai_client=client)), "Hello")
        assert caught.value.body["metadata"]["error_type"] == word
