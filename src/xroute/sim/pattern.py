"""Strings that match simple regular expressions: classes, groups, alternatives, quantifiers, escapes."""

import random
import re
import string

_SPREAD = 4  # how far beyond its least an open quantifier goes
_LONGEST = 4_000  # atoms written for one pattern
_ESCAPES = {"d": string.digits, "w": string.ascii_letters + string.digits + "_", "s": " "}
_CONTROL = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_ANY = string.ascii_letters + string.digits
_QUANTIFIER = re.compile(r"\{(\d+)(,(\d*))?\}")


class Unsupported(ValueError):
    """The expression uses what this generator does not know."""


def match(pattern: str, rng: random.Random) -> str:
    """A string that `pattern` matches; Unsupported when it holds what this generator does not know.

    The string is not tried against the pattern: a hostile one could keep Python's `re` busy for hours.
    """
    try:
        reader = _Reader(pattern, rng, [_LONGEST])
        found = reader.alternatives()
    except (ValueError, RecursionError, IndexError) as error:
        raise Unsupported(pattern) from error
    if reader.rest:
        raise Unsupported(pattern)
    return found


class _Reader:
    """Reads an expression from the left and writes as it reads; `left` bounds the work, shared by all."""

    def __init__(self, pattern: str, rng: random.Random, left: list[int]) -> None:
        self.rest = pattern
        self._rng = rng
        self._left = left

    def alternatives(self) -> str:
        options = [self._sequence()]
        while self.rest.startswith("|"):
            self._take(1)
            options.append(self._sequence())
        return self._rng.choice(options)

    def _sequence(self) -> str:
        parts: list[str] = []
        if self.rest.startswith("^"):
            self._take(1)
        while self.rest and self.rest[0] not in "|)":
            parts.append(self._repeated())
        return "".join(parts)

    def _repeated(self) -> str:
        start = self.rest
        first = self._atom()
        consumed = start[: len(start) - len(self.rest)]
        low, high = self._quantifier()
        if (low, high) == (1, 1):
            return first
        times = self._rng.randint(low, high)
        return "".join(_Reader(consumed, self._rng, self._left)._atom() for _ in range(times))

    def _quantifier(self) -> tuple[int, int]:
        low, high = self._bounds()
        if self.rest[:1] in ("?", "+") and (low, high) != (1, 1):
            self._take(1)  # lazy and possessive forms match the same strings
        if low > _LONGEST or low > high:
            raise Unsupported(self.rest)
        return low, min(high, low + _SPREAD)

    def _bounds(self) -> tuple[int, int]:
        if (sign := self.rest[:1]) in ("*", "+", "?") and sign:
            self._take(1)
            return {"*": (0, _SPREAD), "+": (1, _SPREAD), "?": (0, 1)}[sign]
        if (braces := _QUANTIFIER.match(self.rest)) is None:
            return 1, 1
        self._take(braces.end())
        low = int(braces[1])
        if braces[2] is None:
            return low, low
        return low, int(braces[3]) if braces[3] else low + _SPREAD

    def _atom(self) -> str:
        sign = self._take(1)
        self._left[0] -= 1
        if self._left[0] < 0 or sign in "*+?^":
            raise Unsupported(self.rest)
        if sign == "(":
            return self._group()
        if sign == "[":
            return self._rng.choice(self._members())
        if sign == "\\":
            return self._rng.choice(self._escape())
        if sign == "$":
            return self._end()
        return self._rng.choice(_ANY) if sign == "." else sign

    def _end(self) -> str:
        if self.rest[:1] not in ("", "|", ")"):
            raise Unsupported(self.rest)
        return ""

    def _group(self) -> str:
        if self.rest.startswith("?"):
            opening = re.match(r"\?(:|P?<[A-Za-z_]\w*>)", self.rest)
            if opening is None:
                raise Unsupported(self.rest)  # look-around, flags
            self._take(opening.end())
        inner = self.alternatives()
        if self._take(1) != ")":
            raise Unsupported(self.rest)
        return inner

    def _members(self) -> str:
        """The characters of a class, from behind its opening bracket."""
        negated = self.rest.startswith("^")
        if negated:
            self._take(1)
        members = ""
        while not members or self.rest[0] != "]":
            low = self._member()
            if len(low) == 1 and self.rest[0] == "-" and self.rest[1] != "]":
                self._take(1)
                high = self._member()
                members += "".join(map(chr, range(ord(low), min(ord(high), ord(low) + 255) + 1)))
            else:
                members += low
        self._take(1)
        return "".join(sign for sign in _ANY if sign not in members) if negated else members

    def _member(self) -> str:
        sign = self._take(1)
        return self._escape() if sign == "\\" else sign

    def _escape(self) -> str:
        """The characters that an escape stands for, from behind its backslash."""
        sign = self._take(1)
        if sign in "ux":
            return chr(int(self._take(4 if sign == "u" else 2), 16))
        if sign in _ESCAPES:
            return _ESCAPES[sign]
        if sign in "DWS":
            return "x" if sign in "DS" else "-"
        if sign in "bBpPkAZ" or sign in "123456789":
            raise Unsupported(self.rest)
        return _CONTROL.get(sign, sign)

    def _take(self, count: int) -> str:
        if len(self.rest) < count:
            raise Unsupported("the expression ends too early")
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken
