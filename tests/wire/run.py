"""Runs files of recordings through the check of their endpoint."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.wire import judges
from tests.wire.recordings import Recording, read
from tests.wire.verdict import Failed, Skipped

# endpoint of a recording -> its check; endpoints that are not here are counted and left alone
CHECKS = judges.found()


@dataclass
class Outcome:
    """The sum over some recordings."""

    passed: int = 0
    failures: list[str] = field(default_factory=list)  # "file:line reason"
    skipped: Counter[str] = field(default_factory=Counter)  # by reason
    beside: Counter[str] = field(default_factory=Counter)  # by endpoint without a check

    @property
    def rate(self) -> float:
        judged = self.passed + len(self.failures)
        return self.passed / judged if judged else 1.0

    def add(self, other: "Outcome") -> None:
        self.passed += other.passed
        self.failures += other.failures
        self.skipped += other.skipped
        self.beside += other.beside


def run(paths: Iterable[Path]) -> Outcome:
    """Judge every recording of the files."""
    outcome = Outcome()
    for path in paths:
        for recording in read(path):
            _judge(recording, outcome)
    return outcome


def _judge(recording: Recording, outcome: Outcome) -> None:
    check = CHECKS.get(recording.endpoint)
    if check is None:
        outcome.beside[recording.endpoint] += 1
        return
    try:
        check(recording)
    except Failed as reason:
        outcome.failures.append(f"{recording.where} {reason}")
    except Skipped as reason:
        outcome.skipped[str(reason)] += 1
    except Exception as error:  # the boundary: a crash on one recording is that recording's failure
        outcome.failures.append(f"{recording.where} {type(error).__name__}: {error}")
    else:
        outcome.passed += 1
