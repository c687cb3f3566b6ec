"""Answers and errors as a client of the Responses API reads them."""

import orjson
import pytest
from tests.unit.dialects.openai_responses.answering import OWN, SIGNED, body_of, call_of, kinds, stream, write
from tests.unit.dialects.openai_responses.compliance import check

from xroute.dialects.openai_responses import compact, seal
from xroute.dialects.openai_responses.parse import parse
from xroute.errors import ProviderUnavailable, RateLimited


def test_an_answer_has_every_field_that_the_api_asks_for():
    said = write({"content": "Hello"})
    assert (said["id"], said["object"], said["status"], said["model"]) == (
        "resp_0a",
        "response",
        "completed",
        "up",
    )
    assert (said["created_at"], said["completed_at"]) == (9, 9)
    assert said["output"][0]["content"] == [
        {"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}
    ]
    assert said["usage"] == {
        "input_tokens": 20,
        "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 0},
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 29,
        "cost": 0.25,
    }


def test_the_request_is_repeated():
    tool = {"type": "function", "name": "f", "parameters": {"type": "object"}}
    call = call_of(
        instructions="Be brief.", tools=[tool], tool_choice="required", temperature=0.5, metadata={"a": "b"},
        reasoning={"effort": "low"}, text={"verbosity": "low"}, max_output_tokens=99, store=False, top_p=0.9,
        parallel_tool_calls=False, prompt_cache_key="k", truncation="auto", service_tier="auto",
    )  # fmt: skip
    said = write({"content": "x"}, call=call)
    assert said["tools"] == [tool | {"description": None, "strict": None}]
    for name in (
        "instructions",
        "tool_choice",
        "temperature",
        "metadata",
        "max_output_tokens",
        "store",
        "top_p",
    ):
        assert said[name] == call.surface.echoed[name]
    assert said["reasoning"] == {"effort": "low", "summary": None}
    assert said["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert said["service_tier"] == "default"


@pytest.mark.parametrize(
    ("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_an_answer_that_was_cut_short_is_incomplete(finish, reason):
    said = write({"content": "Hel"}, finish)
    assert (said["status"], said["incomplete_details"], said["completed_at"]) == (
        "incomplete",
        {"reason": reason},
        None,
    )
    assert said["output"][0]["status"] == "incomplete"
    events = stream({"content": "Hel"}, finish=finish)
    assert events[-1]["type"] == "response.incomplete"
    assert events[-1]["response"]["incomplete_details"] == {"reason": reason}


def test_a_refusal_is_a_part_of_its_own():
    said = write({"refusal": "No."})
    assert said["output"][0]["content"] == [{"type": "refusal", "refusal": "No."}]
    events = stream({"refusal": "N"}, {"refusal": "o."})
    assert events[-1]["response"]["output"][0]["content"] == [{"type": "refusal", "refusal": "No."}]
    assert "refusal.done" in kinds(events)


def test_calls_are_items():
    calls = [
        {"id": f"c{n}", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}} for n in (1, 2)
    ]
    first, second = write({"tool_calls": calls}, "tool_calls")["output"]
    assert first == {
        "id": "fc_0a00", "type": "function_call", "status": "completed", "call_id": "c1", "name": "f",
        "arguments": '{"a":1}',
    }  # fmt: skip
    assert second["call_id"] == "c2"


def test_free_text_comes_back_from_a_function_that_stood_for_it():
    call = call_of(tools=[{"type": "custom", "name": "patch"}])
    text = '*** Begin\n"x"'
    arguments = orjson.dumps({"input": text}).decode()
    made = {"id": "c1", "type": "function", "function": {"name": "patch", "arguments": arguments}}
    (item,) = write({"tool_calls": [made]}, "tool_calls", call)["output"]
    assert item == {
        "id": "ctc_0a00", "type": "custom_tool_call", "status": "completed", "call_id": "c1", "name": "patch",
        "input": text,
    }  # fmt: skip
    start = {"index": 0, "id": "c1", "type": "function", "function": {"name": "patch", "arguments": ""}}
    pieces = [{"index": 0, "function": {"arguments": letter}} for letter in arguments]
    events = stream(*({"tool_calls": [piece]} for piece in (start, *pieces)), call=call)
    assert [e["delta"] for e in events if e["type"] == "response.custom_tool_call_input.delta"] == [text]
    assert events[-1]["response"]["output"] == [item]


@pytest.mark.parametrize("arguments", ["just text", '{"patch": "just text"}', '{"input": "just text"}'])
def test_a_model_may_name_the_free_text_as_it_likes(arguments):
    call = call_of(tools=[{"type": "custom", "name": "patch"}])
    made = {"id": "c1", "type": "function", "function": {"name": "patch", "arguments": arguments}}
    assert write({"tool_calls": [made]}, "tool_calls", call)["output"][0]["input"] == "just text"


def test_a_namespaces_tool_has_its_own_name_again():
    call = call_of(
        tools=[{"type": "namespace", "name": "crm", "tools": [{"type": "function", "name": "find"}]}]
    )
    made = {"id": "c1", "type": "function", "function": {"name": "crm__find", "arguments": "{}"}}
    (item,) = call_output(call, made)
    assert (item["namespace"], item["name"]) == ("crm", "find")


def call_output(call, made):
    return orjson.loads(call.surface.write(body_of({"tool_calls": [made]}, "tool_calls")))["output"]


def test_reasoning_is_shown_as_a_summary_and_comes_back_unchanged():
    details = [SIGNED, {**SIGNED, "type": "reasoning.encrypted", "text": None, "data": "x", "index": 1}]
    said = write({"content": "Hello", "reasoning": "hm", "reasoning_details": details})
    thought, _ = said["output"]
    assert thought["summary"] == [{"type": "summary_text", "text": "hm"}]
    call = parse(
        orjson.dumps({"model": "m", "input": [*said["output"], {"role": "user", "content": "And?"}]})
    )
    assert call.body["messages"][0]["reasoning_details"] == details


def test_openais_own_reasoning_is_written_as_it_was():
    details = [
        {"type": "reasoning.summary", "summary": "hm", "format": OWN, "index": 0, "id": "rs_9"},
        {"type": "reasoning.encrypted", "data": "gAAA", "format": OWN, "index": 1, "id": "rs_9"},
    ]
    thought = write({"content": "x", "reasoning": "hm", "reasoning_details": details})["output"][0]
    assert thought == {
        "id": "rs_9", "type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}],
        "encrypted_content": "gAAA",
    }  # fmt: skip


def test_reasoning_that_says_no_more_than_its_text_needs_no_seal():
    thought = write({"content": "x", "reasoning": "hm"})["output"][0]
    assert "encrypted_content" not in thought


def test_citations_are_annotations_of_their_text():
    cited = {"url": "https://e.org", "title": "E", "start_index": 0, "end_index": 5}
    said = write({"content": "Hello", "annotations": [{"type": "url_citation", "url_citation": cited}]})
    assert said["output"][0]["content"][0]["annotations"] == [{"type": "url_citation", **cited}]
    events = stream({"content": "Hello"}, {"annotations": [{"type": "url_citation", "url_citation": cited}]})
    assert "output_text.annotation.added" in kinds(events)
    assert events[-1]["response"]["output"][0]["content"][0]["annotations"][0]["url"] == "https://e.org"


def test_items_of_the_api_come_out_as_they_went_in_and_in_their_order():
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}}
    noted = {
        "type": "xroute.order",
        "order": ["message", "native", "message", "call"],
        "messages": [{"length": 4, "phase": "commentary"}, {"length": 4, "phase": "final_answer"}],
    }
    made = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"content": "Wait\n\nDone", "native_content": [search, noted], "tool_calls": [made]}
    output = orjson.loads(call_of().surface.write(body_of(message)))["output"]
    assert [item["type"] for item in output] == ["message", "web_search_call", "message", "function_call"]
    assert [item["content"][0]["text"] for item in output if item["type"] == "message"] == ["Wait", "Done"]
    assert [item["phase"] for item in output if item["type"] == "message"] == ["commentary", "final_answer"]
    assert output[1] == search


