"""Plausible words: text of a given number of tokens, the same from the same seed."""

import random

INTRO = ("This", " is", " the", " xroute", " simulator", ",", " not", " a", " language", " model", ".")
_LIST = (
    "a able about above after again all along also always an and any around as at back be because before "
    "best better between both bring build but by call can carry case change clear close come could day do "
    "down each early end even every example fact far few find first for form from full further get give "
    "go good great group grow hand have hold how idea if in into is it its just keep kind know large last "
    "later learn least leave less let light like line little long look made make many matter may mean "
    "might more most move much must name near need never new next no number of often old on once one only "
    "open or order other our out over own part people place plan point possible put question quite rather "
    "read real reason rest result right round run same say see seem several should show side simple since "
    "small so some soon start state step still such sure take tell than that the their then there these "
    "they thing think this those though time to together too try turn two under until up upon use value "
    "very view wait want water way we well what when where which while whole why will with within without "
    "word work world would write year yet you"
)
_WORDS = tuple(_LIST.split())


def pieces(rng: random.Random, tokens: int) -> list[str]:
    """So many tokens of sentences; a shorter text from the same seed is the beginning of a longer one."""
    found: list[str] = []
    while len(found) < tokens:
        found += _sentence(rng)
    return found[:tokens]


def _sentence(rng: random.Random) -> list[str]:
    words = rng.choices(_WORDS, k=rng.randint(6, 14))
    return [" " + words[0].capitalize(), *(" " + word for word in words[1:]), "."]


def phrase(rng: random.Random, low: int = 1, high: int = 4) -> str:
    """A few words without punctuation."""
    return " ".join(rng.choices(_WORDS, k=rng.randint(low, high)))


def word(rng: random.Random) -> str:
    """One word."""
    return rng.choice(_WORDS)
