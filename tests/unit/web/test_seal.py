"""What a browser keeps for us can neither be made nor changed, and ends."""

from hypothesis import given
from hypothesis import strategies as st

from xroute.web.attempts import Attempts
from xroute.web.seal import Seal


def test_what_was_sealed_is_good_for_its_time_and_under_its_pepper():
    now = [1000.0]
    seal = Seal(b"pepper", lambda: now[0])
    text = seal.close({"a": "b"}, 10)
    assert seal.open(text) == {"a": "b"}
    assert Seal(b"other", lambda: now[0]).open(text) is None
    now[0] = 1010.0
    assert seal.open(text) is None


@given(st.text(max_size=200))
def test_nobody_makes_one_by_trying(text):
    assert Seal(b"pepper").open(text) is None


@given(st.integers(0, 200), st.characters(codec="ascii", categories=["L", "N"]))
def test_nobody_changes_one(place, letter):
    seal = Seal(b"pepper", lambda: 0.0)
    text = seal.close({"name": "corp", "to": "/"}, 600)
    place %= len(text)
    changed = text[:place] + letter + text[place + 1 :]
    # The last letter of base64 has bits that say nothing.
    assert seal.open(changed) in (
        (None,) if text[place] != letter and place not in ends(text) else (None, seal.open(text))
    )


def ends(text):
    return {len(text) - 1, text.index(".") - 1}


def test_attempts_are_bounded_by_whom_they_are_about_and_in_memory():
    import pytest

    from xroute.errors import RateLimited

    now = [0.0]
    attempts = Attempts(3, 60.0, lambda: now[0], most=100)
    for _ in range(3):
        attempts.take("a")
    with pytest.raises(RateLimited) as caught:
        attempts.take("a")
    assert 0 < caught.value.retry_after_s <= 60
    attempts.take("b")
    now[0] += caught.value.retry_after_s
    attempts.take("a")
    for number in range(1000):
        attempts.take(f"x{number}")
    assert len(attempts) == 100
