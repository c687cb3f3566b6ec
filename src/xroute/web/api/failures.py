"""What goes wrong in the management API, as the error that the contract knows."""

from typing import Any, cast

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from xroute.dialects.openai.surface import error_object
from xroute.errors import CallError, InvalidRequest, MethodNotAllowed, NotFound
from xroute.web.failures import headers_of

PLACES = frozenset({"body", "query", "path", "header", "cookie"})


def install(api: FastAPI) -> None:
    """Every failure that has a name gets its answer; what has none is the edge's to log and to hide."""
    api.add_exception_handler(CallError, _told)
    api.add_exception_handler(RequestValidationError, _not_valid)
    api.add_exception_handler(HTTPException, _of_starlette)


def answer(error: CallError, request: Request) -> Response:
    """The contract's body, with the headers that go with it."""
    request_id: str = request.scope["state"]["request_id"]
    body = orjson.dumps({"error": error_object(error, request_id)})
    headers = dict(line.split(": ", 1) for line in headers_of(error))
    return Response(body, error.status, headers, "application/json")


async def _told(request: Request, error: Exception) -> Response:
    return answer(cast(CallError, error), request)


async def _not_valid(request: Request, error: Exception) -> Response:
    first = cast("dict[str, Any]", cast(RequestValidationError, error).errors()[0])
    return answer(objection(first), request)


async def _of_starlette(request: Request, error: Exception) -> Response:
    known = cast(HTTPException, error)
    kind = {404: NotFound, 405: MethodNotAllowed}.get(known.status_code, InvalidRequest)
    return answer(kind(str(known.detail)), request)


def objection(error: dict[str, Any]) -> InvalidRequest:
    """The first thing that pydantic objects to, by the name of the field; the value is not repeated."""
    kind: str = error["type"]
    place = [str(part) for part in error["loc"]]
    name = ".".join(place[1:] if place[0] in PLACES else place)
    if kind == "json_invalid" or not name:
        return InvalidRequest(f"The body is not usable: {error['msg']}.", code="invalid_json")
    if kind == "missing":
        return InvalidRequest(f"`{name}` is missing.", param=name, code="missing_field")
    if kind == "extra_forbidden":
        return InvalidRequest(f"There is no field `{name}` here.", param=name, code="unknown_field")
    text = str(error["msg"]).removeprefix("Value error, ")
    return InvalidRequest(f"`{name}`: {text}.", param=name, code="invalid_value")
