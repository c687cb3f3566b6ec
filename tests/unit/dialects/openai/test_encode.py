"""Requests: the client's body, changed where the provider asks for it and nowhere else."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroute.catalog.entries import Quirks
from xroute.dialects.openai import encode

HELLO: dict[str, Any] = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "hi"}]}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
said = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "developer"]), "content": values}), max_size=3
)
names = st.sampled_from(
    ["max_tokens", "max_completion_tokens", "stream_options", "stream", "seed", "provider", "usage", "x"]
)


@given(
    st.dictionaries(names, values),
    said,
    st.frozensets(names),
    st.dictionaries(names, st.text()),
    st.booleans(),
)
def test_the_clients_body_is_never_changed(
    fields: dict[str, Any], messages: Any, drop: frozenset[str], rename: dict[str, str], flag: bool
) -> None:
    body = {**HELLO, **fields, "messages": messages}
    before = copy.deepcopy(body)
    quirks = Quirks(rename, drop, {"force": 1}, (), flag, flag, not flag)
    sent, dropped, *_ = encode(body, upstream="m", quirks=quirks)
    assert body == before
    assert set(dropped) <= set(before)
    assert not set(dropped) & (set(sent) - set(rename.values()))


def test_the_model_is_the_providers_and_xroutes_fields_stay_here() -> None:
    own = dict.fromkeys(["models", "provider", "timeouts", "usage", "session_id"], 1)
    sent, dropped, *_ = encode({**HELLO, **own, "user": "u", "x": 1}, upstream="gpt-4o", quirks=Quirks())
    assert sent == {**HELLO, "model": "gpt-4o", "user": "u", "x": 1}
    assert dropped == ()


def test_what_stays_the_same_is_shared() -> None:
    assert encode(HELLO, upstream="m", quirks=Quirks())[0]["messages"] is HELLO["messages"]


@pytest.mark.parametrize(
    ("takes", "given", "expected"),
    [
        (True, {"max_tokens": 5}, {"max_completion_tokens": 5}),
        (False, {"max_completion_tokens": 5}, {"max_tokens": 5}),
        (False, {"max_completion_tokens": 5, "max_tokens": 6}, {"max_tokens": 6}),
        (False, {"max_completion_tokens": 5, "max_tokens": None}, {"max_tokens": 5}),
        (True, {"max_completion_tokens": 5}, {"max_completion_tokens": 5}),
    ],
)
def test_the_output_limit_has_the_name_that_the_provider_takes(
    takes: bool, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    sent, *_ = encode({**HELLO, **given}, upstream="m", quirks=Quirks(max_completion_tokens=takes))
    assert {name: sent[name] for name in sent if name.startswith("max_")} == expected


@pytest.mark.parametrize(("takes", "role"), [(True, "developer"), (False, "system")])
def test_the_developer_role_is_system_where_it_is_not_taken(takes: bool, role: str) -> None:
    body = {**HELLO, "messages": [{"role": "developer", "content": "be kind"}, *HELLO["messages"]]}
    sent, *_ = encode(body, upstream="m", quirks=Quirks(developer_role=takes))
    assert [message["role"] for message in sent["messages"]] == [role, "user"]


@pytest.mark.parametrize(
    ("takes", "given", "expected"),
    [
        (True, None, {"include_usage": True}),
        (True, {"include_usage": False, "x": 1}, {"include_usage": True, "x": 1}),
        (False, None, None),
        (False, {"include_usage": True}, None),
        (False, {"include_usage": True, "x": 1}, {"x": 1}),
    ],
)
def test_usage_is_asked_for_in_streams_where_the_provider_has_it(
    takes: bool, given: Any, expected: Any
) -> None:
    body = {**HELLO, "stream": True} | ({"stream_options": given} if given else {})
    assert encode(body, upstream="m", quirks=Quirks(stream_usage=takes))[0].get("stream_options") == expected


def test_usage_is_not_asked_for_outside_of_streams() -> None:
    assert "stream_options" not in encode(HELLO, upstream="m", quirks=Quirks())[0]


def test_fields_are_dropped_renamed_and_forced() -> None:
    quirks = Quirks(rename={"seed": "random_seed"}, drop=frozenset({"user", "absent"}), force={"safe": True})
    sent, dropped, *_ = encode({**HELLO, "seed": 1, "user": "u"}, upstream="m", quirks=quirks)
    assert sent == {**HELLO, "model": "m", "random_seed": 1, "safe": True}
    assert dropped == ("user",)
