"""Whatever is sent to any address, the simulator answers: nothing in a request breaks it."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.sim.test_docs import addresses
from tests.unit.sim.tonguing import ASKS

from xroute.sim.ask import SimRequest
from xroute.sim.plan import Profile
from xroute.sim.script import script
from xroute.sim.steps import Head

PLAIN = st.none() | st.booleans() | st.integers(-2, 3) | st.floats(allow_nan=False) | st.text(max_size=3)
# Words that the readers look for, so that a random body gets somewhere.
_WORDS = [
    "messages", "contents", "content", "parts", "text", "type", "role", "user", "assistant", "tool",
    "tool_use", "tool_result", "tools", "function", "name", "parameters", "input_schema", "toolSpec",
    "inputSchema", "json", "toolConfig", "toolChoice", "any", "auto", "system", "inferenceConfig",
    "maxTokens", "functionDeclarations", "functionCall", "functionResponse", "toolUse", "toolResult",
    "generationConfig", "thinkingConfig", "input", "model", "output_config", "thinking", "budget_tokens",
    "enabled", "options", "think", "format", "images", "arguments", "function_call",
    "function_call_output", "call_id", "id", "tool_calls", "tool_call_id", "inline_data", "image",
    "documents", "query", "prompt", "dimensions", "requests", "texts", "inputText", "stop",
    "stop_sequences", "stream", "n", "max_tokens", "reasoning", "effort", "tool_choice", "converse",
]  # fmt: skip
NAMES = st.sampled_from(_WORDS)
VALUES = st.recursive(
    PLAIN | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
PROFILE = Profile(output_tokens=12)


def statuses(path, body):
    for stream in (False, True):
        raw = orjson.dumps({**body, "stream": stream})
        steps = list(script(SimRequest("POST", path.replace("{model}", "m"), {}, raw), PROFILE, 1, 0.0))
        yield next(step.status for step in steps if isinstance(step, Head))


@pytest.mark.parametrize("path", sorted(set(addresses())))
@settings(max_examples=12)
@given(body=st.dictionaries(NAMES, VALUES, max_size=6))
def test_any_body_is_answered(path, body):
    assert set(statuses(path, {"model": "m", **body})) <= {200, 400}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/chat", {"tools": [None]}),
        ("/v2/chat", {"tools": [{"type": []}]}),
        ("/v2/chat", {"messages": [{"role": "user", "content": [{"type": {}}]}]}),
        ("/v1beta/models/m:batchEmbedContents", {"requests": False}),
        ("/model/m/count-tokens", {}),
    ],
)
def test_what_once_broke_it_is_answered(path, body):
    assert set(statuses(path, {"model": "m", **body})) <= {200, 400}


@pytest.mark.parametrize("dialect", ASKS)
@settings(max_examples=20)
@given(data=st.data())
def test_any_change_of_a_right_body_is_answered(dialect, data):
    path, _, right = ASKS[dialect]
    name = data.draw(NAMES)
    body = {"model": "m", **right, name: data.draw(VALUES)}
    if dialect not in ("responses", "gemini", "array"):
        extra = data.draw(st.dictionaries(NAMES, VALUES, max_size=4))
        messages = body.get("messages")
        body["messages"] = [*(messages if isinstance(messages, list) else []), extra]
    assert set(statuses(path.replace("{}", "m"), body)) <= {200, 400}
