"""Canonical answers and streams as Anthropic's client reads them, judged by its own types and accumulator."""

import orjson
import pytest
from tests.fixtures import claude
from tests.fixtures.answers import CALL, LAST, USAGE, again, chunk, piece, streamed, written
from tests.fixtures.events import fold, names, read

from xroute import errors
from xroute.dialects.anthropic.events import MessagesEncoder
from xroute.dialects.anthropic.refusal import refuse
from xroute.dialects.anthropic.surface import MessagesSurface, surface_of, write_count
from xroute.wire.chunk import Chunk


def test_an_answer_is_a_message():
    said = written({"content": "Hello"})
    assert said["id"] == "msg_1"
    assert (said["type"], said["role"], said["model"]) == ("message", "assistant", "maker/m")
    assert said["content"] == [{"type": "text", "text": "Hello"}]
    assert (said["stop_reason"], said["stop_sequence"]) == ("end_turn", None)


def test_cached_tokens_stand_beside_the_input():
    assert written({"content": "Hi"})["usage"] == {
        "input_tokens": 10,
        "cache_creation_input_tokens": 30,
        "cache_read_input_tokens": 60,
        "output_tokens": 20,
        "output_tokens_details": {"thinking_tokens": 5},
        "cost": 0.25,
    }


def test_anthropic_s_own_usage_goes_back_as_it_was():
    own = {"input_tokens": 3, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 0}
    own |= {"output_tokens": 9, "service_tier": "standard", "server_tool_use": {"web_search_requests": 1}}
    body = {"id": "msg_1", "model": "m", "choices": [], "usage": USAGE | own}
    said = orjson.loads(surface_of({}).write(body))["usage"]
    assert {
        **own,
        "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
    }.items() <= said.items()


@pytest.mark.parametrize(
    ("finish", "native", "reason"),
    [
        ("stop", None, "end_turn"),
        ("length", None, "max_tokens"),
        ("tool_calls", None, "tool_use"),
        ("content_filter", None, "refusal"),
        ("stop", "pause_turn", "pause_turn"),
        ("length", "model_context_window_exceeded", "model_context_window_exceeded"),
        ("stop", "STOP", "end_turn"),
        ("stop", "eos", "end_turn"),
    ],
)
def test_the_reason_to_stop_is_anthropic_s_word(finish, native, reason):
    assert written({"content": "x"}, finish, native_finish_reason=native)["stop_reason"] == reason
    assert (
        fold(streamed({"content": "x"}, finish=finish, native_finish_reason=native))["stop_reason"] == reason
    )


def test_a_stop_sequence_is_named_where_it_is_known():
    wish = {"stop_sequences": ["END", "###"]}
    met = [
        written({"content": "x"}, wish=wish, stop_reason="###"),  # vLLM
        written({"content": "x"}, wish=wish, stop_sequence="###", native_finish_reason="stop_sequence"),
    ]
    assert [(m["stop_reason"], m["stop_sequence"]) for m in met] == [("stop_sequence", "###")] * 2
    unnamed = written({"content": "x"}, wish=wish, native_finish_reason="stop_sequence")
    assert (unnamed["stop_reason"], unnamed["stop_sequence"]) == ("stop_sequence", None)
    only = written({"content": "x"}, wish={"stop_sequences": ["END"]}, native_finish_reason="stop_sequence")
    assert only["stop_sequence"] == "END"
    assert written({"content": "x"}, wish=wish, stop_reason="eos")["stop_reason"] == "end_turn"


def test_a_server_that_forgets_to_say_so_has_called_a_tool():
    assert written({"tool_calls": [CALL]}, "stop")["stop_reason"] == "tool_use"
    assert fold(streamed(piece(0, "{}", "c1", "f"), finish="stop"))["stop_reason"] == "tool_use"


def test_calls_of_tools_have_their_input_as_an_object():
    said = written({"content": "I look.", "tool_calls": [CALL]}, "tool_calls")
    assert said["content"][1] == {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}}
    empty = written({"tool_calls": [CALL | {"function": {"name": "f", "arguments": ""}}]}, "tool_calls")
    assert empty["content"] == [{"type": "tool_use", "id": "call_1", "name": "f", "input": {}}]
    cut = written({"tool_calls": [CALL | {"function": {"name": "f", "arguments": '{"a": '}}]}, "length")
    assert cut["content"][0]["input"] == {"arguments": '{"a": '}


def test_a_call_that_has_null_for_arguments_has_none():
    call = CALL | {"function": {"name": "f", "arguments": "null"}}
    said = written({"tool_calls": [call]}, "tool_calls")["content"]
    assert said == [{"type": "tool_use", "id": "call_1", "name": "f", "input": {}}]
    assert fold(streamed(piece(0, "null", "call_1", "f"), finish="tool_calls"))["content"] == said


