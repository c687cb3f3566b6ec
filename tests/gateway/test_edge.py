"""Methods, keys, paths and hosts: nothing leads anywhere but the exact address with a known key."""

import pytest
import pytest_asyncio
from tests.gateway.stage import provider
from tests.gateway.wires import CHAT, KEY, check_good, head

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(lodge):
    sim = await lodge.sim(output_tokens=12)
    return await lodge.stage(providers={"p": provider(sim.url, ("u", "m"))})


@pytest.mark.parametrize("path", [CHAT, "/openai" + CHAT])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
async def test_another_method_is_not_allowed(stage, method, path):
    wire = await stage.dial()
    await wire.send(head("content-length: 0", start=f"{method} {path}"))
    if method == "HEAD":
        status, headers = await wire.head()
        assert status == 405
    else:
        reply = await wire.reply()
        headers = reply.headers
        assert (reply.status, reply.error_type) == (405, "invalid_request")
        assert reply.error["code"] == "method_not_allowed"
    assert headers["allow"] == "POST"
    await check_good(wire)


@pytest.mark.parametrize("method", ["SPOIL", "post", "GETT", "G"])
async def test_a_method_that_nobody_knows_is_refused_before_anything_else(stage, method):
    wire = await stage.dial()
    await wire.send(head("content-length: 0", start=f"{method} {CHAT}"))
    reply = await wire.reply()
    assert (reply.status, reply.error_type) == (400, "invalid_request")
    assert await wire.ended() == b""
    await wire.close()


async def test_a_listing_takes_no_post(stage):
    reply = await stage.ask("POST", "/v1/models", json={})
    assert (reply.status, reply.error["code"]) == (405, "method_not_allowed")
    assert reply.headers["allow"] == "GET, HEAD"


KEYED = [
    ("POST", CHAT),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/m"),
    ("GET", "/api/v1/health/deployments"),
]
NO_KEYS = {
    "none": ("", "missing_api_key"),
    "empty": ("authorization:", "missing_api_key"),
    "bearer alone": ("authorization: Bearer", "missing_api_key"),
    "basic": ("authorization: Basic c2stY2xpZW50LTE6", "missing_api_key"),
    "no scheme": (f"authorization: {KEY}", "missing_api_key"),
    "wrong": ("authorization: Bearer sk-nobody", "invalid_api_key"),
    "the beginning": (f"authorization: Bearer {KEY[:-1]}", "invalid_api_key"),
    "more": (f"authorization: Bearer {KEY}1", "invalid_api_key"),
    "another case": (f"authorization: Bearer {KEY.upper()}", "invalid_api_key"),
    "two in one": (f"authorization: Bearer {KEY}, Bearer {KEY}", "invalid_api_key"),
    "letters beyond ASCII": ("authorization: Bearer sk-ü\xff", "invalid_api_key"),
    "long": (f"authorization: Bearer {'x' * 50_000}", "invalid_api_key"),
    "wrong header": (f"proxy-authorization: Bearer {KEY}", "missing_api_key"),
    "cookie": (f"cookie: authorization={KEY}", "missing_api_key"),
    "wrong x-api-key": ("x-api-key: sk-nobody", "invalid_api_key"),
}


@pytest.mark.parametrize("name", NO_KEYS)
@pytest.mark.parametrize(("method", "path"), KEYED)
async def test_without_a_known_key_nothing_is_answered(stage, method, path, name):
    line, code = NO_KEYS[name]
    wire = await stage.dial()
    start = f"{method} {path}?api_key={KEY}&key={KEY}"
    await wire.send(head("content-length: 2", line, start=start, key=None) + b"{}")
    reply = await wire.reply()
    assert (reply.status, reply.error_type, reply.error["code"]) == (401, "authentication", code)
    assert reply.headers["www-authenticate"] == "Bearer"
    await check_good(wire)


@pytest.mark.parametrize("line", [f"authorization: bearer  {KEY} ", f"X-API-Key: {KEY}", f"api-key: {KEY}"])
async def test_a_key_is_known_in_every_form_that_clients_send_it_in(stage, line):
    wire = await stage.dial()
    await wire.send(head(line, start="GET /v1/models", key=None))
    assert (await wire.reply()).status == 200
    await wire.close()


