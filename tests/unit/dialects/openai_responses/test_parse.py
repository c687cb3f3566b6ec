"""Requests of clients of the Responses API in canonical form."""

import orjson
import pytest

from xroute.dialects.openai_responses import seal
from xroute.dialects.openai_responses.parse import parse, wants
from xroute.errors import InvalidPrompt, InvalidRequest

PNG = "data:image/png;base64,iVBORw0KGgo="


def read(input="Hi", earlier=(), known=None, **more):
    return parse(orjson.dumps({"model": "m", "input": input} | more), earlier, known)


def messages(*items, **more):
    return read(list(items), **more).body["messages"]


def user(text):
    return {"role": "user", "content": text}


def test_a_string_is_what_the_user_says():
    call = read("Hi", instructions="Be brief.", stream=True, max_output_tokens=50)
    assert call.body["messages"] == [{"role": "system", "content": "Be brief."}, user("Hi")]
    assert (call.models, call.stream, call.max_tokens) == (("m",), True, 50)
    assert call.surface.dialect == "openai_responses"


def test_what_only_a_responses_provider_knows_stays_away_from_others():
    call = read(
        metadata={"a": "b"}, store=True, truncation="disabled", include=["reasoning.encrypted_content"],
        background=False, previous_response_id=None, tool_choice="auto", parallel_tool_calls=True,
        text={"format": {"type": "text"}, "verbosity": "medium"}, client_metadata={"x": "y"},
        stream_options={"include_obfuscation": False}, reasoning=None,
    )  # fmt: skip
    assert call.body == {"model": "m", "messages": [user("Hi")]}


def test_messages_may_come_with_and_without_a_type():
    told = messages(
        {"role": "developer", "content": "Rules"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        {"role": "assistant", "content": "Hello"},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
         "content": [{"type": "output_text", "text": "again", "annotations": []}]},
        {"role": "user", "content": "And?"},
    )  # fmt: skip
    assert [said["role"] for said in told] == ["developer", "user", "assistant", "user"]
    assert told[1]["content"] == "Hi"
    assert told[2]["content"] == "Hello\n\nagain"


def test_images_files_and_sound_are_parts():
    parts = [
        {"type": "input_text", "text": "See"},
        {"type": "input_image", "image_url": PNG, "detail": "low"},
        {"type": "input_image", "file_id": "file_1", "detail": "auto"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
        {"type": "input_file", "file_url": "https://e.org/a.pdf"},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        {"type": "input_video", "video_url": "https://e.org/a.mp4"},
    ]
    call = read([{"role": "user", "content": parts}])
    assert call.body["messages"][0]["content"] == [
        {"type": "text", "text": "See"},
        {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        {"type": "image_url", "image_url": {"file_id": "file_1"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_url": "https://e.org/a.pdf"}},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        {"type": "video_url", "video_url": {"url": "https://e.org/a.mp4"}},
    ]
    assert call.abilities >= {"image", "file", "audio", "video"}
    assert call.is_heavy


def test_what_the_model_did_in_a_row_is_one_message_and_the_results_follow():
    told = messages(
        user("Weather?"),
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}],
         "encrypted_content": "gAAA"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "weather", "arguments": "{}"},
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c2", "name": "patch", "input": "*** Begin"},
        {"type": "function_call_output", "call_id": "c1", "output": "17"},
        {"type": "custom_tool_call_output", "call_id": "c2",
         "output": [{"type": "input_text", "text": "ok"}, {"type": "input_image", "image_url": PNG}]},
    )  # fmt: skip
    assert [said["role"] for said in told] == ["user", "assistant", "tool", "tool"]
    said = told[1]
    assert (said["content"], said["reasoning"]) == ("I look.", "hm")
    assert said["reasoning_details"] == [
        {"type": "reasoning.summary", "summary": "hm", "format": "openai-responses-v1", "index": 0,
         "id": "rs_1"},
        {"type": "reasoning.encrypted", "data": "gAAA", "format": "openai-responses-v1", "index": 1,
         "id": "rs_1"},
    ]  # fmt: skip
    assert said["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}},
        {"id": "c2", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}},
    ]
    assert told[2] == {"role": "tool", "tool_call_id": "c1", "content": "17"}
    assert told[3]["content"][1] == {"type": "image_url", "image_url": {"url": PNG}}