def test_another_makers_blocks_come_back_unchanged():
    block = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
    said = write({"content": "x", "native_content": [block]})
    call = parse(
        orjson.dumps({"model": "m", "input": [*said["output"], {"role": "user", "content": "And?"}]})
    )
    native = call.body["messages"][0]["native_content"]
    assert block in native


def test_a_picture_is_a_generated_image():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    output = orjson.loads(call_of().surface.write(body_of({"content": "x", "images": [image]})))["output"]
    assert output[1] == {
        "id": "ig_0a01", "type": "image_generation_call", "status": "completed", "output_format": "png",
        "result": "AAAA",
    }  # fmt: skip


def test_an_empty_answer_is_an_empty_message():
    assert write({})["output"][0]["content"][0]["text"] == ""


def test_an_error_has_openais_shape_and_our_word_twice():
    body = orjson.loads(call_of().surface.refuse(RateLimited("slow down"), "req-1"))
    assert body["error_type"] == body["error"]["metadata"]["error_type"] == "rate_limit_exceeded"
    assert body["error"]["message"] == "slow down"


def test_a_compaction_holds_the_users_messages_and_a_summary():
    raw = orjson.dumps(
        {
            "model": "m",
            "input": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello"},
                {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "17"},
            ],
        }
    )
    call = compact.parse(raw, response_id="resp_0a")
    told = call.body["messages"][1]["content"]
    assert all(word in told for word in ("Hi", "Hello", "<assistant calls f, c1>", "17"))
    assert "tools" not in call.body
    made = orjson.loads(call.surface.write(body_of({"content": "They met."})))
    check(made)
    message, item = made["output"]
    assert message["content"] == [{"type": "input_text", "text": "Hi"}]
    assert seal.unseal(item["encrypted_content"]) == {"summary": "They met."}
    with pytest.raises(ProviderUnavailable):
        call.surface.write(body_of({"content": " "}))
