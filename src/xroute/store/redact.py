"""What is taken out of kept bodies: credentials always, and whatever the config's expressions find."""

import re
from collections.abc import Iterable, Sequence

from xroute.errors import ConfigError

MASK = "[redacted]"
SHORTEST = 8  # characters; what is shorter would also be found in ordinary words

# What credentials look like, ours and those of others that people paste into prompts:
# https://github.com/gitleaks/gitleaks/blob/master/config/gitleaks.toml, read 2026-11-21. Each begins where no
# longer word does (in JSON a line break is written \n) and never gives back what it has taken, so that the
# time grows with the length of the text alone, whatever somebody has put in it.
ALWAYS = re.compile(
    r"""
    (?:(?<![A-Za-z0-9_-]) | (?<=\\[nrt]))
    (?:
        (?:xrt?|sk|rk|pk|gsk|csk|hf|xai|r8|pplx|nvapi|tgp|fw|whsec|glpat|npm|pypi|dop)[-_][A-Za-z0-9_-]{16,}+
      | gh[opsur]_[A-Za-z0-9]{30,}+
      | github_pat_[A-Za-z0-9_]{30,}+
      | xox[abeoprs]-[A-Za-z0-9-]{10,}+
      | (?:AKIA|ASIA)[A-Z0-9]{16}
      | AIza[A-Za-z0-9_-]{35}
      | eyJ[A-Za-z0-9_-]{10,}+\.eyJ[A-Za-z0-9_-]{10,}+\.[A-Za-z0-9_-]++
      | (?i:bearer)\s++[A-Za-z0-9._~+/-]{16,}+=*+
      | -----BEGIN[ ][A-Z ]{0,30}PRIVATE[ ]KEY-----[A-Za-z0-9+/=\\\s]{0,10000}+
    )
    """,
    re.VERBOSE,
)


class Redactor:
    """Takes text out of bodies."""

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        """ConfigError for an expression that is none."""
        self._patterns = [ALWAYS, *(_compiled(text, place) for place, text in enumerate(patterns))]

    def clean(self, text: str, known: Iterable[str] = ()) -> str:
        """The text with a mask for all that is found; `known` credentials are found to the letter."""
        for secret in known:
            if len(secret) >= SHORTEST:
                text = text.replace(secret, MASK)
        for pattern in self._patterns:
            text = pattern.sub(MASK, text)
        return text


def _compiled(text: str, place: int) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ConfigError(f"is no regular expression: {error}", f"bodies.redact[{place}]") from None
