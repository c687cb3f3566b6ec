"""Embeddings, old completions, moderations and rerank by the clients of their makers."""

import cohere
import openai
import pytest

TEXT = "This is the xroute simulator"
DOCUMENTS = ["a red house", "the sea", "a house by the sea"]


@pytest.fixture
def client(gateway):
    with openai.OpenAI(api_key=gateway.key, base_url=gateway.url, max_retries=0) as client:
        yield client


@pytest.fixture
def reranker(gateway):
    with cohere.ClientV2(api_key=gateway.key, base_url=gateway.origin) as client:
        yield client


@pytest.mark.parametrize("model", ["text-embedding-3-small", "gemini-embedding-001", "embed-v4.0"])
def test_texts_become_vectors_whoever_makes_them(client, model):
    made = client.embeddings.create(model=model, input=["the sea", "a house", "the sea"])
    first, second, third = [one.embedding for one in made.data]
    assert [one.index for one in made.data] == [0, 1, 2]
    assert first == third != second
    assert made.usage.total_tokens == made.usage.prompt_tokens > 0


def test_vectors_may_come_as_numbers(client):
    request = {"model": "text-embedding-3-small", "input": "the sea"}
    packed = client.embeddings.create(**request).data[0].embedding  # the client asks for base64
    plain = client.embeddings.create(**request, encoding_format="float").data[0].embedding
    assert plain == pytest.approx(packed, abs=1e-6)


def test_an_old_completion_is_the_same_streamed_or_not(client, model):
    whole = client.completions.create(model=model, prompt="Hello", max_tokens=400)
    stream = client.completions.create(model=model, prompt="Hello", max_tokens=400, stream=True)
    text = "".join(chunk.choices[0].text for chunk in stream if chunk.choices)
    assert whole.choices[0].text == text
    assert text.startswith(TEXT)


def test_moderations_say_what_is_flagged(client):
    judged = client.moderations.create(model="omni-moderation-latest", input="Hello")
    assert judged.results[0].flagged is False


def test_cohere_s_client_gets_its_documents_in_order(reranker):
    found = reranker.rerank(model="rerank-v3.5", query="house sea", documents=DOCUMENTS, top_n=2)
    scores = [one.relevance_score for one in found.results]
    assert found.results[0].index == 2
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 2


def test_cohere_s_client_raises_its_own_errors(reranker, gateway):
    with pytest.raises(cohere.NotFoundError) as caught:
        reranker.rerank(model="nobody/nothing", query="sea", documents=DOCUMENTS)
    assert caught.value.body["error"]["metadata"]["error_type"] == "not_found"
    with (
        cohere.ClientV2(api_key="sk-wrong", base_url=gateway.origin) as stranger,
        pytest.raises(cohere.UnauthorizedError),
    ):
        stranger.rerank(model="rerank-v3.5", query="sea", documents=DOCUMENTS)