def test_another_makers_reasoning_comes_out_of_its_seal():
    details = [{"type": "reasoning.text", "text": "hm", "signature": "sig", "format": "anthropic-claude-v1"}]
    sealed = seal.seal({"details": details, "native": [{"type": "server_tool_use", "id": "s1"}]})
    (said, _) = messages(
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": sealed}, user("Go on")
    )
    assert said["reasoning_details"] == details
    assert said["native_content"] == [{"type": "server_tool_use", "id": "s1"}]
    assert said["reasoning"] == "hm"


def test_a_damaged_seal_is_no_reasoning():
    told = messages(
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "xr1:%%"}, user("Go on")
    )
    assert told == [user("Go on")]


def test_what_ran_at_a_provider_is_kept_as_it_is():
    items = [
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "computer_call", "id": "cu_1", "call_id": "c1", "actions": []},
        {"type": "computer_call_output", "call_id": "c1", "output": {"type": "computer_screenshot"}},
        {"type": "mcp_approval_response", "approval_request_id": "a1", "approve": True},
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAA"},
    ]
    (said, _) = messages(*items, user("Go on"))
    assert [item for item in said["native_content"] if item["type"] != "xroute.order"] == items


def test_a_compaction_of_ours_is_its_summary():
    sealed = seal.seal({"summary": "They said hello."})
    told = messages({"type": "compaction", "id": "cmp_1", "encrypted_content": sealed}, user("Go on"))
    assert told[0]["role"] == "user"
    assert told[0]["content"].endswith("They said hello.")


def test_tools_have_the_chat_apis_form():
    schema = {"type": "object", "properties": {}}
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: A"}
    call = read(
        tools=[
            {"type": "function", "name": "f", "description": "F.", "parameters": schema, "strict": True},
            {"type": "custom", "name": "patch", "description": "P.", "format": grammar},
            {"type": "web_search_preview", "search_context_size": "low",
             "filters": {"allowed_domains": ["e.org"]}},
            {"type": "code_interpreter", "container": {"type": "auto"}},
            {"type": "local_shell"},
        ],
        tool_choice={"type": "function", "name": "f"},
        parallel_tool_calls=False,
    )  # fmt: skip
    function = {"name": "f", "description": "F.", "parameters": schema, "strict": True}
    nested = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: A"}}
    assert call.body["tools"] == [
        {"type": "function", "function": function},
        {"type": "custom", "custom": {"name": "patch", "description": "P.", "format": nested}},
        {"type": "web_search", "search_context_size": "low", "allowed_domains": ["e.org"]},
        {"type": "code_interpreter", "container": {"type": "auto"}},
        {"type": "local_shell"},
    ]
    assert call.body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert call.body["parallel_tool_calls"] is False
    assert "tools" in call.abilities


def test_some_of_the_tools_may_be_allowed():
    tools = [{"type": "function", "name": "f"}, {"type": "custom", "name": "p"}]
    choice = {"type": "allowed_tools", "mode": "required", "tools": tools}
    assert read(tools=tools, tool_choice=choice).body["tool_choice"] == {
        "type": "allowed_tools",
        "allowed_tools": {
            "mode": "required",
            "tools": [
                {"type": "function", "function": {"name": "f"}},
                {"type": "custom", "custom": {"name": "p"}},
            ],
        },
    }


def test_a_namespaces_tools_have_names_of_their_own():
    space = {"type": "namespace", "name": "crm", "description": "C.",
             "tools": [{"type": "function", "name": "find"}, {"type": "custom", "name": "note"}]}  # fmt: skip
    made = {"type": "function_call", "call_id": "c1", "namespace": "crm", "name": "find", "arguments": "{}"}
    call = read([user("Hi"), made], tools=[space])
    assert [tool[tool["type"]]["name"] for tool in call.body["tools"]] == ["crm__find", "crm__note"]
    assert call.body["messages"][1]["tool_calls"][0]["function"]["name"] == "crm__find"
    long = {"type": "namespace", "name": "n" * 60, "tools": [{"type": "function", "name": "find me"}]}
    (tool,) = read(tools=[long]).body["tools"]
    assert len(tool["function"]["name"]) == 64