def test_a_call_with_free_text_has_it_in_an_object():
    free = {"id": "call_1", "type": "custom", "custom": {"name": "f", "input": 'a "b"'}}
    said = written({"tool_calls": [free]}, "tool_calls")["content"]
    assert said[0]["input"] == {"input": 'a "b"'}
    begin = free | {"index": 0, "custom": {"name": "f", "input": ""}}
    pieces = [{"index": 0, "custom": {"input": text}} for text in ("a ", '"b"')]
    raw = streamed(*({"tool_calls": [one]} for one in (begin, *pieces)), finish="tool_calls")
    assert fold(raw)["content"] == said


def test_reasoning_that_a_provider_counts_beside_the_output_is_output():
    """As xAI does."""
    odd = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 115}
    odd["completion_tokens_details"] = {"reasoning_tokens": 100}
    said = orjson.loads(surface_of({}).write({"id": "1", "model": "m", "choices": [], "usage": odd}))
    assert (said["usage"]["input_tokens"], said["usage"]["output_tokens"]) == (10, 105)


def test_a_stream_begins_and_ends_each_block():
    raw = streamed({"role": "assistant", "content": ""}, {"reasoning": "Hm."}, {"content": "Hi"})
    assert names(raw) == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert [body["index"] for _, body in read(raw) if "index" in body] == [0, 0, 0, 0, 1, 1, 1]


def test_a_stream_says_its_usage_at_the_end():
    assert fold(streamed({"content": "Hi"}))["usage"] == written({"content": "Hi"})["usage"] | {"cost": 0.25}


def test_chunks_that_differ_in_their_text_alone_are_not_parsed():
    raw = chunk({"content": "AAA"}).raw
    texts = ["one", "zwei ü", "\n", 'q"q', "b\\", "\\", '"', "{", "", "😀"]
    encoder = surface_of({}).encoder("r", 1)
    chunks = [Chunk(raw.replace(b'"AAA"', orjson.dumps(text))) for text in texts]
    data = b"".join(encoder.feed([one]) for one in chunks) + encoder.finish(LAST)
    assert fold(data)["content"][0]["text"] == "".join(texts)


def test_calls_that_come_one_after_another_go_out_as_they_come():
    encoder = surface_of({}).encoder("r", 1)
    deltas = [piece(0, "", "c1", "f"), piece(0, '{"a":'), piece(0, "1}"), piece(1, '{"b":', "c2", "g")]
    last = [encoder.feed([chunk(delta)]) for delta in deltas][-1]
    assert names(last) == ["content_block_stop", "content_block_start", "content_block_delta"]
    assert [body.get("index") for _, body in read(last)] == [0, 1, 1]


def test_calls_that_come_in_turns_go_out_one_after_another():
    deltas = [
        piece(0, '{"a":', "c1", "f"),
        piece(1, '{"b":', "c2", "g"),
        piece(2, "", "c3", "h"),
        {"content": "and"},
        piece(0, "1}"),
        piece(1, "2}"),
    ]
    said = fold(streamed(*deltas, finish="tool_calls"))
    assert [(b["type"], b.get("name"), b.get("input")) for b in said["content"]] == [
        ("tool_use", "f", {"a": 1}),
        ("tool_use", "g", {"b": 2}),
        ("tool_use", "h", {}),
        ("text", None, None),
    ]


def test_citations_of_the_web_are_those_of_a_search():
    cited = {"url": "https://a.test", "title": "A", "start_index": 0, "end_index": 2, "content": "said"}
    message = {"annotations": [{"type": "url_citation", "url_citation": cited}]}
    said = written({"content": "Hi", **message})
    assert said["content"][0]["citations"] == [
        {
            "type": "web_search_result_location",
            "url": "https://a.test",
            "title": "A",
            "cited_text": "said",
            "encrypted_index": "",
        }
    ]
    assert fold(streamed({"content": "Hi"}, message))["content"] == said["content"]
    assert "citations" not in again(said)["raw"][-1]["content"][0]  # Anthropic has not encrypted its index


def test_anthropic_s_own_citations_go_back_to_their_places():
    own = {"type": "char_location", "cited_text": "q", "document_index": 0, "document_title": None}
    own |= {"start_char_index": 0, "end_char_index": 1, "file_id": None}
    place = {"type": "char_location", "start_index": 7, "end_index": 11, "citation": own}
    said = written({"content": "Sky is blue.", "other_annotations": [place]})
    assert [block["text"] for block in said["content"]] == ["Sky is ", "blue", "."]
    assert said["content"][1]["citations"] == [own]


