"""A chat-completion request becomes a Call; what is wrong is named by its field."""

from typing import Any

import orjson
import pytest

from xroute.dialects.openai.parse import MAX_MODELS, parse
from xroute.errors import InvalidPrompt, InvalidRequest
from xroute.wire.call import Call

HI = [{"role": "user", "content": "Hi"}]


def call(**fields: Any) -> Call:
    return parse(orjson.dumps({"model": "m", "messages": HI} | fields))


def refusal(raw: bytes | dict[str, Any]) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        parse(raw if isinstance(raw, bytes) else orjson.dumps(raw))
    return caught.value


def content(*parts: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


def test_the_smallest_request_is_a_call():
    made = call()
    assert made.body == {"model": "m", "messages": HI}
    assert (made.models, made.stream, made.include_usage) == (("m",), False, False)
    assert (made.abilities, made.max_tokens, made.timeouts) == (frozenset(), 0, {})
    assert made.provider is None


def test_unknown_fields_are_kept():
    assert call(top_k=5, brand_new={"a": [1]}).body["brand_new"] == {"a": [1]}


@pytest.mark.parametrize(
    ("fields", "models"),
    [
        ({"model": "a"}, ("a",)),
        ({"model": "a", "models": ["b", "c"]}, ("a", "b", "c")),
        ({"model": "a", "models": ["a", "b", "a"]}, ("a", "b")),
        ({"model": None, "models": ["b"]}, ("b",)),
        ({"model": "", "models": ["b"]}, ("b",)),
        ({"model": "a", "models": []}, ("a",)),
        ({"model": "a", "models": None}, ("a",)),
    ],
)
def test_models_are_tried_in_the_order_given_each_once(fields, models):
    assert call(**fields).models == models


def test_a_stream_may_ask_for_usage():
    assert call(stream=True).stream
    assert not call(stream=None).stream
    assert call(stream=True, stream_options={"include_usage": True}).include_usage
    assert not call(stream=True, stream_options={"include_usage": False}).include_usage
    assert not call(stream=True, stream_options=None).include_usage


@pytest.mark.parametrize(
    ("fields", "abilities"),
    [
        ({"tools": [{"type": "function"}]}, {"tools"}),
        ({"tools": []}, set()),
        ({"functions": [{"name": "f"}]}, {"tools"}),
        ({"logprobs": True}, {"logprobs"}),
        ({"logprobs": False}, set()),
        ({"response_format": {"type": "json_schema"}}, {"json_schema"}),
        ({"response_format": {"type": "json_object"}}, {"json_mode"}),
        ({"response_format": {"type": "text"}}, set()),
        ({"response_format": None}, set()),
        ({"modalities": ["text", "audio"]}, {"audio_out"}),
        ({"messages": content({"type": "image_url", "image_url": {"url": "https://i.test"}})}, {"image"}),
        (
            {"messages": content({"type": "input_audio", "input_audio": {}}, {"type": "file"})},
            {"audio", "file"},
        ),
        ({"messages": content({"type": "video_url"}, {"type": "text", "text": "x"})}, {"video"}),
        ({"messages": content({"type": "something_new"})}, set()),
    ],
)
def test_a_call_says_which_abilities_it_needs(fields, abilities):
    assert call(**fields).abilities == abilities


def test_the_newer_name_of_the_output_limit_is_stronger():
    assert call(max_tokens=5).max_tokens == 5
    assert call(max_tokens=5, max_completion_tokens=7).max_tokens == 7
    assert call(max_tokens=None).max_tokens == 0


def test_images_do_not_count_as_text():
    picture = "data:image/png;base64," + "A" * 100_000
    heavy = call(messages=content({"type": "image_url", "image_url": {"url": picture}}))
    assert heavy.text_bytes < 200
    named = call(messages=content({"type": "image_url", "image_url": picture}))
    assert named.text_bytes < 200
    assert call(messages=content({"type": "text", "text": "A" * 1000})).text_bytes > 1000


def test_text_is_counted_in_bytes():
    assert call(messages=[{"role": "user", "content": "ü" * 1000}]).text_bytes > 2000


def test_timeouts_of_the_request_are_seconds():
    assert call(timeouts={"total": 5, "first_token": 0.5}).timeouts == {"total": 5.0, "first_token": 0.5}
    assert call(timeouts=None).timeouts == {}


def test_the_provider_object_is_left_to_the_policy():
    assert call(provider={"anything": 1}).provider == {"anything": 1}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"  \n",
        b"{",
        b"nonsense",
        b"\xff\xfe",
        b'{"a": NaN}',
        b"[" * 5000,
        b'"\\ud800"',
        b"{'model': 'm'}",
    ],
)
def test_what_is_no_json_is_said_to_be_none(raw):
    error = refusal(raw)
    assert (error.code, error.param) == ("invalid_json", None)


