"""Passwords: what is refused, and how they are kept."""

import asyncio
import re

import pytest

from xroute.errors import InvalidRequest, RateLimited
from xroute.store import passwords
from xroute.store.passwords import NOBODY, Hasher, check


def test_nobodys_hash_costs_what_everybodys_does():
    expected = f"m={passwords.MEMORY_KIB},t={passwords.PASSES},p={passwords.LANES}"
    assert re.match(rf"\$argon2id\$v=19\${expected}\$", NOBODY)


async def test_a_password_is_kept_as_argon2id_with_a_salt_of_its_own():
    hasher = Hasher()
    first, second = await asyncio.gather(hasher.hash("a long password"), hasher.hash("a long password"))
    assert first != second and first.startswith("$argon2id$v=19$m=32768,t=3,p=1$")
    assert await hasher.verify(first, "a long password")
    assert not await hasher.verify(first, "A long password")
    assert not await hasher.verify(None, "xroute: a password that nobody has")
    assert not await hasher.verify("damaged", "a long password")
    assert not hasher.is_dated(first)
    assert hasher.is_dated(first.replace("t=3", "t=1"))
    hasher.close()


async def test_no_more_than_so_many_wait():
    hasher = Hasher(at_once=1, waiting=1)
    asked = [asyncio.create_task(hasher.verify(None, "x")) for _ in range(3)]
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in done] == [bool, bool, RateLimited]
    assert not await hasher.verify(None, "x")  # room again
    hasher.close()


@pytest.mark.parametrize("word", sorted(passwords._common()))
def test_the_commonest_are_refused_however_they_are_written(word):
    assert len(word) >= passwords.LEAST
    for written in (word, word.upper(), f" {word} "):
        with pytest.raises(InvalidRequest, match=r"commonest|again and again"):
            check(written, "a@example.com")


@pytest.mark.parametrize(
    "good", ["tr0ub4dor&3x", "ein langer satz mit leerzeichen", "🦊🐻🐼🐨🐯🦁🐮🐷🐸🐵", "x" * 7 + "abc"]
)
def test_what_is_long_and_varied_is_taken(good):
    check(good, "a@example.com")
