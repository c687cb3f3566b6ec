"""What the simulator refuses, and how it says so."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.sim.asking import HELLO, PLAIN, answer, completion, refusal

from xroute.sim.ask import SimRequest
from xroute.sim.plan import Profile
from xroute.sim.script import script
from xroute.sim.steps import Bytes, Head

MISSING = "missing_required_parameter"
TOOL = {"type": "function", "function": {"name": "f"}}
OTHER = {"type": "function", "function": {"name": "g"}}
WRONG = [
    ({"messages": []}, "messages", "empty_array"),
    ({"messages": "hi"}, "messages", "invalid_type"),
    ({"messages": ["hi"]}, "messages[0]", "invalid_type"),
    ({"messages": [{"content": "hi"}]}, "messages[0].role", MISSING),
    ({"messages": [*HELLO, {"role": "robot"}]}, "messages[1].role", "invalid_value"),
    ({"messages": [{"role": "user"}]}, "messages[0].content", "invalid_type"),
    (
        {"messages": [{"role": "user", "content": [{"type": "smell"}]}]},
        "messages[0].content[0]",
        "invalid_value",
    ),
    (
        {"messages": [{"role": "tool", "content": "x"}]},
        "messages[0].tool_call_id",
        "missing_required_parameter",
    ),
    ({"messages": [{"role": "assistant", "tool_calls": 3}]}, "messages[0].tool_calls", "invalid_type"),
    ({"model": ""}, "model", None),
    ({"model": 3}, "model", None),
    ({"stream": "yes"}, "stream", "invalid_type"),
    ({"n": 0}, "n", "integer_below_min_value"),
    ({"n": 129}, "n", "integer_above_max_value"),
    ({"n": 1.5}, "n", "invalid_type"),
    ({"max_tokens": 0}, "max_tokens", "integer_below_min_value"),
    ({"temperature": 3}, "temperature", "invalid_value"),
    ({"temperature": "hot"}, "temperature", "invalid_type"),
    ({"tools": []}, "tools", "empty_array"),
    ({"tools": [{"type": "drill"}]}, "tools[0].type", "invalid_value"),
    ({"tools": [{"type": "function"}]}, "tools[0].function", MISSING),
    (
        {"tools": [{"type": "function", "function": {}}]},
        "tools[0].function.name",
        "missing_required_parameter",
    ),
    ({"tool_choice": "auto"}, "tool_choice", None),
    ({"tools": [TOOL], "tool_choice": "maybe"}, "tool_choice", "invalid_value"),
    (
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}},
        "tool_choice",
        "invalid_value",
    ),
    ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_value"),
    (
        {"response_format": {"type": "json_schema"}},
        "response_format.json_schema.schema",
        "missing_required_parameter",
    ),
    ({"top_logprobs": 2}, "top_logprobs", None),
    ({"functions": []}, "functions", "unsupported_parameter"),
    ({"modalities": ["audio"]}, "modalities", "unsupported_value"),
]


@pytest.mark.parametrize(("body", "param", "code"), WRONG)
def test_a_wrong_request_is_refused_as_openai_refuses_it(body, param, code):
    error = refusal(**body)
    assert (error["param"], error["code"], error["type"]) == (param, code, "invalid_request_error")
    assert error["message"]


def raw(data, path="/v1/chat/completions", method="POST"):
    steps = list(script(SimRequest(method, path, {}, data), PLAIN, 1, 0.0))
    return steps[0].status, orjson.loads(b"".join(step.data for step in steps if isinstance(step, Bytes)))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(data):
    status, body = raw(data)
    assert (status, body["error"]["type"]) == (400, "invalid_request_error")


def test_deep_nesting_is_refused():
    deep = b'{"a":' * 300 + b"1" + b"}" * 300
    status, _ = raw(b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": ' + deep + b"}")
    assert status == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/models", 200),
        ("GET", "/models", 200),
        ("GET", "/v1/models/some/model", 200),
        ("GET", "/v1/models?limit=3", 200),
        ("GET", "/healthz", 200),
        ("POST", "/v1/models", 405),
        ("GET", "/v1/chat/completions", 405),
        ("POST", "/v1/fine_tuning/jobs", 404),
        ("GET", "/", 404),
    ],
)
def test_each_address_has_its_status(method, path, status):
    assert raw(b"", path, method)[0] == status


def test_the_models_of_the_profile_are_listed():
    request = SimRequest("GET", "/v1/models", {})
    _, body, _ = script(request, Profile(models=("a", "b")), 0, 0.0)
    listed = orjson.loads(body.data)
    assert listed["object"] == "list"
    assert [(model["id"], model["object"]) for model in listed["data"]] == [("a", "model"), ("b", "model")]


@pytest.mark.parametrize(
    "controls",
    [
        {"x-sim-fault": "status_418"},
        {"x-sim-fault": "status_429; retry_after=soon"},
        {"x-sim-tokens": "many"},
        {"x-sim-tokens": "100000000"},
        {"x-sim-retry-after": "1"},
        {"x-sim-models": "a"},
    ],
)
def test_a_wrong_control_is_refused(controls):
    assert refusal(headers=controls)["code"] == "invalid_control"


def test_controls_in_the_model_name_do_what_headers_do():
    by_header = answer(headers={"x-sim-fault": "status_429; retry_after=7"})
    assert by_header == answer(model="gpt-5#fault=status_429&retry_after=7")
    assert by_header[0] == 429
    assert answer(headers={"x-sim-fault": "status_500:every=2"}, number=1)[0] == 200
    assert answer(headers={"x-sim-fault": "status_500:every=2"}, number=2)[0] == 500


def test_a_control_switches_the_profiles_faults_off():
    profile = Profile.from_dict({"faults": ["status_500"]})
    assert answer(profile)[0] == 500
    assert answer(profile, headers={"x-sim-fault": "none"})[0] == 200


def test_the_model_is_named_without_its_controls():
    assert completion(model="gpt-5#tokens=3")["model"] == "gpt-5"


words = st.sampled_from(["", "user", "auto", "type", "role"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 999) | st.floats(-9, 9) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner),
    max_leaves=6,
)
FIELDS = (
    "messages tools tool_choice response_format n stop stream_options max_tokens logprobs top_logprobs "
    "reasoning_effort parallel_tool_calls model seed stream temperature modalities"
)


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(FIELDS.split()), anything, max_size=5))
def test_no_body_gets_anything_but_an_answer_or_a_refusal(body):
    body = {"model": "m", "messages": HELLO, "tools": [TOOL], **body}
    steps = list(script(SimRequest("POST", "/v1/chat/completions", {}, orjson.dumps(body)), PLAIN, 1, 0.0))
    assert isinstance(steps[0], Head)
    assert steps[0].status in (200, 400)