@pytest.mark.parametrize("raw", [b"[]", b"null", b"7", b'"text"', b"true"])
def test_json_that_is_no_object_is_refused(raw):
    assert refusal(raw).message == "The request body must be a JSON object."


def test_the_place_of_a_slip_is_named():
    assert "(line 2, column " in refusal(b'{"model": "m",\n "messages" []}').message


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"model": 7}, "model"),
    ({"model": ["m"]}, "model"),
    ({"model": ""}, "model"),
    ({"model": None}, "model"),
    ({"models": "m"}, "models"),
    ({"models": ["a", 1]}, "models"),
    ({"models": ["a", ""]}, "models"),
    ({"models": [str(n) for n in range(MAX_MODELS)]}, "models"),
    ({"messages": None}, "messages"),
    ({"messages": "Hi"}, "messages"),
    ({"messages": {}}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": ["Hi"]}, "messages[0]"),
    ({"messages": [*HI, None]}, "messages[1]"),
    ({"messages": [{"content": "Hi"}]}, "messages[0].role"),
    ({"messages": [{"role": "", "content": "Hi"}]}, "messages[0].role"),
    ({"messages": [{"role": 1, "content": "Hi"}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": {}}]}, "messages[0].content"),
    ({"messages": content("Hi")}, "messages[0].content[0]"),
    ({"messages": content({"type": "text"}, {"type": 7})}, "messages[0].content[1].type"),
    ({"stream": "yes"}, "stream"),
    ({"stream": 1}, "stream"),
    ({"stream_options": True}, "stream_options"),
    ({"tools": {}}, "tools"),
    ({"tool_choice": 1}, "tool_choice"),
    ({"response_format": "json"}, "response_format"),
    ({"temperature": "hot"}, "temperature"),
    ({"temperature": True}, "temperature"),
    ({"n": 1.5}, "n"),
    ({"n": 0}, "n"),
    ({"n": True}, "n"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_tokens": -1}, "max_tokens"),
    ({"max_tokens": 1e30}, "max_tokens"),
    ({"max_completion_tokens": "5"}, "max_completion_tokens"),
    ({"stop": 1}, "stop"),
    ({"user": 7}, "user"),
    ({"metadata": []}, "metadata"),
    ({"modalities": "audio"}, "modalities"),
    ({"logit_bias": []}, "logit_bias"),
    ({"timeouts": 5}, "timeouts"),
    ({"timeouts": {"all": 5}}, "timeouts.all"),
    ({"timeouts": {"total": 0}}, "timeouts.total"),
    ({"timeouts": {"total": -1}}, "timeouts.total"),
    ({"timeouts": {"total": True}}, "timeouts.total"),
    ({"timeouts": {"total": "5"}}, "timeouts.total"),
    ({"timeouts": {"total": None}}, "timeouts.total"),
    ({"timeouts": {"total": 1e9}}, "timeouts.total"),
]


@pytest.mark.parametrize(("fields", "param"), WRONG, ids=lambda value: str(value)[:50])
def test_what_is_wrong_is_named_by_its_field(fields, param):
    error = refusal({"model": "m", "messages": HI} | fields)
    assert error.param == param
    assert error.message.startswith(f"`{param}` ")
    assert error.code in ("invalid_value", "missing_field")
    assert isinstance(error, InvalidPrompt) == param.startswith("messages")


def test_a_field_that_is_missing_has_a_code_of_its_own():
    assert refusal({"model": "m"}).code == "missing_field"
    assert refusal({"messages": HI}).code == "missing_field"
    assert refusal({"model": "m", "messages": []}).code == "invalid_value"
