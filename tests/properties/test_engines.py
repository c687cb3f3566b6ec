"""The engine of one process and that of several give the same answers to the same questions."""

import asyncio
import itertools
import os
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from tests.processes import Process, redis

from xroute.limits.gate import Amounts, Gate, Hold, Refused
from xroute.limits.memory import Memory
from xroute.store.db import Database
from xroute.store.migrate import ready

BEGIN = 4_000_000_000.0  # whole eighths of a second are exact in floats
END = BEGIN + 86_400  # what is over is forgotten by the one at once, by the other a day later
numbers = itertools.count()
Result = TypeVar("Result")


def gate(key: str, kind: str, measure: str, limit: int, **fields: object) -> Gate:
    return Gate(key, kind, measure, limit, "key bench", **fields)  # type: ignore[arg-type]


RPM = gate("l1:requests", "rate", "requests", 5)
TPM = gate("l1:tokens", "rate", "tokens", 60)
TPM_OUT = gate("l1:tokens_out", "rate", "tokens_out", 40)
WARNING = gate("l2:requests", "rate", "requests", 2, hard=False)
OFTEN = gate("l3:requests", "rate", "requests", 3, period_s=12)
SLOTS = gate("l1:slots", "slots", "slots", 3)
BUDGET = gate("b1:money:total", "purse", "money", 100)
SMALL = gate("b1:money:total", "purse", "money", 50)
SOFT = gate("b2:money:total", "purse", "money", 30, hard=False)
DAY = gate("b3:money:20961002", "purse", "money", 70, until=END)
CREDIT = gate("credit:ws", "purse", "credit", 90)
CALLS = gate("l1:requests:20961002", "purse", "requests", 6, until=END)
GATES = (
    (RPM, BUDGET),
    (TPM, TPM_OUT, SLOTS),
    (RPM, TPM, WARNING, SOFT),
    (BUDGET, SMALL, DAY, CREDIT),
    (SMALL, SLOTS, OFTEN),
    (CALLS, CREDIT, OFTEN),
    (RPM, TPM, TPM_OUT, WARNING, OFTEN, SLOTS, BUDGET, SOFT, DAY, CREDIT, CALLS),
)
PURSES = sorted({each.key for gates in GATES for each in gates if each.kind == "purse"})
amounts = st.builds(
    lambda *taken: Amounts(1, *taken),
    *(st.integers(0, 30) for _ in range(2)),
    *(st.integers(0, 60) for _ in range(2)),
)


class Engines(RuleBasedStateMachine):
    """Both engines, one clock."""

    runner: ClassVar[asyncio.Runner]
    url: ClassVar[str]
    prefix: ClassVar[str]
    folder: ClassVar[Path]
    db: ClassVar[Database]
    holds: Bundle[tuple[Hold, Hold]] = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGIN
        self.memory = Memory()
        self.loaded: dict[str, int] = {}
        named = redis(self.url, f"{self.prefix}_{next(numbers)}", timeout_s=10)
        self.process = Process(named, self.db, self.folder, lambda: self.now)
        self.run(self.process.engine.start())
        self.run(self.process.up())

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.runner.run(work)

    @rule(target=holds, gates=st.sampled_from(GATES), amounts=amounts)
    def admit(self, gates: tuple[Gate, ...], amounts: Amounts) -> Any:
        one = self.memory.admit("req", gates, amounts, self.now)
        other = self.run(self.process.engine.admit("req", gates, amounts, self.now))
        if isinstance(one, Refused) or isinstance(other, Refused):
            assert one == other
            return multiple()
        assert one.levels == other.levels
        assert one.taken_s == other.taken_s
        return one, other

    @rule(pair=consumes(holds), actual=amounts)
    def settle(self, pair: tuple[Hold, Hold], actual: Amounts) -> None:
        self.memory.settle(pair[0], actual, self.now)
        self.process.engine.settle(pair[1], actual, self.now)
        self.run(self.process.told())

    @rule(pair=consumes(holds))
    def refund(self, pair: tuple[Hold, Hold]) -> None:
        self.memory.refund(pair[0], self.now)
        self.process.engine.refund(pair[1], self.now)
        self.run(self.process.told())

    @rule(pairs=st.lists(consumes(holds), max_size=5), actual=amounts)
    def settle_at_once(self, pairs: list[tuple[Hold, Hold]], actual: Amounts) -> None:
        for one, other in pairs:
            for _ in range(2):
                self.memory.settle(one, actual, self.now)
                self.process.engine.settle(other, actual, self.now)
        self.run(self.process.told())

    @rule(key=st.sampled_from(PURSES), amount=st.integers(0, 40))
    def load(self, key: str, amount: int) -> None:
        amount = self.loaded[key] = max(amount, self.loaded.get(key, 0))  # what was spent is not made less
        self.memory.load({key: amount})
        self.run(self.process.engine.load({key: amount}))

    @rule(eighths=st.one_of(st.integers(1, 8), st.integers(20, 100), st.integers(400, 600)))
    def go_on(self, eighths: int) -> None:
        self.now += eighths / 8

    @rule()
    def reconnect(self) -> None:
        self.process.cut()
        self.run(self.process.up())

    @invariant()
    def sums_are_equal(self) -> None:
        for key in PURSES:
            assert self.run(self.process.engine.purse(key)) == (self.memory.spent(key), self.memory.held(key))

    def teardown(self) -> None:
        self.run(self.process.close())


def test_both_engines_answer_the_same(
    redis_url: str,
    redis_prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from xroute.store import member

    caplog.set_level("ERROR")  # lost connections are part of it
    monkeypatch.setattr(member, "PAUSE_S", 0.001)
    monkeypatch.setattr(member, "LONGEST_S", 0.001)
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as folder:
        Engines.runner, Engines.url, Engines.prefix = runner, redis_url, redis_prefix
        Engines.folder = Path(folder)
        Engines.db = Database(f"sqlite:///{tmp_path / 'xroute.sqlite3'}")
        runner.run(ready(Engines.db))
        examples = int(os.environ.get("ENGINES_EXAMPLES", "40"))
        checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
        try:
            run_state_machine_as_test(
                Engines,
                settings=settings(
                    max_examples=examples, stateful_step_count=30, deadline=None, suppress_health_check=checks
                ),
            )
        finally:
            runner.run(Engines.db.close())
