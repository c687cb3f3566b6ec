"""What the server itself answers to bad HTTP, to slow clients and for a failed application."""

from http import HTTPStatus

import orjson

from xroute.dialects.openai.surface import error_object
from xroute.errors import InvalidRequest, ServerError
from xroute.web.asgi import new_id
from xroute.web.head import encode


class Refused(Exception):
    """A request that is answered with an error, after which its connection ends."""

    def __init__(self, status: int, message: str, code: str) -> None:
        self.status = status
        self.message = message
        self.code = code
        super().__init__(message)


FAULT = Refused(HTTPStatus.INTERNAL_SERVER_ERROR, ServerError().message, ServerError.error_type)


def bad(message: str) -> Refused:
    """A request of which two readers could disagree."""
    return Refused(HTTPStatus.BAD_REQUEST, message, "bad_http")


def late(message: str) -> Refused:
    """A request that does not come to its end."""
    return Refused(HTTPStatus.REQUEST_TIMEOUT, message, "request_timeout")


def answer(refused: Refused, stamp: bytes) -> bytes:
    """The whole answer, as bytes."""
    request_id = new_id()
    error = (ServerError if refused.status >= 500 else InvalidRequest)(refused.message, code=refused.code)
    body = orjson.dumps({"error": error_object(error, request_id)})
    lines = (
        b"content-type: application/json\r\n",
        b"content-length: %d\r\n" % len(body),
        b"x-request-id: %b\r\n" % request_id.encode(),
        b"allow: GET, HEAD, POST\r\n" if refused.status == HTTPStatus.METHOD_NOT_ALLOWED else b"",
        b"connection: close\r\n",
    )
    return encode(refused.status, *lines, stamp) + body
