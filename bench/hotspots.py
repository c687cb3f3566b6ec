"""Where xroute's CPU time goes under load, by py-spy."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from bench.load import result, start_wrk
from bench.measure import CONNECTIONS
from bench.startup import start
from bench.subjects import KINDS, Subject
from bench.upstreams import Upstreams

RATE = 400  # samples per second
SHOWN = 40


def profile(subjects: list[Subject], upstreams: Upstreams, folder: Path, out: Path, seconds: int) -> int:
    """Prints the hottest functions of each kind of call, and keeps the raw stacks in `out`."""
    spy = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if spy is None:
        print("py-spy is missing: pip install -r bench/requirements.lock", file=sys.stderr)
        return 2
    out.mkdir(exist_ok=True)
    for subject in subjects:
        if subject.peer:
            continue
        running = start(subject, upstreams.bases, folder)
        try:
            for kind in KINDS:
                upstreams.pace(0.005, 200)
                raw = out / f"{subject.name.replace(' ', '-').replace(',', '')}-{kind}.raw"
                ask = subject.ask(running.port, kind, upstreams.bases)
                wrk = start_wrk(ask, folder, connections=CONNECTIONS, seconds=seconds + 3)
                argv = ["record", "-p", str(running.process.pid), "-d", str(seconds), "-r", str(RATE)]
                subprocess.run(
                    [spy, *argv, "-f", "raw", "-n", "-o", str(raw)], check=True, capture_output=True
                )
                result(wrk)
                print(f"\n## {subject.name}, {kind}\n{hottest(raw)}")
        finally:
            running.process.stop()
    return 0


def hottest(raw: Path) -> str:
    """Functions by their own time, and by their time with all that they call."""
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for line in raw.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [re.sub(r":\d+\)$", ")", frame) for frame in stack.split(";")]
        own[frames[-1]] += int(count)
        for frame in set(frames):
            total[frame] += int(count)
    samples = sum(own.values()) or 1
    lines = [f"{samples} samples", "own time:"]
    lines += [f"{100 * count / samples:6.1f} %  {frame}" for frame, count in own.most_common(SHOWN)]
    lines.append("with what it calls:")
    ours = [(frame, count) for frame, count in total.most_common() if "xroute/" in frame or "bench/" in frame]
    lines += [f"{100 * count / samples:6.1f} %  {frame}" for frame, count in ours[:SHOWN]]
    return "\n".join(lines)
