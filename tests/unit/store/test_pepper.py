"""What a key is looked up by."""

from hypothesis import given
from hypothesis import strategies as st

from xroute.store.pepper import digest, digester


@given(st.binary(max_size=200), st.text(max_size=200))
def test_a_pepper_that_is_taken_in_once_gives_the_same_digests(pepper, key):
    digest_of = digester(pepper)
    assert digest_of(key) == digest(pepper, key) == digest_of(key)
