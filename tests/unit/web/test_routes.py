"""The data plane's routes: who may use them, and what is not in the table does not exist."""

import asyncio

import pytest
from tests.unit.web.dialogue import ask, request

from xroute.web.access import KEY, TABLE

CALL = (
    b'{"model": "gpt-4o", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}],'
    b' "contents": [{"parts": [{"text": "Hi"}]}]}'
)
# What is asked of the database is tried where there is one: tests/gateway/test_accounts.py.
KEPT_APART = {"/v1/credits", "/v1/key", "/v1/generation"}
SECRET = [
    (method, path)
    for method, path in (line.split(" ") for line, access in TABLE.items() if access is KEY)
    if path not in KEPT_APART
]
PUBLIC = [("GET", path) for path in ("/openapi.json", "/healthz", "/readyz", "/metrics")]


def full(method, path):
    if method == "POST" and path.endswith("/models/"):
        return path + "gpt-4o:generateContent"
    return path + "gpt-4o" if path.endswith("/") else path


STRANGERS = [None, "Bearer sk-wrong", "Bearer ", "Basic c2stY2xpZW50LTE6", "sk-client-1"]
ALSO = [(method, f"/openai{path}") for method, path in SECRET if path.startswith("/v1/")]


@pytest.mark.parametrize(("method", "path"), SECRET + ALSO)
@pytest.mark.parametrize("header", STRANGERS)
async def test_without_a_known_key_nothing_is_read_and_nothing_is_told(app, method, path, header):
    sent = []

    async def receive():
        raise AssertionError("the body of a stranger was read")

    async def send(message):
        sent.append(message)

    headers = {} if header is None else {"authorization": header}
    await app(request(method, full(method, path), headers), receive, send)
    assert sent[0]["status"] == 401
    assert (b"www-authenticate", b"Bearer") in sent[0]["headers"]
    assert b'"error_type":"authentication"' in sent[1]["body"]


# What the request of a chat is too little for.
OTHERS = [
    "/v1/completions",
    "/v1/embeddings",
    "/v1/rerank",
    "/v2/rerank",
    "/v1/moderations",
    "/v1/images/generations",
    "/v1/images/edits",
    "/v1/audio/speech",
]
FORMS = ["/v1/audio/transcriptions", "/v1/audio/translations"]


@pytest.mark.parametrize("path", OTHERS)
async def test_with_a_key_the_other_operations_say_what_they_miss(app, path):
    answer = await ask(app, "POST", path, CALL)
    assert (answer.status, answer.error["code"]) == (400, "missing_field")


@pytest.mark.parametrize("path", FORMS)
async def test_with_a_key_recordings_have_to_come_in_a_form(app, path):
    answer = await ask(app, "POST", path, CALL)
    assert (answer.status, answer.error["code"]) == (400, "invalid_form")


ASKED = CALL[:-1] + b', "input": "Hi"}'
KEPT = ["/v1/responses/"]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_with_a_key_what_is_not_kept_is_not_found(app, method):
    answer = await ask(app, method, "/v1/responses/resp_1")
    assert (answer.status, answer.error["metadata"]["error_type"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"), [each for each in SECRET if each[1] not in OTHERS + FORMS + KEPT]
)
async def test_with_a_key_every_route_answers(app, method, path):
    answer = await ask(app, method, full(method, path), ASKED if method == "POST" else b"")
    assert answer.status == 200
    assert answer.headers["x-request-id"].startswith("req-")
    assert isinstance(answer.json, dict)


@pytest.mark.parametrize(("method", "path"), PUBLIC)
@pytest.mark.parametrize("key", [None, "sk-wrong"])
async def test_public_routes_ask_for_no_key(app, method, path, key):
    assert (await ask(app, method, path, key=key)).status == 200


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/gpt-4o", "/v1/chat/completions"])
async def test_the_openai_prefix_is_the_same_surface(app, path):
    method = "POST" if path.endswith("completions") else "GET"
    assert (await ask(app, method, f"/openai{path}", CALL)).status == 200


NOWHERE = [
    "/",
    "",
    "/v1",
    "/v1/",
    "/v1/models/",
    "/V1/models",
    "//v1/models",
    "/v1//models",
    "/v1/chat/completions/",
    "/v1/completions/",
    "/openai/healthz",
    "/openai/openai/v1/models",
    "/openai/api/v1/health/deployments",
    "/api/v1/health",
    "/api/v1/health/deployments/",
    "/api/v1/health/../health/deployments",
    "/healthz/",
    "/metrics/x",
    "/docs",
    "/redoc",
    "/.env",
    "/v1/chat/completions\x00",
    "/ключ",
    "/" + "x" * 10_000,
]


@pytest.mark.parametrize("path", NOWHERE)
@pytest.mark.parametrize("key", [None, "sk-client-1"])
async def test_what_is_not_listed_does_not_exist_for_anybody(app, path, key):
    answer = await ask(app, "GET", path, key=key)
    assert answer.status == 404
    assert (answer.error["code"], answer.error["metadata"]["error_type"]) == ("unknown_url", "not_found")
    assert len(answer.error["message"]) < 300


@pytest.mark.parametrize(("method", "path"), sorted(SECRET + PUBLIC))
@pytest.mark.parametrize("other", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "X" * 5000])
async def test_a_wrong_method_is_told_which_are_right(app, method, path, other):
    if (other, path) in SECRET + PUBLIC:
        pytest.skip("this method is right there")
    answer = await ask(app, other, full(method, path))
    assert answer.status == 405
    told = (
        answer.error["metadata"] if path.startswith("/v1beta/") else answer.error
    )  # Google's code is a number
    assert told["code"] == "method_not_allowed"
    assert method in answer.error["metadata"]["allowed"]
    assert method in answer.headers["allow"].split(", ")
    assert len(answer.error["message"]) < 300


async def test_a_wrong_method_is_told_in_the_words_of_the_api(app):
    assert (await ask(app, "GET", "/v1/messages")).json["type"] == "error"
    assert (await ask(app, "PUT", "/v1beta/models/x:generateContent")).error["status"] == "INVALID_ARGUMENT"
    assert (await ask(app, "PUT", "/v1/models/x")).error["code"] == "method_not_allowed"  # two APIs share it


async def test_a_get_of_a_post_route_and_the_other_way_round(app):
    assert (await ask(app, "GET", "/v1/chat/completions")).status == 405
    assert (await ask(app, "POST", "/v1/models", b"{}")).status == 405
    assert (await ask(app, "HEAD", "/v1/chat/completions")).status == 405


async def test_head_is_answered_where_get_is(app):
    assert (await ask(app, "HEAD", "/healthz")).status == 200
    assert (await ask(app, "HEAD", "/v1/models", key=None)).status == 401


async def test_a_websocket_is_closed(app):
    sent = []

    async def send(message):
        sent.append(message)

    await asyncio.wait_for(app({"type": "websocket", "path": "/v1/chat/completions"}, None, send), 30)
    assert sent == [{"type": "websocket.close", "code": 1008}]
