"""Error answers of AWS: message, code and kind."""

import pytest

from xroute.dialects.bedrock import error_of
from xroute.upstream.failure import classify

LONG = "ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/"


@pytest.mark.parametrize(
    ("status", "headers", "raw", "code", "message", "kind"),
    [
        (400, {"x-amzn-errortype": LONG}, b'{"message":"Input is too long for requested model."}',
         "ValidationException", "Input is too long for requested model.", "context_length"),
        (403, {}, b'{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"no"}',
         "AccessDeniedException", "no", "credentials"),
        (429, {"x-amzn-errortype": "ThrottlingException"}, b'{"message":"Too many tokens, please wait"}',
         "ThrottlingException", "Too many tokens, please wait", "rate_limit"),
        (424, {"x-amzn-errortype": "ModelErrorException"}, b'{"message":"failed","originalStatusCode":500}',
         "ModelErrorException", "failed", "server"),
        (503, {}, b"", None, "the provider answered 503 without a message", "overloaded"),
        (403, {}, b'{"Message":null,"message":"expired"}', None, "expired", "credentials"),
        (500, {}, b"<html><title>Down</title></html>", None, "Down", "server"),
        (404, {"x-amzn-errortype": "UnknownOperationException"}, b'{"Output":{},"Version":"1.0"}',
         "UnknownOperationException", "the provider answered 404 without a message", "not_found"),
    ],
)  # fmt: skip
def test_an_error_answer(
    status: int, headers: dict[str, str], raw: bytes, code: str | None, message: str, kind: str
) -> None:
    info = error_of(status, headers, raw)
    assert (info.code, info.message) == (code, message)
    assert classify(status, headers, info).kind == kind
