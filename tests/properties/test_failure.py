"""Whatever a provider answers has a kind, a message and a sane pause."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import get_args

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from xroute.dialects.answer import ErrorInfo
from xroute.dialects.openai.fault import error_of
from xroute.routing.failure import Kind
from xroute.upstream.failure import MAX_MESSAGE, MAX_RETRY_AFTER_S, classify, retry_after

KINDS = get_args(Kind)
# Lone surrogates too: providers cut emoji into halves.
ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=30)
WORD = st.none() | ANY_TEXT | st.integers(-600, 600).map(str) | st.sampled_from(("insufficient_quota", "nan"))
INFO = st.builds(ErrorInfo, ANY_TEXT, WORD, WORD, WORD)
DATES = st.datetimes().map(lambda when: when.strftime("%a, %d %b %Y %H:%M:%S GMT")) | st.builds(
    "{} {} {} {}:{}:{} {}".format,
    *(st.integers(-1, 9_999),) * 6,
    st.sampled_from(("GMT", "+0000", "-9999", "+99999999999999999999", "EST", "")),
)
VALUES = ANY_TEXT | DATES | st.floats().map(str) | st.integers().map(str)
HEADERS = st.fixed_dictionaries(
    {}, optional={"retry-after": VALUES, "retry-after-ms": VALUES, "date": VALUES, "content-type": ANY_TEXT}
)
KEYS = ("error", "message", "code", "type", "param", "detail", "loc", "metadata", "raw")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | ANY_TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(st.integers(100, 999), HEADERS, INFO)
def test_every_answer_has_a_kind_that_policy_knows(status, headers, info):
    failure = classify(status, headers, info)
    assert failure.kind in KINDS
    assert failure.status == status
    assert 0 < len(failure.message) <= MAX_MESSAGE
    assert failure.retry_after_s is None or 0 <= failure.retry_after_s <= MAX_RETRY_AFTER_S


@given(st.integers(100, 999), HEADERS, INFO)
def test_what_a_failure_says_can_be_written_as_json(status, headers, info):
    failure = classify(status, headers, info)
    orjson.dumps([failure.message, failure.code, failure.param])


BODIES = st.binary(max_size=80) | JSON.map(lambda value: json.dumps(value).encode())


@given(st.integers(400, 599), HEADERS, BODIES)
def test_every_body_is_an_error_of_some_kind(status, headers, raw):
    info = error_of(status, headers, raw)
    assert info.message
    failure = classify(status, headers, info)
    assert failure.kind in KINDS
    orjson.dumps([failure.message, failure.code, failure.param])


@given(HEADERS)
@example({"retry-after": f"Fri, 21 Nov 1997 09:55:06 +{10**20}", "date": "Fri, 21 Nov 1997 09:55:06 GMT"})
def test_any_retry_after_is_a_bounded_pause_or_none(headers):
    seconds = retry_after(headers)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER_S


@given(st.integers(0, 3600), st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_a_pause_is_the_same_as_a_number_and_as_a_date(seconds, now):
    now = now.replace(microsecond=0)
    dates = {"retry-after": format_datetime(now + timedelta(seconds=seconds), usegmt=True)}
    assert retry_after({"retry-after": str(seconds)}) == seconds
    assert retry_after({"retry-after-ms": str(seconds * 1000)}) == seconds
    assert retry_after(dates | {"date": format_datetime(now, usegmt=True)}) == seconds
