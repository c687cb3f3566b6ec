"""Failures classified once: by status first, then code, then text."""

import json
import re
from pathlib import Path

import pytest
from tests.wire import recordings

from xroute.dialects.answer import ErrorInfo
from xroute.dialects.openai.fault import error_of
from xroute.errors import ConnectError, CutError, ProtocolError, TimedOut, TransportError
from xroute.upstream.failure import MAX_MESSAGE, MAX_WORD, classify, of_transport, retry_after

QUOTED = Path(__file__).parents[4] / "shared" / "wire" / "errors-quoted.jsonl"
DATE = "Fri, 21 Nov 2026 10:00:00 GMT"


def kind_of(status: int, message: str = "", code: str | None = None, type_: str | None = None) -> str:
    return classify(status, {}, ErrorInfo(message, code, type_)).kind


STATUSES = [
    (400, "rejected"),
    (401, "credentials"),
    (402, "payment"),
    (403, "credentials"),
    (404, "not_found"),
    (405, "rejected"),
    (408, "timeout"),
    (409, "server"),
    (413, "rejected"),
    (415, "rejected"),
    (418, "rejected"),
    (422, "rejected"),
    (424, "server"),
    (429, "rate_limit"),
    (500, "server"),
    (501, "server"),
    (502, "server"),
    (503, "overloaded"),
    (504, "timeout"),
    (520, "server"),
    (524, "timeout"),
    (529, "overloaded"),
    (599, "server"),
]


@pytest.mark.parametrize(("status", "kind"), STATUSES)
def test_a_status_alone_has_a_kind(status, kind):
    assert kind_of(status) == kind
    assert kind_of(status, "something went wrong", "some_code", "some_type") == kind


@pytest.mark.parametrize("status", [401, 402, 408, 503, 504, 529, 502])
def test_a_status_that_leaves_no_doubt_is_not_argued_with(status):
    plain = dict(STATUSES)[status]
    assert kind_of(status, "This model's maximum context length is 8192 tokens") == plain
    assert kind_of(status, "", "context_length_exceeded") == plain
    assert kind_of(status, "", "insufficient_quota") == plain


# What providers really send beside a vague status.
CODES = [
    (400, "context_length_exceeded", "context_length"),
    (400, "string_above_max_length", "context_length"),
    (400, "content_filter", "content_policy"),
    (400, "content_policy_violation", "content_policy"),
    (400, "data_inspection_failed", "content_policy"),
    (400, "invalid_api_key", "credentials"),
    (400, "model_not_found", "not_found"),
    (400, "model_decommissioned", "not_found"),
    (400, "rate_limit_exceeded", "rate_limit"),
    (400, "server_error", "rejected"),  # the status says whose fault it is
    (400, "invalid_value", "rejected"),
    (403, "ResponsibleAIPolicyViolation", "content_policy"),
    (403, "insufficient_balance", "payment"),
    (403, "model_not_found", "not_found"),
    (404, "invalid_api_key", "credentials"),
    (404, "DeploymentNotFound", "not_found"),
    (413, "context_length_exceeded", "context_length"),
    (413, "rate_limit_exceeded", "rate_limit"),  # Groq: more than the tokens of a minute
    (422, "model_not_found", "not_found"),
    (429, "insufficient_quota", "payment"),
    (429, "billing_hard_limit_reached", "payment"),
    (429, "RateLimitReached", "rate_limit"),
    (429, "overloaded_error", "overloaded"),
    (500, "rate_limit_exceeded", "rate_limit"),
    (500, "exceed_context_size_error", "context_length"),
]


@pytest.mark.parametrize(("status", "code", "kind"), CODES)
def test_a_code_tells_a_vague_status_apart_wherever_it_stands(status, code, kind):
    assert kind_of(status, "no text of use", code) == kind
    assert kind_of(status, "no text of use", None, code) == kind
    assert kind_of(status, "no text of use", code.upper()) == kind