# Nothing but the exact path leads anywhere, whatever a proxy in front would make of it.
NOWHERE = (
    "//v1/models",
    "/v1//models",
    "/v1/./models",
    "/v1/../v1/models",
    "/v1/%2e%2e/v1/models",
    "/healthz/../v1/models",
    "/healthz/%2e%2e/v1/models",
    "/healthz%2f..%2fv1%2fmodels",
    "/healthz;/v1/models",
    "/metrics/../api/v1/health/deployments",
    "/v1/models/",
    "/v1/models;x",
    "/v1/models%20",
    "/v1/models%00",
    "/v1/models%0a",
    "/v1/models\\",
    "/V1/models",
    "/v1/MODELS",
    "/v1/chat/completions/",
    "/v1/chat%252fcompletions",
    "/openai/openai/v1/models",
    "/openai//v1/models",
    "/openai/api/v1/health/deployments",
    "/openai/healthz",
    "/api/v1/health/deployments/",
    "/api/v1/health",
    "/api/",
    "/docs",
    "/redoc",
    "/.env",
    "/.",
    "/%",
    "/%zz",
    "/%ff",
    "/" + "x" * 5000,
    "*",
)


@pytest.mark.parametrize("path", NOWHERE, ids=lambda path: path[:40])
@pytest.mark.parametrize("key", [None, KEY], ids=["no key", "key"])
async def test_a_path_that_is_not_exactly_one_of_ours_is_not_found(stage, path, key):
    wire = await stage.dial()
    await wire.send(head(start=f"GET {path}", key=key))
    reply = await wire.reply()
    assert (reply.status, reply.error_type, reply.error["code"]) == (404, "not_found", "unknown_url")
    assert len(reply.raw) < 1000
    await check_good(wire)


@pytest.mark.parametrize(
    "path", ["/%76%31/models", "/v1/models?x=/healthz", "/v1/models#/healthz", "/v1/models%2Fm"]
)
async def test_another_spelling_of_a_path_needs_the_key_as_well(stage, path):
    for key, status in ((None, 401), (KEY, 200)):
        wire = await stage.dial()
        await wire.send(head(start=f"GET {path}", key=key))
        assert (await wire.reply()).status == status
        await check_good(wire)


@pytest.mark.parametrize("name", ["..%2f..%2fapi", "%00", "%0d%0ax:%20y", "%ff%fe", "..", "m/..", "a" * 3000])
async def test_a_strange_model_in_a_path_is_only_unknown(stage, name):
    wire = await stage.dial()
    await wire.send(head(start=f"GET /v1/models/{name}"))
    reply = await wire.reply()
    assert (reply.status, reply.error_type, reply.error["param"]) == (404, "not_found", "model")
    await check_good(wire)


@pytest.mark.parametrize(
    "host",
    [
        "host: evil.example",
        "host: localhost@evil.example",
        "host: evil.example/v1/models",
        "host: [::1",
        "host: \xff",
        "host:",
        "host: x\r\nx-forwarded-host: evil.example\r\nforwarded: host=evil.example",
        "host: x\r\nx-original-url: /healthz\r\nx-rewrite-url: /healthz\r\nx-http-method-override: POST",
    ],
)
async def test_the_host_and_what_proxies_say_decide_nothing(stage, host):
    wire = await stage.dial()
    await wire.send(f"GET /v1/models HTTP/1.1\r\n{host}\r\n\r\n".encode("latin-1"))
    reply = await wire.reply()
    assert (reply.status, reply.error["code"]) == (401, "missing_api_key")
    assert b"evil" not in reply.raw + repr(reply.headers).encode()
    await check_good(wire)


@pytest.mark.parametrize("host", ["", "host: a\r\nhost: evil.example\r\n", "host: a\r\nHost: a\r\n"])
async def test_a_request_has_one_host(stage, host):
    wire = await stage.dial()
    await wire.send(f"GET /v1/models HTTP/1.1\r\n{host}\r\n".encode())
    reply = await wire.reply()
    assert (reply.status, reply.error_type) == (400, "invalid_request")
    assert await wire.ended() == b""
    await wire.close()


async def test_an_absolute_target_is_served_here_and_nowhere_else(stage):
    for start, status in (
        ("GET http://evil.example/healthz", 200),
        ("GET http://evil.example/v1/models", 401),
    ):
        wire = await stage.dial()
        await wire.send(head(start=start, key=None))
        assert (await wire.reply()).status == status
        await check_good(wire)


async def test_this_is_no_proxy(stage):
    for start, status in (("CONNECT evil.example:443", 405), ("OPTIONS *", 404)):
        wire = await stage.dial()
        await wire.send(head(start=start))
        assert (await wire.reply()).status == status
        await wire.close()