def test_a_server_s_tools_come_back_whole():
    use = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}}
    found = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []}
    blocks = [claude.text("I look."), use, found, claude.text("Found.")]
    assert written({"content": "I look.Found.", "native_content": blocks})["content"] == blocks
    raw = streamed(
        {"content": "I look."},
        {"native_content": [blocks[0], use]},
        {"native_content": [found]},
        {"content": "Found."},
        {"native_content": [blocks[3]]},
    )
    assert fold(raw)["content"] == blocks


def test_another_provider_s_own_content_is_none_of_anthropic_s():
    items = [{"type": "web_search_call", "id": "ws_1"}, {"executableCode": {"code": "1"}}]
    items += [{"type": "compaction", "encrypted_content": "gA"}]
    assert written({"content": "Hi", "native_content": items})["content"] == [claude.text("Hi")]


def test_a_refusal_is_told_as_text_and_as_reason():
    said = written({"refusal": "I can not."})
    assert (said["content"], said["stop_reason"]) == ([claude.text("I can not.")], "refusal")
    both = fold(streamed({"refusal": "I can "}, {"refusal": "not."}))
    assert (both["content"], both["stop_reason"]) == (said["content"], "refusal")
    details = {"type": "refusal", "category": "bio", "explanation": "No."}
    own = fold(
        streamed(
            {"refusal": "No."}, finish="content_filter", native_finish_reason="refusal", stop_details=details
        )
    )
    assert (own["content"], own["stop_reason"], own["stop_details"]) == ([], "refusal", details)


def test_a_stream_without_a_word_is_an_empty_message():
    encoder = surface_of({}).encoder("r1", 1)
    said = fold(encoder.finish(b""))
    assert (said["id"], said["content"], said["stop_reason"]) == ("msg_r1", [], "end_turn")


ERRORS = [
    (errors.InvalidRequest, "invalid_request_error"),
    (errors.ContentPolicy, "invalid_request_error"),
    (errors.Conflict, "invalid_request_error"),
    (errors.Authentication, "authentication_error"),
    (errors.PaymentRequired, "billing_error"),
    (errors.PermissionDenied, "permission_error"),
    (errors.NotFound, "not_found_error"),
    (errors.MethodNotAllowed, "invalid_request_error"),
    (errors.PayloadTooLarge, "request_too_large"),
    (errors.Unprocessable, "invalid_request_error"),
    (errors.RateLimited, "rate_limit_error"),
    (errors.ServerError, "api_error"),
    (errors.ProviderUnavailable, "api_error"),
    (errors.ProviderOverloaded, "overloaded_error"),
    (errors.Timeout, "timeout_error"),
]


@pytest.mark.parametrize(("kind", "word"), ERRORS, ids=lambda value: getattr(value, "__name__", value))
def test_an_error_has_anthropic_s_word_and_ours(kind, word):
    error = kind("Something is wrong.", param="x", provider="house", metadata={"raw": "y"})
    body = orjson.loads(refuse(error, "req_1"))
    assert (body["type"], body["request_id"], body["error"]["type"]) == ("error", "req_1", word)
    assert body["error"]["message"] == "Something is wrong."
    assert (body["error"]["error_type"], body["error"]["provider"]) == (kind.error_type, "house")
    assert body["error"]["metadata"]["raw"] == "y"


def test_claude_code_learns_that_it_has_to_compact():
    told = orjson.loads(refuse(errors.ContextLength("9 tokens is more than 8."), "r"))["error"]["message"]
    assert told == "prompt is too long: 9 tokens is more than 8."
    own = "prompt is too long: 9 tokens > 8 maximum"
    assert orjson.loads(refuse(errors.ContextLength(own), "r"))["error"]["message"] == own


def test_a_broken_stream_ends_with_an_error_and_never_looks_complete():
    encoder = surface_of({}).encoder("r1", 1)
    raw = encoder.feed([chunk({"content": "Hi"})])
    raw += encoder.fail(errors.ProviderOverloaded("Too much.", provider="house"), {})
    found = read(raw)
    assert found[-1][0] == "error"
    assert found[-1][1]["error"]["type"] == "overloaded_error"
    assert found[-1][1]["error"]["error_type"] == "provider_overloaded"
    assert found[-1][1]["request_id"] == "r1"
    assert "message_stop" not in names(raw)


def test_a_count_is_a_number_of_tokens():
    assert orjson.loads(write_count(17)) == {"input_tokens": 17}


def test_a_surface_says_how_it_shows_reasoning():
    assert repr(MessagesSurface(shown=True)).endswith("shown>")
    assert isinstance(MessagesSurface(shown=False).encoder("r", 1), MessagesEncoder)