TEXTS = [
    (400, "This model's maximum context length is 8192 tokens. However, your messages", "context_length"),
    (400, "input length and `max_tokens` exceed context limit: 178959 + 64000 > 200000", "context_length"),
    (400, "The input token count (337807) exceeds the maximum number of tokens allowed", "context_length"),
    (400, "request (2009 tokens) exceeds the available context size (512 tokens)", "context_length"),
    (400, "prompt is too long: 210000 tokens > 200000 maximum", "context_length"),
    (500, "Context size has been exceeded.", "context_length"),
    (422, "Input is too long for requested model.", "context_length"),
    (400, "The response was filtered due to our content management policy", "content_policy"),
    (400, "Your request was rejected as a result of our safety system.", "content_policy"),
    (403, "Content violates usage guidelines. Team: 1234", "content_policy"),
    (400, "Your prompt was flagged as potentially violating our usage policy.", "content_policy"),
    (400, "Insufficient Balance", "payment"),
    (403, "insufficient credits", "payment"),
    (429, "You exceeded your current quota, please check your plan and billing details.", "payment"),
    (429, "The model is overloaded. Please try again later.", "overloaded"),
    (429, "Rate limit reached for gpt-4o in organization org-x", "rate_limit"),
    (400, "API key not valid. Please pass a valid API key.", "credentials"),
    (400, "Incorrect API key provided: sk-12***34", "credentials"),
    (400, "Model Not Exist", "not_found"),
    (400, "bad/model is not a valid model ID", "not_found"),
    (404, "The model `x` does not exist or you do not have access to it.", "not_found"),
    (400, "The model `llama3-70b-8192` has been decommissioned", "not_found"),
    (400, "Invalid value for 'temperature'", "rejected"),
    (400, "Unsupported parameter: 'temperature' is not supported with this model.", "rejected"),
    (500, "tools param requires --jinja flag", "server"),
    (500, "The model is overloaded right now", "overloaded"),
]


@pytest.mark.parametrize(("status", "text", "kind"), TEXTS)
def test_a_text_tells_a_vague_status_apart(status, text, kind):
    assert kind_of(status, text) == kind


def test_a_code_counts_more_than_a_text():
    assert kind_of(400, "the context length is a number", "content_filter") == "content_policy"


INSIDE = [
    ("", None, "server"),
    ("Overloaded", None, "overloaded"),
    ("", "429", "rate_limit"),
    ("", "503", "overloaded"),
    ("", "502", "server"),
    ("", "400", "rejected"),
    ("", "rate_limit_exceeded", "rate_limit"),
    ("maximum context length", "200", "context_length"),
    ("whatever", "nan", "server"),
]


@pytest.mark.parametrize(("text", "code", "kind"), INSIDE)
def test_an_error_inside_a_good_answer_goes_by_code_and_text(text, code, kind):
    assert kind_of(200, text, code) == kind


def test_what_is_passed_on_is_bounded_and_never_empty():
    failure = classify(500, {}, ErrorInfo("x" * 5000, "y" * 5000, None, "z" * 5000))
    assert len(failure.message) == MAX_MESSAGE
    assert (len(failure.code or ""), len(failure.param or "")) == (MAX_WORD, MAX_WORD)
    assert classify(418, {}, ErrorInfo("")).message == "HTTP 418"


def test_half_an_emoji_of_a_provider_can_be_written():
    info = error_of(
        400, {}, b'{"error": {"message": "bad \\ud83d text", "code": "\\ude00", "param": "\\ud83d"}}'
    )
    failure = classify(400, {}, info)
    assert (failure.message, failure.code, failure.param) == ("bad ? text", "?", "?")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimedOut("first_byte", 3.0), "timeout"),
        (ConnectError("refused"), "connect"),
        (CutError("gone"), "cut"),
        (ProtocolError("no HTTP"), "malformed"),
        (TransportError("something else"), "server"),
    ],
)
def test_a_broken_exchange_has_a_kind(error, kind):
    failure = of_transport(error)
    assert (failure.kind, failure.message, failure.status) == (kind, error.message, None)


PAUSES = [
    ({}, None),
    ({"retry-after": "7"}, 7.0),
    ({"retry-after": "1.5"}, 1.5),
    ({"retry-after": " 3 "}, 3.0),
    ({"retry-after": "0"}, 0.0),
    ({"retry-after": "-1"}, None),
    ({"retry-after": "nan"}, None),
    ({"retry-after": "inf"}, None),
    ({"retry-after": "soon"}, None),
    ({"retry-after": ""}, None),
    ({"retry-after": "999999999"}, 3600.0),
    ({"retry-after-ms": "250"}, 0.25),
    ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
    ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
    ({"retry-after-ms": "1e300"}, 3600.0),
    ({"retry-after": "Fri, 21 Nov 2026 10:00:30 GMT", "date": DATE}, 30.0),
    ({"retry-after": "Fri, 21 Nov 2026 09:00:00 GMT", "date": DATE}, 0.0),
    ({"retry-after": "Fri, 21 Nov 2030 09:00:00 GMT", "date": DATE}, 3600.0),
    ({"retry-after": "Fri, 21 Nov 2026 11:00:30 +0100", "date": DATE}, 30.0),
    ({"retry-after": "Fri, 21 Nov 2026 10:00:30 GMT"}, None),  # no Date to compare it with
    ({"retry-after": "Fri, 21 Nov 2026 10:00:30", "date": DATE}, None),
    ({"retry-after": "Fri, 21 Nov 2026 10:00:30 +99999999999999999999", "date": DATE}, None),
    ({"retry-after": "Fri, 99 Nov 2026 10:00:30 GMT", "date": DATE}, None),
]


