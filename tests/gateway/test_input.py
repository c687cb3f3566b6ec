"""Bodies that cannot be used: the right status and error_type, and what was wrong is named."""

import gzip

import orjson
import pytest
import pytest_asyncio
from tests.gateway.stage import provider
from tests.gateway.wires import head

pytestmark = pytest.mark.asyncio(loop_scope="module")

MESSAGES = [{"role": "user", "content": "Hi"}]
GOOD = {"model": "m", "messages": MESSAGES}
DEEP = 100_000


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(lodge):
    sim = await lodge.sim(output_tokens=12)
    models = (("u", "m"), ("v", "team/größe-模型"))
    return await lodge.stage(
        providers={"p": provider(sim.url, *models)},
        models={"smart": {"fallback": ["m"]}},
        limits={"body_mib": 1},
    )


async def refused(stage, body, status=400, error_type="invalid_request", **expected):
    """Sends a body that must be refused, and then a good one on the same connections."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    reply = await stage.post(raw)
    assert (reply.status, reply.error_type) == (status, error_type), reply.raw[:500]
    for name, value in expected.items():
        assert reply.error[name] == value, reply.error
    assert "x-xroute-provider" not in reply.headers
    assert (await stage.chat()).status == 200
    return reply


NO_JSON = {
    "nothing": b"",
    "white space": b" \r\n\t ",
    "half an object": b'{"model": "m", "messages": [',
    "words": b"hello",
    "single quotes": b"{'model': 'm'}",
    "a form": b"model=m&messages=hi",
    "a list": b"[]",
    "a string": b'"m"',
    "null": b"null",
    "a number": b"1",
    "true": b"true",
    "NaN": b'{"model":"m","temperature":NaN,"messages":[{"role":"user","content":"x"}]}',
    "infinity": b'{"model":"m","temperature":1e400,"messages":[{"role":"user","content":"x"}]}',
    "rest": b'{"model":"m","messages":[{"role":"user","content":"x"}]} {}',
    "comment": b'/* hi */ {"model":"m","messages":[{"role":"user","content":"x"}]}',
    "broken UTF-8": b'{"model":"m","messages":[{"role":"user","content":"\xff\xfe"}]}',
    "overlong UTF-8": b'{"model":"m","messages":[{"role":"user","content":"\xc0\x80"}]}',
    "UTF-8 cut short": b'{"model":"m","messages":[{"role":"user","content":"\xf0\x9f"}]}',
    "half a surrogate pair": b'{"model":"m","messages":[{"role":"user","content":"\\ud83d"}]}',
    "UTF-16": '{"model":"m"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"model":"m","messages":[{"role":"user","content":"x"}]}',
    "NUL": b'{"model":"m"\x00}',
    "raw line break in a string": b'{"model":"m","messages":[{"role":"user","content":"a\nb"}]}',
    "deep lists": b"[" * DEEP,
    "deep objects": b'{"a":' * DEEP,
    "deep and closed": b'{"model":"m","messages":' + b"[" * DEEP + b"]" * DEEP + b"}",
}


@pytest.mark.parametrize("name", NO_JSON)
async def test_what_is_no_json_object_is_refused(stage, name):
    await refused(stage, NO_JSON[name], code="invalid_json")


@pytest.mark.parametrize("depth", [300, 900, 1500])
@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_json_and_nested_too_deeply_is_refused(stage, depth, stream):
    """By the provider, as long as it can be sent there."""
    deep = b"[" * depth + b"]" * depth
    body = b'{"model":"m","stream":%s,"messages":[{"role":"user","content":"x","more":%s}]}'
    await refused(stage, body % (b"true" if stream else b"false", deep))


NUMBER, TEXT, LIST, OBJECT, FLAG, FRACTION = 7, "x", [], {}, True, 1.5
WRONG_TYPES = {
    "stream": (NUMBER, TEXT, LIST, OBJECT, 0),
    "stream_options": (NUMBER, TEXT, LIST, FLAG),
    "tools": (NUMBER, TEXT, OBJECT, FLAG),
    "tool_choice": (NUMBER, LIST, FLAG),
    "response_format": (NUMBER, TEXT, LIST, FLAG),
    "temperature": (TEXT, LIST, OBJECT, FLAG),
    "top_p": (TEXT, LIST, OBJECT, FLAG),
    "frequency_penalty": (TEXT, LIST, OBJECT, FLAG),
    "presence_penalty": (TEXT, LIST, OBJECT, FLAG),
    "n": (TEXT, LIST, OBJECT, FLAG, FRACTION, 0, -1),
    "seed": (TEXT, LIST, OBJECT, FLAG, FRACTION, 10**30),
    "max_tokens": (TEXT, LIST, OBJECT, FLAG, FRACTION, 0, -1, 10**30),
    "max_completion_tokens": (TEXT, LIST, OBJECT, FLAG, FRACTION, 0, -1, 10**30),
    "stop": (NUMBER, OBJECT, FLAG),
    "logprobs": (NUMBER, TEXT, LIST, OBJECT),
    "top_logprobs": (TEXT, LIST, OBJECT, FLAG, FRACTION),
    "logit_bias": (NUMBER, TEXT, LIST, FLAG),
    "user": (NUMBER, LIST, OBJECT, FLAG),
    "metadata": (NUMBER, TEXT, LIST, FLAG),
    "modalities": (NUMBER, TEXT, OBJECT, FLAG),
    "parallel_tool_calls": (NUMBER, TEXT, LIST, OBJECT),
    "reasoning_effort": (NUMBER, LIST, OBJECT, FLAG),
    "model": (NUMBER, LIST, OBJECT, FLAG, None, ""),
    "models": (NUMBER, TEXT, OBJECT, FLAG, [1], [""], [None], [["m"]], [f"m{n}" for n in range(17)]),
    "timeouts": (NUMBER, TEXT, LIST, FLAG),
    "provider": (NUMBER, TEXT, LIST, FLAG),
}


def _raw(field, value):
    """As JSON writes it; orjson has no numbers of more than 64 bits."""
    text = str(value) if isinstance(value, int) and value > 2**63 else orjson.dumps(value).decode()
    body = orjson.dumps({name: given for name, given in GOOD.items() if name != field}).decode()
    return f'{body[:-1]},"{field}":{text}}}'.encode()


@pytest.mark.parametrize("field", WRONG_TYPES)
async def test_a_field_of_the_wrong_type_is_named(stage, field):
    for value in WRONG_TYPES[field]:
        reply = await refused(stage, _raw(field, value), param=field)
        assert f"`{field}`" in reply.error["message"]


@pytest.mark.parametrize("field", sorted(WRONG_TYPES.keys() - {"model"}))
async def test_a_field_that_is_null_is_as_if_it_were_not_there(stage, field):
    assert (await stage.chat(**{field: None})).status == 200


WRONG_MESSAGES = [
    (None, "messages"),
    ("Hi", "messages"),
    ({"role": "user"}, "messages"),
    ([], "messages"),
    (["Hi"], "messages[0]"),
    ([None], "messages[0]"),
    ([[]], "messages[0]"),
    ([*MESSAGES, 1], "messages[1]"),
    ([{}], "messages[0].role"),
    ([{"role": 1, "content": "x"}], "messages[0].role"),
    ([{"role": "", "content": "x"}], "messages[0].role"),
    ([{"role": ["user"], "content": "x"}], "messages[0].role"),
    ([{"role": "user", "content": 1}], "messages[0].content"),
    ([{"role": "user", "content": {"type": "text"}}], "messages[0].content"),
    ([{"role": "user", "content": ["Hi"]}], "messages[0].content[0]"),
    ([{"role": "user", "content": [{"type": "text", "text": "x"}, None]}], "messages[0].content[1]"),
    ([{"role": "user", "content": [{"type": 1}]}], "messages[0].content[0].type"),
    ([{"role": "user", "content": [{"type": ["text"]}]}], "messages[0].content[0].type"),
]


@pytest.mark.parametrize(("messages", "param"), WRONG_MESSAGES, ids=str)
async def test_messages_that_cannot_be_used_are_an_invalid_prompt(stage, messages, param):
    await refused(stage, {"model": "m", "messages": messages}, error_type="invalid_prompt", param=param)


async def test_messages_must_be_there(stage):
    await refused(stage, {"model": "m"}, error_type="invalid_prompt", param="messages", code="missing_field")


@pytest.mark.parametrize(
    ("timeouts", "param"),
    [
        ({"total": 0}, "timeouts.total"),
        ({"total": -1}, "timeouts.total"),
        ({"first_byte": "1"}, "timeouts.first_byte"),
        ({"connect": True}, "timeouts.connect"),
        ({"between_chunks": 1e9}, "timeouts.between_chunks"),
        ({"first_token": [1]}, "timeouts.first_token"),
        ({"read": 1}, "timeouts.read"),
    ],
    ids=str,
)
async def test_a_timeout_that_cannot_be_is_named(stage, timeouts, param):
    await refused(stage, {**GOOD, "timeouts": timeouts}, param=param)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"order": "p"}, "provider.order"),
        ({"only": [1]}, "provider.only"),
        ({"ignore": [""]}, "provider.ignore"),
        ({"allow_fallbacks": "no"}, "provider.allow_fallbacks"),
        ({"require_parameters": 1}, "provider.require_parameters"),
        ({"sort": "best"}, "provider.sort"),
        ({"sort": []}, "provider.sort"),
        ({"sort": {"by": "nothing"}}, "provider.sort"),
        ({"sort": {"by": "price", "partition": "none"}}, "provider.sort.partition"),
        ({"max_price": 1}, "provider.max_price"),
        ({"max_price": {"prompt": -1}}, "provider.max_price.prompt"),
        ({"max_price": {"prompt": "cheap"}}, "provider.max_price.prompt"),
        ({"max_price": {"prompt": "NaN"}}, "provider.max_price.prompt"),
        ({"max_price": {"image": 1}}, "provider.max_price.image"),
        ({"colour": "blue"}, "provider.colour"),
        # What OpenRouter has and xroute does not have yet is refused, not ignored.
        ({"quantizations": ["fp8"]}, "provider.quantizations"),
        ({"preferred_min_throughput": 10}, "provider.preferred_min_throughput"),
        ({"preferred_max_latency": {"p50": 1}}, "provider.preferred_max_latency"),
        ({"enforce_distillable_text": True}, "provider.enforce_distillable_text"),
    ],
    ids=str,
)
async def test_a_preference_that_cannot_be_followed_is_named(stage, given, param):
    await refused(stage, {**GOOD, "provider": given}, param=param)


async def test_preferences_that_ask_for_nothing_are_no_mistake(stage):
    harmless = {"data_collection": "allow", "zdr": False, "quantizations": [], "sort": None, "order": None}
    assert (await stage.chat(provider=harmless)).status == 200


async def test_an_unknown_model_is_not_found_and_near_ones_are_offered(stage):
    body = {**GOOD, "model": "gpt-4o-mni"}
    reply = await refused(stage, body, 404, "not_found", code="model_not_found", param="model")
    assert "gpt-4o-mini" in " ".join(reply.error["metadata"]["near"])
    assert "gpt-4o-mini" in reply.error["message"]


async def test_a_known_model_that_nobody_here_serves_says_which_key_would_do(stage):
    reply = await refused(stage, {**GOOD, "model": "gpt-4o"}, 404, "not_found", code="no_endpoints")
    assert "OPENAI_API_KEY" in reply.error["message"]


@pytest.mark.parametrize(
    "name",
    ["\0", "\n", "m\r\nx: y", "../../etc/passwd", "{{7*7}}", "😀" * 50, "x" * 500_000, "m ", ":floor", "/"],
)
async def test_a_strange_model_name_is_only_unknown(stage, name):
    reply = await refused(stage, {**GOOD, "model": name}, 404, "not_found", code="model_not_found")
    assert len(reply.raw) < 2000


async def test_a_model_name_beyond_ascii_is_served(stage):
    for stream in (False, True):
        reply = await stage.chat("team/größe-模型", stream=stream)
        assert reply.status == 200
        assert reply.attempts == 1


async def test_of_a_key_that_stands_twice_the_last_one_counts_here_and_upstream(stage):
    raw = b'{"model":"nobody","model":"m","messages":[],"messages":[{"role":"user","content":"Hi"}]}'
    assert (await stage.post(raw)).status == 200
    raw = b'{"model":"m","model":"nobody","messages":[{"role":"user","content":"Hi"}]}'
    await refused(stage, raw, 404, "not_found")


async def test_a_body_of_just_the_limit_is_taken_and_one_byte_more_is_not(stage):
    empty = len(orjson.dumps({**GOOD, "pad": ""}))
    limit = 1024 * 1024
    assert (await stage.post(orjson.dumps({**GOOD, "pad": "x" * (limit - empty)}))).status == 200
    body = {**GOOD, "pad": "x" * (limit - empty + 1)}
    await refused(stage, body, 413, "payload_too_large", code="payload_too_large")


async def test_a_body_announced_too_large_is_refused_before_it_is_sent(stage):
    wire = await stage.dial()
    await wire.send(head(f"content-length: {50 * 1024**3}"))
    reply = await wire.reply()
    assert (reply.status, reply.error_type) == (413, "payload_too_large")
    await wire.close()


async def test_a_body_in_chunks_is_refused_as_soon_as_it_is_too_large(stage):
    wire = await stage.dial()
    await wire.send(head("transfer-encoding: chunked"))
    await wire.send(b"4000\r\n%b\r\n" % (b"x" * 0x4000) * 80)  # and no end
    reply = await wire.reply()
    assert (reply.status, reply.error_type) == (413, "payload_too_large")
    assert await wire.ended() == b""
    await wire.close()
    assert (await stage.chat()).status == 200


async def test_a_compressed_body_is_refused_as_it_could_be_a_bomb(stage):
    reply = await stage.post(gzip.compress(orjson.dumps(GOOD)), **{"content-encoding": "gzip"})
    assert (reply.status, reply.error_type) == (400, "invalid_request")
    assert reply.error["code"] == "unsupported_encoding"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "x", ""])
async def test_the_content_type_of_a_request_does_not_matter(stage, kind):
    assert (await stage.post(orjson.dumps(GOOD), **{"content-type": kind})).status == 200
