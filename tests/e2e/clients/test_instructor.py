"""instructor, which makes objects of answers in several ways, by several clients."""

import anthropic
import instructor
import openai
import pytest
from google import genai
from instructor import Mode
from pydantic import BaseModel, field_validator

MODEL = "gpt-4o-mini"
MESSAGES = [{"role": "user", "content": "Ada Lovelace, born in London"}]


class Person(BaseModel):
    """Somebody."""

    name: str
    cities: list[str]


@pytest.fixture
def plain(gateway):
    with openai.OpenAI(api_key=gateway.key, base_url=gateway.url, max_retries=0) as client:
        yield client


@pytest.fixture
def claude(gateway):
    with anthropic.Anthropic(api_key=gateway.key, base_url=gateway.origin, max_retries=0) as client:
        yield client


@pytest.fixture
def google(gateway):
    options = genai.types.HttpOptions(base_url=gateway.origin)
    with genai.Client(api_key=gateway.key, http_options=options) as client:
        yield client


@pytest.mark.parametrize("mode", [Mode.TOOLS, Mode.JSON_SCHEMA, Mode.RESPONSES_TOOLS])
def test_every_way_gives_an_object_of_the_asked_type(plain, model, mode):
    client = instructor.from_openai(plain, mode=mode)
    person, raw = client.chat.completions.create_with_completion(
        model=model, messages=MESSAGES, response_model=Person, max_retries=0
    )
    assert isinstance(person, Person)
    assert raw.usage.total_tokens > 0


def test_anthropics_client_gives_one_too(claude, model):
    client = instructor.from_anthropic(claude, mode=Mode.TOOLS)
    person, raw = client.create_with_completion(
        model=model, messages=MESSAGES, response_model=Person, max_retries=0, max_tokens=400
    )
    assert isinstance(person, Person)
    assert raw.usage.output_tokens > 0


@pytest.mark.parametrize("mode", [Mode.TOOLS, Mode.JSON])
def test_googles_client_gives_one_too(google, model, mode):
    client = instructor.from_genai(google, mode=mode)
    person = client.create(model=model, messages=MESSAGES, response_model=Person, max_retries=0)
    assert isinstance(person, Person)


def test_an_object_that_is_refused_is_asked_for_again(plain):
    tries = []

    class Picky(Person):
        """Content with the second answer only."""

        @field_validator("name")
        @classmethod
        def second(cls, name):
            tries.append(name)
            if len(tries) < 2:
                raise ValueError("not that one")
            return name

    client = instructor.from_openai(plain)
    picky = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, response_model=Picky, max_retries=2
    )
    assert [picky.name] == tries[1:]


def test_a_partial_object_grows_to_the_whole_one(plain):
    client = instructor.from_openai(plain)
    stages = list(
        client.chat.completions.create_partial(
            model=MODEL, messages=MESSAGES, response_model=Person, max_retries=0
        )
    )
    assert len(stages) > 1
    assert Person.model_validate(stages[-1].model_dump())


async def test_the_async_client_gives_an_object(gateway):
    async with openai.AsyncOpenAI(api_key=gateway.key, base_url=gateway.url, max_retries=0) as plain:
        client = instructor.from_openai(plain)
        person = await client.chat.completions.create(
            model=MODEL, messages=MESSAGES, response_model=Person, max_retries=0
        )
    assert isinstance(person, Person)