@pytest.mark.parametrize(("headers", "seconds"), PAUSES)
def test_a_retry_after_in_every_form(headers, seconds):
    assert retry_after(headers) == seconds


def test_a_pause_is_told_where_waiting_helps():
    headers = {"retry-after": "7"}
    told = {
        status: classify(status, headers, ErrorInfo("no")).retry_after_s
        for status in (400, 401, 429, 500, 503)
    }
    assert told == {400: None, 401: None, 429: 7.0, 500: 7.0, 503: 7.0}


def quoted() -> list[dict[str, str]]:
    if not QUOTED.is_file():
        pytest.skip("the shared quotations are not at hand")
    lines = [json.loads(line) for line in QUOTED.read_text("utf-8").splitlines()]
    return [line for line in lines if line["body"].lstrip().startswith(("{", "["))]


EXPECTED = {
    "Overloaded": "overloaded",
    "Internal server error": "server",
    "exceed context limit": "context_length",
    "exceeded your current quota": "payment",
    "maximum context length": "context_length",
    "Insufficient Balance": "payment",
    "model is overloaded": "overloaded",
    "maximum number of tokens": "context_length",
}


def test_errors_that_people_quoted_are_what_they_said():
    for line in quoted():
        info = error_of(line["status"], {}, line["body"].encode())
        failure = classify(line["status"], {}, info)
        kinds = {kind for text, kind in EXPECTED.items() if text in failure.message}
        assert kinds == {failure.kind}, line


# Of recorded answers: status, pattern of the body, the kind that policy must see.
RECORDED = (
    (400, r"model_decommissioned|Model Not Exist|not a valid model ID|does not exist", "not_found"),
    (
        400,
        r"maximum context length|exceeds the available context|context_length_exceeded",
        "context_length",
    ),
    (401, r"", "credentials"),
    (402, r"", "payment"),
    (403, r"violates usage guidelines", "content_policy"),
    (403, r"check the api-key", "credentials"),
    (404, r"", "not_found"),
    (429, r"insufficient_quota", "payment"),
    (429, r"Rate limit|rate-limited|RateLimitReached", "rate_limit"),
    (500, r"Context size has been exceeded", "context_length"),
    (503, r"", "overloaded"),
)


def recorded() -> list[recordings.Recording]:
    found = [
        each
        for path in recordings.files()
        for each in recordings.read(path)
        if each.status >= 400 and each.endpoint == "chat.completions"
    ]
    if not found:
        pytest.skip("the shared recordings are not at hand")
    return found


def test_recorded_errors_are_what_they_are():
    judged = 0
    for each in recorded():
        failure = classify(each.status, each.headers, error_of(each.status, each.headers, each.body))
        for status, pattern, kind in RECORDED:
            if status == each.status and re.search(pattern, each.text):
                assert failure.kind == kind, (each.where, failure)
                judged += 1
                break
    assert judged > 200


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (429, "ThrottlingException", "Too many tokens, please wait before trying again.", "rate_limit"),
        (200, "throttlingException", "Too many tokens, please wait before trying again.", "rate_limit"),
        (429, "ModelNotReadyException", "The model is not ready for inference.", "overloaded"),
        (408, "ModelTimeoutException", "Model has timed out in processing the request.", "timeout"),
        (200, "modelStreamErrorException", "An error occurred in the model's stream.", "server"),
        (424, "ModelErrorException", "The model returned an error.", "server"),
        (200, "serviceUnavailableException", "The service isn't currently available.", "overloaded"),
        (400, "ValidationException", "Input is too long for requested model.", "context_length"),
        (400, "ValidationException", "The provided model identifier is invalid.", "not_found"),
        (200, "validationException", "This model doesn't support the video content block", "server"),
        (400, "ValidationException", "This model doesn't support the video content block", "rejected"),
        (
            403,
            "ExpiredTokenException",
            "The security token included in the request is expired",
            "credentials",
        ),
    ],
)
def test_the_exceptions_of_aws_have_kinds(status, code, message, kind):
    assert kind_of(status, message, code) == kind


def test_a_model_that_needs_an_inference_profile_is_not_to_be_had_under_that_name():
    message = "Invocation of model ID deepseek.r1-v1:0 with on-demand throughput isn’t supported. Retry your"
    assert kind_of(400, message, "ValidationException") == "not_found"
