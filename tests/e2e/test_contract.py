"""What the gateway sends to OpenAI, judged by a server of OpenAI's own API document.

The server (`steady`) answers 400 with the place for every request that breaks the document.
"""

import lzma
import shutil

import openai
import pytest
from openai.types.chat import completion_create_params
from tests.e2e.servers import ROOT, gateway, serving
from tests.e2e.tap import tapping
from tests.e2e.test_openai import HELLO, WEATHER, picture
from tests.ports import free_port

DOCUMENT = ROOT.parent / "shared/contracts/openai-openapi-2.3.0.yaml.xz"
STEADY = ROOT / "tests/e2e/js/node_modules/.bin/steady"
# Ours (`models`, `provider`, `timeouts`, `usage`, `session_id`) are not among these.
KNOWN = completion_create_params.CompletionCreateParamsBase.__annotations__.keys() | {"stream"}

MINI = {"model": "gpt-4o-mini", "messages": HELLO}
THINKING = {"model": "gpt-5", "messages": HELLO}
SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "city", "strict": True, "schema": WEATHER["function"]["parameters"]},
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
TURN = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Oslo?"}], "name": "ada"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    {"role": "assistant", "content": "Rain.", "refusal": None},
    {"role": "user", "content": "Thanks"},
]
SOUND = {"type": "input_audio", "input_audio": {"data": "UklGRiQAAABXQVZF", "format": "wav"}}
PAPER = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}}
GRAMMAR = {
    "type": "custom",
    "custom": {
        "name": "sums",
        "format": {"type": "grammar", "grammar": {"definition": "start: /1+/", "syntax": "lark"}},
    },
}

REQUESTS = {
    "plain": MINI,
    "alias with provider": {**MINI, "model": "openai/gpt-4o-mini"},
    "sampling": {
        **MINI,
        "temperature": 0.3,
        "top_p": 0.9,
        "frequency_penalty": 1,
        "presence_penalty": -1,
        "seed": 7,
    },
    "max_tokens": {**MINI, "max_tokens": 20},
    "max_completion_tokens": {**MINI, "max_completion_tokens": 20},
    "max_tokens of a reasoning model": {**THINKING, "max_tokens": 2000},
    "both limits": {**MINI, "max_tokens": 20, "max_completion_tokens": 30},
    "n": {**MINI, "n": 3},
    "one stop": {**MINI, "stop": "end"},
    "stops": {**MINI, "stop": ["end", "stop"]},
    "no stop": {**MINI, "stop": None},
    "logprobs": {**MINI, "logprobs": True, "top_logprobs": 5},
    "logit_bias": {**MINI, "logit_bias": {"50256": -100}},
    "metadata": {**MINI, "metadata": {"team": "a"}, "store": True, "user": "ada"},
    "tier": {**MINI, "service_tier": "flex", "safety_identifier": "hash", "prompt_cache_key": "k"},
    "prediction": {**MINI, "prediction": {"type": "content", "content": "Hello"}},
    "search": {**MINI, "web_search_options": {"search_context_size": "low"}},
    "developer": {**THINKING, "messages": [{"role": "developer", "content": "Be brief."}, *HELLO]},
    "developer of an older model": {**MINI, "messages": [{"role": "developer", "content": "Hi"}, *HELLO]},
    "reasoning_effort": {**THINKING, "reasoning_effort": "low", "verbosity": "low"},
    "a whole turn": {**MINI, "messages": TURN, "tools": [WEATHER]},
    "tools": {**MINI, "tools": [WEATHER], "tool_choice": "auto", "parallel_tool_calls": False},
    "a named tool": {
        **MINI,
        "tools": [WEATHER],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
    },
    "a custom tool": {**THINKING, "tools": [GRAMMAR]},
    "functions of old": {**MINI, "functions": [WEATHER["function"]], "function_call": "auto"},
    "json_object": {**MINI, "response_format": {"type": "json_object"}},
    "json_schema": {**MINI, "response_format": SCHEMA},
    "vision": {**MINI, "messages": picture()},
    "audio in": {"model": "gpt-audio", "messages": [{"role": "user", "content": [SOUND]}]},
    "audio out": {
        "model": "gpt-audio",
        "messages": HELLO,
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "mp3"},
    },
    "file": {**MINI, "messages": [{"role": "user", "content": [PAPER]}]},
    "fallback list": {**MINI, "models": ["openai/gpt-4o", "gpt-5"]},
    "preferences": {
        **MINI,
        "provider": {
            "order": ["openai"],
            "only": ["openai"],
            "ignore": ["groq"],
            "allow_fallbacks": True,
            "sort": "price",
            "max_price": {"prompt": 5, "completion": 20},
        },
    },
    "timeouts": {**MINI, "timeouts": {"connect": 3, "total": 60}},
    "usage and session": {**MINI, "usage": {"include": True}, "session_id": "s-1"},
}


@pytest.fixture(scope="module")
def tap(tmp_path_factory):
    """In front of the server of the document."""
    if not DOCUMENT.is_file():
        pytest.skip("OpenAI's API document is not beside the repository")
    if shutil.which("node") is None or not STEADY.is_file():
        pytest.skip("the npm package @stdy/cli is not installed: `make test` does that where npm is")
    folder = tmp_path_factory.mktemp("steady")
    (folder / "openapi.yaml").write_bytes(lzma.decompress(DOCUMENT.read_bytes()))
    port = free_port()
    command = [str(STEADY), "--host", "127.0.0.1", "-p", str(port), "--quiet", "openapi.yaml"]
    with serving(command, port, folder), tapping(port) as tap:
        yield tap


@pytest.fixture(scope="module")
def client(tap, tmp_path_factory):
    address = f"http://127.0.0.1:{tap.port}"
    config = {"providers": {"openai": {"api_key": "sk-upstream", "base_url": address}}}
    folder = tmp_path_factory.mktemp("contract")
    with (
        gateway(folder, config) as server,
        openai.OpenAI(api_key=server.key, base_url=server.url, max_retries=0) as client,
    ):
        yield client


@pytest.mark.parametrize("name", REQUESTS)
def test_openais_document_accepts_the_request_and_the_answer_is_one(tap, client, name):
    answer = client.post("/chat/completions", body=REQUESTS[name], cast_to=object)
    passed = tap.passed[-1]
    assert passed.headers["x-steady-request-valid"] == "true"
    assert passed.status == 200
    assert passed.body.keys() <= KNOWN
    assert answer["object"] == "chat.completion"


@pytest.mark.parametrize("name", REQUESTS)
def test_openais_document_accepts_the_request_for_a_stream(tap, client, name):
    before = len(tap.passed)
    body = {**REQUESTS[name], "stream": True}
    # The document's streams are random and do not end as OpenAI's do, so their content is not judged here.
    with client.chat.completions.with_streaming_response.create(
        extra_body=body, model="", messages=[]
    ) as raw:
        raw.read()
    [passed] = tap.passed[before:]
    assert passed.headers["x-steady-request-valid"] == "true"
    assert passed.headers["x-steady-streaming"] == "true"
    assert passed.body.keys() <= KNOWN
    assert passed.body["stream_options"] == {"include_usage": True}


def test_a_request_that_breaks_the_document_is_told_apart(tap, client):
    """The judge has teeth: what the gateway does not check itself comes back from there."""
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(**MINI, service_tier="golden")
    assert tap.passed[-1].headers["x-steady-error-1-path"] == "body.service_tier"
