"""llama.cpp's own server, found by the gateway on this machine without a word of configuration.

Not part of `make test`: `make llamacpp` builds the server, which takes ten minutes, and runs this.
"""

import os
import time
from pathlib import Path

import openai
import pytest
from tests.e2e.gguf import WORDS, write_model
from tests.e2e.servers import ROOT, gateway, is_listening, serving

pytestmark = pytest.mark.llamacpp

PORT = 8080  # where the gateway looks for it
PYTHON = Path(os.environ.get("LLAMACPP_PYTHON") or ROOT / ".venv-llamacpp/bin/python")
HELLO = [{"role": "user", "content": "hello"}]
FOUND_S = 30.0


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    if not PYTHON.is_file():
        pytest.skip("llama-cpp-python[server] is not built: `make llamacpp` does that")
    if is_listening(PORT):
        pytest.skip(f"port {PORT}, where the gateway looks for llama.cpp, is in use")
    folder = tmp_path_factory.mktemp("llamacpp")
    write_model(folder / "tiny.gguf")
    model = str(folder / "tiny.gguf")
    command = [str(PYTHON), "-m", "llama_cpp.server", "--model", model, "--port", str(PORT), "--n_ctx", "512"]
    with serving(command, PORT, folder) as server:
        yield server


@pytest.fixture(scope="module")
def client(upstream, tmp_path_factory):
    with gateway(tmp_path_factory.mktemp("found") / "xroute") as server:
        key = server.log.read_text().partition("Bearer ")[2].partition('"')[0]
        with openai.OpenAI(api_key=key, base_url=server.url, max_retries=0) as client:
            _wait_until_found(client)
            yield client


def _wait_until_found(client):
    end = time.monotonic() + FOUND_S
    while not any(model.owned_by == "llamacpp" for model in client.models.list()):
        assert time.monotonic() < end, "the gateway did not find the server"
        time.sleep(0.1)


def test_its_model_is_listed_and_the_simulator_has_stepped_back(client):
    models = list(client.models.list())
    assert [model.owned_by for model in models] == ["llamacpp"]
    assert models[0].id.endswith("tiny.gguf")
    assert models[0].deployments[0]["provider"] == "llamacpp"


def test_it_answers_by_the_short_name_of_its_file(client):
    raw = client.chat.completions.with_raw_response.create(
        model="tiny", messages=HELLO, max_tokens=8, temperature=0
    )
    answer = raw.parse()
    assert raw.headers["x-xroute-provider"] == "llamacpp"
    assert raw.headers["x-xroute-cost"] == "0"
    said = answer.choices[0].message.content.split()
    assert len(said) == 8
    assert set(said) <= {word.removeprefix("\u2581") for word in WORDS}
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 8


def test_its_stream_has_the_text_of_the_whole_answer_and_a_usage_that_it_does_not_send(client):
    request = {"model": "tiny", "messages": HELLO, "max_tokens": 8, "temperature": 0}
    whole = client.chat.completions.create(**request)
    *chunks, last = client.chat.completions.create(
        **request, stream=True, stream_options={"include_usage": True}
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == whole.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == "length"
    assert last.usage.completion_tokens > 0


def test_a_model_it_does_not_have_is_not_found(client):
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="gpt-4o-mini", messages=HELLO)
