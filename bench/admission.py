"""What a call costs in `limits.memory`: admitted and settled over six gates. `python -m bench.admission`."""

import time

from xroute.limits.gate import Amounts, Hold
from xroute.limits.headers import headers
from xroute.limits.memory import Memory
from xroute.limits.rules import BudgetRule, Credit, LimitRule, Rules

CALLS = 100_000
ROUNDS = 5
PLENTY = 10**15
RULES = Rules(
    [
        LimitRule("lim_1", "key bench", "key", "k", rpm=PLENTY, tpm=PLENTY, concurrency=50),
        LimitRule("lim_2", "workspace main", "workspace", "w", rpm=PLENTY),
    ],
    [BudgetRule("bud_1", "key bench", "key", "k", nano=PLENTY)],
    Credit("ws_main", PLENTY),
)
WORST = Amounts(1, 100, 200, 5_000, 5_000)
ACTUAL = Amounts(1, 90, 50, 3_000, 3_000)


def once(engine: Memory, now: float, *, is_told: bool) -> None:
    hold = engine.admit("req", RULES.gates("openai/gpt-4o-mini", "", now), WORST, now)
    assert isinstance(hold, Hold)
    if is_told:
        headers(hold.levels)
    engine.settle(hold, ACTUAL, now + 0.5)


def cost_us(*, is_told: bool) -> float:
    """CPU of one call, microseconds: the best of the rounds, at 1,000 calls a second."""
    engine, now, best = Memory(), time.time(), float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(CALLS):
            now += 0.001
            once(engine, now, is_told=is_told)
        best = min(best, time.process_time() - began)
    return best / CALLS * 1e6


if __name__ == "__main__":
    gates = len(RULES.gates("openai/gpt-4o-mini", "", time.time()))
    print(f"{gates} gates: admit and settle {cost_us(is_told=False):.1f} us")
    print(f"{gates} gates: with the x-ratelimit headers {cost_us(is_told=True):.1f} us")
