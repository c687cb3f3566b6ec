"""What the simulator answers, judged by the openai SDK's own types."""

import json

import jsonschema
import orjson
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from tests.unit.sim.asking import HELLO, chunks, completion, content, refusal

from xroute.sim.plan import Profile

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": CITY}}
CLOCK = {"type": "function", "function": {"name": "clock"}}
SHELL = {"type": "custom", "custom": {"name": "shell"}}
FORM = {"type": "json_schema", "json_schema": {"name": "city", "strict": True, "schema": CITY}}
CALLED = [
    *HELLO,
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "c", "content": "sunny"},
]
SEEN = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4000}},
        ],
    }
]
CASES = {
    "plain": {},
    "one token": {"max_tokens": 1},
    "cut": {"max_completion_tokens": 20},
    "choices": {"n": 3},
    "logprobs": {"logprobs": True, "top_logprobs": 3},
    "reasoning": {"reasoning_effort": "low"},
    "reasoning alone": {"reasoning_effort": "high", "max_completion_tokens": 50},
    "tools": {"tools": [WEATHER, CLOCK]},
    "tools, several choices": {"tools": [WEATHER, CLOCK], "n": 2, "reasoning_effort": "minimal"},
    "parallel tools": {"tools": [WEATHER, CLOCK], "parallel_tool_calls": True},
    "custom tool": {"tools": [SHELL]},
    "cut tool call": {"tools": [WEATHER], "max_tokens": 3},
    "tool answered": {"tools": [WEATHER], "messages": CALLED},
    "JSON object": {"response_format": {"type": "json_object"}},
    "JSON schema": {"response_format": FORM},
    "stop": {"stop": ["simulator"]},
    "image": {"messages": SEEN},
    "usage": {"stream_options": {"include_usage": True}},
}


def assembled(events):
    """The choices that a stream's events add up to, as [content, reasoning, calls, finish]."""
    found = {}
    for choice in (choice for event in events for choice in event["choices"]):
        whole = found.setdefault(choice["index"], ["", "", {}, None])
        delta = choice["delta"]
        whole[0] += delta.get("content") or ""
        whole[1] += delta.get("reasoning_content") or ""
        whole[3] = choice["finish_reason"] or whole[3]
        for call in delta.get("tool_calls") or []:
            name, text = whole[2].get(call["index"], ("", ""))
            part = call.get("function") or call.get("custom")
            text += part.get("arguments", "") + part.get("input", "")
            whole[2][call["index"]] = (name + part.get("name", ""), text)
    return found


def stated(answer):
    """The choices of a whole answer, in the same form."""
    found = {}
    for choice in answer["choices"]:
        message = choice["message"]
        parts = [call.get("function") or call.get("custom") for call in message.get("tool_calls", [])]
        calls = {i: (p["name"], p.get("arguments", p.get("input"))) for i, p in enumerate(parts)}
        texts = [message["content"] or "", message.get("reasoning_content", "")]
        found[choice["index"]] = [*texts, calls, choice["finish_reason"]]
    return found


@pytest.mark.parametrize("name", CASES)
def test_an_answer_is_what_the_sdk_expects(name):
    ChatCompletion.model_validate(completion(**CASES[name]), strict=True)


@pytest.mark.parametrize("name", sorted(CASES.keys() - {"custom tool"}))  # the SDK has no type for its events
def test_every_event_is_what_the_sdk_expects(name):
    for chunk in chunks(**CASES[name]):
        ChatCompletionChunk.model_validate(chunk, strict=True)


@pytest.mark.parametrize("name", CASES)
def test_a_stream_says_what_the_whole_answer_says(name):
    assert assembled(chunks(**CASES[name])) == stated(completion(**CASES[name]))


@pytest.mark.parametrize("name", CASES)
def test_the_tokens_add_up(name):
    usage = completion(**CASES[name])["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    limit = CASES[name].get("max_tokens") or CASES[name].get("max_completion_tokens")
    assert 0 < usage["completion_tokens"] <= (limit or 1000)


def test_the_answer_says_that_it_is_simulated():
    text = completion()["choices"][0]["message"]["content"]
    assert text.startswith("This is the xroute simulator, not a language model.")
    form = completion(response_format={"type": "json_object"})["choices"][0]["message"]["content"]
    assert json.loads(form)["is_simulated"] is True


def test_equal_requests_have_equal_answers_and_others_have_others():
    assert completion() == completion()
    other = completion(messages=[{"role": "user", "content": "Say goodbye."}])
    assert completion()["choices"] != other["choices"]


def test_the_seed_of_profile_request_or_control_changes_the_answer():
    answers = [
        completion(),
        completion(profile=Profile(seed=1)),
        completion(seed=1),
        completion(headers={"x-sim-seed": "2"}),
    ]
    assert len({answer["choices"][0]["message"]["content"] for answer in answers}) == 4


def test_deployments_that_stand_in_for_each_other_say_the_same():
    one, other = completion(model="a"), completion(model="b")
    assert one["choices"] == other["choices"]
    assert (one["model"], other["model"]) == ("a", "b")


def test_the_length_is_the_profiles_or_the_controls():
    assert completion()["usage"]["completion_tokens"] == 48
    assert completion(profile=Profile(output_tokens=7))["usage"]["completion_tokens"] == 7
    assert completion(headers={"x-sim-tokens": "333"})["usage"]["completion_tokens"] == 333
    assert completion(model="m#tokens=20&tps=1000")["usage"]["completion_tokens"] == 20


def test_a_limit_cuts_the_answer_and_says_so():
    whole, cut = completion()["choices"][0], completion(max_tokens=20)["choices"][0]
    assert (whole["finish_reason"], cut["finish_reason"]) == ("stop", "length")
    assert whole["message"]["content"].startswith(cut["message"]["content"])


def test_a_limit_that_is_not_reached_changes_nothing():
    assert completion(max_tokens=48)["choices"] == completion()["choices"]


def test_a_stop_sequence_ends_the_text_before_it():
    choice = completion(stop=["language", " xroute sim"])["choices"][0]
    assert choice["message"]["content"] == "This is the"
    assert choice["finish_reason"] == "stop"


def test_choices_differ():
    texts = {choice["message"]["content"] for choice in completion(n=3)["choices"]}
    assert len(texts) == 3


def test_the_choices_of_a_stream_take_turns():
    order = [chunk["choices"][0]["index"] for chunk in chunks(n=2)]
    assert order[:6] == [0, 1, 0, 1, 0, 1]


def test_a_stream_begins_with_the_role_and_ends_with_the_reason():
    events = chunks()
    assert events[0]["choices"][0]["delta"]["role"] == "assistant"
    assert events[-1]["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}


def test_a_stream_gives_usage_where_it_is_asked_for_and_only_there():
    assert all("usage" not in chunk for chunk in chunks())
    *events, last = chunks(stream_options={"include_usage": True})
    assert {chunk["usage"] for chunk in events} == {None}
    assert (last["choices"], last["usage"]) == ([], completion()["usage"])


def test_logprobs_stand_beside_each_token():
    choice = completion(logprobs=True, top_logprobs=2, max_tokens=9)["choices"][0]
    tokens = choice["logprobs"]["content"]
    assert "".join(token["token"] for token in tokens) == choice["message"]["content"]
    assert all(len(token["top_logprobs"]) == 2 and token["logprob"] <= 0 for token in tokens)


def test_reasoning_is_given_when_an_effort_is_set():
    answer = completion(reasoning_effort="low")
    assert answer["choices"][0]["message"]["reasoning_content"]
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == 16
    assert answer["usage"]["completion_tokens"] == 16 + 48


@pytest.mark.parametrize("effort", [None, "none"])
def test_no_reasoning_without_an_effort(effort):
    assert "reasoning_content" not in completion(reasoning_effort=effort)["choices"][0]["message"]


def test_reasoning_that_uses_up_the_limit_leaves_no_text():
    choice = completion(reasoning_effort="high", max_completion_tokens=50)["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("", "length")


def test_a_long_prompt_is_partly_cached():
    usage = completion(messages=[{"role": "user", "content": "word " * 2000}])["usage"]
    assert usage["prompt_tokens"] > 2000
    assert usage["prompt_tokens_details"]["cached_tokens"] == 1152
    assert completion()["usage"]["prompt_tokens_details"]["cached_tokens"] == 0


def test_an_image_costs_tokens_by_its_count_and_not_by_its_bytes():
    assert completion(messages=SEEN)["usage"]["prompt_tokens"] == 3 + 4 + 4 + 85


def calls(**body):
    return [
        (call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in completion(**body)["choices"][0]["message"].get("tool_calls", [])
    ]


def test_a_tool_is_called_with_arguments_that_fit():
    [(name, arguments)] = calls(tools=[WEATHER])
    assert name == "weather"
    jsonschema.validate(arguments, CITY)


def test_a_tool_without_parameters_is_called_with_none():
    assert calls(tools=[CLOCK]) == [("clock", {})]


def test_no_tool_is_called_once_one_has_answered():
    assert calls(tools=[WEATHER], messages=CALLED) == []


def test_no_tool_is_called_where_none_is_wanted():
    assert calls(tools=[WEATHER], tool_choice="none") == []


def test_a_required_tool_is_one_that_was_not_called_yet():
    assert [name for name, _ in calls(tools=[WEATHER, CLOCK], messages=CALLED, tool_choice="required")] == [
        "clock"
    ]


@pytest.mark.parametrize("name", ["weather", "clock"])
def test_a_named_tool_is_called(name):
    choice = {"type": "function", "function": {"name": name}}
    assert [called for called, _ in calls(tools=[WEATHER, CLOCK], tool_choice=choice)] == [name]


@pytest.mark.parametrize(("mode", "count"), [("required", 1), ("auto", 0)])
def test_only_allowed_tools_are_called(mode, count):
    allowed = {"mode": mode, "tools": [{"type": "function", "function": {"name": "clock"}}]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    assert [name for name, _ in calls(tools=[WEATHER, CLOCK], tool_choice=choice)] == ["clock"]
    assert len(calls(tools=[WEATHER, CLOCK], messages=CALLED, tool_choice=choice)) == count


def test_several_tools_are_called_where_that_is_asked_for():
    found = calls(tools=[WEATHER, CLOCK], parallel_tool_calls=True)
    assert [name for name, _ in found] == ["weather", "clock"]


def test_structured_output_fits_its_schema():
    text = completion(response_format=FORM)["choices"][0]["message"]["content"]
    jsonschema.validate(orjson.loads(text), CITY)
    assert content(chunks(response_format=FORM)) == text


def test_a_schema_that_cannot_be_used_is_refused():
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"$ref": "#/nowhere"}}}
    error = refusal(response_format=form)
    assert (error["code"], error["param"]) == ("invalid_schema", "response_format")
    tool = {"type": "function", "function": {"name": "x", "parameters": {"properties": {"a": {"type": 3}}}}}
    assert refusal(tools=[tool], n=20)["param"] == "tools"


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": 3},
        {"required": 3},
        {"properties": {"a": {"minLength": "x"}}, "required": ["a"]},
        {"properties": {"a": {"type": "integer", "multipleOf": 0, "minimum": 1}}, "required": ["a"]},
        {"allOf": [{"$ref": "#/allOf/0"}, {"$ref": "#"}]},
        {"allOf": [{"allOf": [{"$ref": "#"}]}]},
        {"properties": {"a": {"type": "integer", "minimum": 1e300}}, "required": ["a"]},
        {
            "properties": {
                "a": {"items": {"items": {"items": {}, "minItems": 99}, "minItems": 99}, "minItems": 99}
            },
            "required": ["a"],
        },
    ],
)
def test_a_senseless_schema_is_the_callers_mistake(schema):
    tool = {"type": "function", "function": {"name": "x", "parameters": schema}}
    assert refusal(tools=[tool])["code"] == "invalid_schema"