def test_tools_may_stand_in_the_input():
    offered = {"type": "additional_tools", "tools": [{"type": "function", "name": "f"}]}
    call = read([offered, user("Hi")])
    assert call.body["tools"] == [{"type": "function", "function": {"name": "f"}}]
    assert call.body["messages"] == [user("Hi")]


def test_the_form_of_the_text_and_the_reasoning_have_canonical_words():
    format_ = {"type": "json_schema", "name": "a", "schema": {"type": "object"}, "strict": True}
    call = read(
        text={"format": format_, "verbosity": "low"},
        reasoning={"effort": "high", "summary": "auto", "generate_summary": None},
        top_logprobs=3,
    )
    assert call.body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "a", "schema": {"type": "object"}, "strict": True},
    }
    assert call.body["verbosity"] == "low"
    assert call.body["reasoning"] == {"effort": "high", "summary": "auto"}
    assert (call.body["logprobs"], call.body["top_logprobs"]) == (True, 3)
    assert call.abilities >= {"json_schema", "logprobs"}


def test_unknown_fields_and_xroutes_own_are_kept():
    call = read(models=["a", "b"], provider={"sort": "price"}, frequency_penalty=0.5, some_new_field=1)
    assert call.models == ("m", "a", "b")
    assert call.provider == {"sort": "price"}
    assert (call.body["frequency_penalty"], call.body["some_new_field"]) == (0.5, 1)


def test_what_was_said_before_comes_first():
    told = read("And?", earlier=[user("Hi"), {"type": "message", "role": "assistant", "content": "Hello"}])
    assert [said["content"] for said in told.body["messages"]] == ["Hi", "Hello", "And?"]


def test_items_that_are_only_named_are_looked_up():
    given = {
        "previous_response_id": "resp_1",
        "input": [{"type": "item_reference", "id": "msg_1"}, {"id": "x"}],
    }
    assert wants(given) == ("resp_1", ["msg_1", "x"])
    known = {"msg_1": {"type": "message", "id": "msg_1", "role": "user", "content": "Hi"}}
    assert read([{"type": "item_reference", "id": "msg_1"}], known=known).body["messages"] == [user("Hi")]
    with pytest.raises(InvalidPrompt) as caught:
        read([{"type": "item_reference", "id": "msg_2"}])
    assert caught.value.param == "input[0]"


def test_the_clients_own_bytes_go_on_where_nobody_keeps_the_response():
    assert read(store=False).raw
    assert not read().raw
    assert not read(store=False, models=["a"]).raw
    assert not read(store=False, previous_response_id="resp_1").raw
    sealed = {"type": "reasoning", "summary": [], "encrypted_content": seal.seal({"details": [{}]})}
    assert not read([sealed, user("Hi")], store=False).raw


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": "Hi"}, "model"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": {}}, "input"),
        ({"input": [None]}, "input[0]"),
        ({"input": [{}]}, "input[0].type"),
        ({"input": [{"role": "user", "content": None}]}, "input[0].content"),
        ({"input": [{"type": "message", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            "input[0].content[0].image_url",
        ),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0]"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
        ({"input": "Hi", "tools": {}}, "tools"),
        ({"input": "Hi", "tools": [1]}, "tools[0]"),
        ({"input": "Hi", "tools": [{"type": 1}]}, "tools[0].type"),
        ({"input": "Hi", "max_output_tokens": 0}, "max_output_tokens"),
        ({"input": "Hi", "store": "yes"}, "store"),
        ({"input": "Hi", "conversation": "c"}, "conversation"),
        ({"input": "Hi", "prompt": {"id": "p"}}, "prompt"),
        ({"input": "Hi", "stream": 1}, "stream"),
    ],
)
def test_what_cannot_be_is_named_by_its_field(body, param):
    model = {} if param == "model" else {"model": "m"}
    with pytest.raises(InvalidRequest) as caught:
        parse(orjson.dumps(model | body))
    assert caught.value.param == param
    assert param.split("[")[0].split(".")[0] in caught.value.message
