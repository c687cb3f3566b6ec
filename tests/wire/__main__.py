"""`python -m tests.wire [FILE ...]`: recorded answers of real providers, replayed through the dialects."""

import sys
from pathlib import Path

from tests.wire.recordings import SHARED, files
from tests.wire.run import Outcome, run

ENOUGH = 0.98  # of the judged recordings


def main(arguments: list[str]) -> int:
    """Judge the files given, or all shared ones; 0 when enough of their recordings pass."""
    paths = [Path(argument) for argument in arguments] or files()
    if not paths:
        print(f"no recordings: {SHARED} is not there")
        print("0 passed, 0 failed")
        return 0
    outcome = run(paths)
    _tell(outcome)
    return 0 if outcome.rate >= ENOUGH else 1


def _tell(outcome: Outcome) -> None:
    for failure in outcome.failures:
        print(failure)
    for reason, number in outcome.skipped.most_common():
        print(f"skipped: {number} x {reason}")
    beside = ", ".join(f"{number} {endpoint}" for endpoint, number in outcome.beside.most_common())
    if beside:
        print(f"no check for these endpoints: {beside}")
    judged = f"{outcome.passed} passed, {len(outcome.failures)} failed"
    skipped = outcome.skipped.total()
    print(f"{judged}, {skipped} skipped" if skipped else judged)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
