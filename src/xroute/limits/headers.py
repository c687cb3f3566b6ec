"""The `x-ratelimit-*` headers, as OpenAI writes them.

https://platform.openai.com/docs/guides/rate-limits, read 2026-11-21: "x-ratelimit-reset-requests: 1s",
"x-ratelimit-reset-tokens: 6m0s"; seen in the wild: "12ms", "23h47m36.648s", so durations are Go's.
"""

from collections.abc import Iterable
from functools import lru_cache

from xroute.limits.gate import Level


def headers(levels: Iterable[Level]) -> list[str]:
    """Limit, what is left, and when it is all there again: of requests and of tokens."""
    said: list[str] = []
    for gate, left, reset_s in levels:
        what = "requests" if gate.measure == "requests" else "tokens"
        said += (
            f"x-ratelimit-limit-{what}: {gate.limit}",
            f"x-ratelimit-remaining-{what}: {left}",
            f"x-ratelimit-reset-{what}: {duration(round(reset_s * 1000))}",
        )
    return said


@lru_cache(maxsize=256)  # what has just been used is all there again in 60 s: mostly the same
def duration(ms: int) -> str:
    """Milliseconds as Go writes a duration: "12ms", "1s", "6m0s", "1h0m0.25s"."""
    if 0 < ms < 1000:
        return f"{ms}ms"
    minutes, ms = divmod(ms, 60_000)
    seconds = f"{ms / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds
