"""`python -m bench`: every measurement in one run, the results as JSON and as a table."""

import argparse
import json
import resource
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import machine, measure, report
from bench.hotspots import profile
from bench.startup import SETTLE_S, Running, import_ms, start
from bench.subjects import Subject, present
from bench.upstreams import Upstreams

HERE = Path(__file__).parent
Samples = dict[str, list[dict[str, float]]]  # subject -> one entry per measurement made


def options(argv: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round, about a minute and a half")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (3; quick: 1)")
    parser.add_argument("--seconds", type=int, help="of each load (4; quick: 2), 2 or more")
    parser.add_argument("--streams", type=int, help="streams open at once (2000; quick: 500)")
    parser.add_argument("--rate", type=int, default=1000, help="calls per second for the latency")
    parser.add_argument("--only", action="append", help="a subject's name; again for another")
    parser.add_argument("--litellm", type=Path, help="a venv with litellm[proxy]")
    parser.add_argument("--portkey", type=Path, help="a folder with @portkey-ai/gateway in node_modules")
    parser.add_argument("--publish", action="store_true", help="write bench/README.md and bench/results.svg")
    parser.add_argument("--profile", action="store_true", help="py-spy on xroute under load, nothing else")
    found = parser.parse_args(argv)
    rounds, seconds, streams = (1, 2, 500) if found.quick else (3, 4, 2000)
    found.rounds = found.rounds or rounds
    found.seconds = found.seconds or seconds
    found.streams = found.streams if found.streams is not None else streams
    return found


def main(argv: list[str]) -> int:
    """Measures; the exit code is 2 where something that it needs is missing."""
    wanted = options(argv)
    if lacking := machine.missing():
        print(f"missing: sudo apt-get install {' '.join(lacking)}", file=sys.stderr)
        return 2
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, hard), hard))
    subjects, absent = present(wanted.litellm, wanted.portkey)
    if wanted.only:
        subjects = [s for s in subjects if s.name in wanted.only]
    for why in absent:
        print(f"left out: {why}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="xroute-bench-") as name:
        upstreams = Upstreams(Path(name))
        try:
            upstreams.wait()
            if wanted.profile:
                return profile(subjects, upstreams, Path(name), HERE / "out", wanted.seconds * 3)
            results = run(subjects, upstreams, Path(name), wanted)
        finally:
            upstreams.stop()
    results["command"] = command(argv, wanted)
    write(results, wanted.publish)
    return 0


def command(argv: list[str], wanted: argparse.Namespace) -> str:
    """The command line as anybody would write it: where the peers are is this machine's affair."""
    places = {str(wanted.litellm): "VENV", str(wanted.portkey): "FOLDER"}
    return shlex.join(["python", "-m", "bench", *(places.get(word, word) for word in argv)])


def run(
    subjects: list[Subject], upstreams: Upstreams, folder: Path, wanted: argparse.Namespace
) -> dict[str, Any]:
    """Every measurement; medians and all samples."""
    began = time.perf_counter()
    samples: Samples = {subject.name: [] for subject in subjects}
    running: list[Running] = []
    try:
        for subject in subjects:
            say(f"start {subject.name}")
            running.append(_started(subject, upstreams, folder, wanted, samples))
        failures = _loads(running, upstreams, folder, wanted, samples)
        direct = _latencies(running, upstreams, wanted, samples)
        _crowds(running, upstreams, wanted, samples)
    finally:
        for one in running:
            one.process.stop()
    say("imports")
    samples.setdefault("xroute", []).append(
        {"import_ms": import_ms("xroute", 5), "import_serve_ms": import_ms("xroute.web.serve", 3)}
    )
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": machine.describe(),
        "about": {subject.name: subject.about for subject in subjects},
        "rounds": wanted.rounds,
        "seconds": wanted.seconds,
        "streams": wanted.streams,
        "rate": wanted.rate,
        "direct": medians(direct),
        "failures": failures,
        "medians": {name: medians(found) for name, found in samples.items()},
        "samples": samples,
        "took_s": round(time.perf_counter() - began),
    }


def _started(
    subject: Subject, upstreams: Upstreams, folder: Path, wanted: argparse.Namespace, samples: Samples
) -> Running:
    """Starts it as often as there are rounds, a peer once; the last one stays."""
    times = 1 if subject.peer else wanted.rounds
    for left in reversed(range(times)):
        one = start(subject, upstreams.bases, folder)
        time.sleep(SETTLE_S)
        samples[subject.name].append({"first_s": one.first_s, "idle_mb": one.process.rss_mb()})
        if left:
            one.process.stop()
    return one


def _loads(
    running: list[Running], upstreams: Upstreams, folder: Path, wanted: argparse.Namespace, samples: Samples
) -> list[str]:
    """Calls and streams, round by round; gives back what a peer answered with errors."""
    failures: list[str] = []
    for number in range(wanted.rounds):
        for one in running:
            say(f"round {number + 1}: {one.subject.name}")
            for load in (measure.calls, measure.coalesced, measure.paced):
                try:
                    samples[one.subject.name].append(load(one, upstreams, folder, wanted.seconds))
                except RuntimeError as error:
                    if not one.subject.peer:
                        raise
                    say(f"{one.subject.name}, {load.__name__}: {error}")
                    failures.append(f"{one.subject.name}, {load.__name__}")
            for way in one.subject.ways:
                say(f"round {number + 1}: {one.subject.name}, {way.name}")
                found = measure.way(one, way, upstreams, folder, max(1, wanted.seconds // 2))
                samples[one.subject.name].append(found)
    return list(dict.fromkeys(failures))


def _latencies(
    running: list[Running], upstreams: Upstreams, wanted: argparse.Namespace, samples: Samples
) -> list[dict[str, float]]:
    """Latency of each at the rate, and straight to nginx. A peer that cannot hold the rate has none."""
    direct: list[dict[str, float]] = []
    for number in range(wanted.rounds):
        say(f"latency, round {number + 1}")
        bare = measure.latency(measure.direct(upstreams), wanted.rate, wanted.seconds - 1)
        direct.append(bare)
        for one in running:
            if one.subject.peer:
                continue
            ask = one.subject.ask(one.port, "whole", upstreams.bases)
            found = measure.latency(ask, wanted.rate, wanted.seconds - 1)
            added = {f"added_{name}": found[name] - bare[name] for name in bare}
            samples[one.subject.name].append(added)
    return direct


def _crowds(
    running: list[Running], upstreams: Upstreams, wanted: argparse.Namespace, samples: Samples
) -> None:
    for one in running:
        if not one.subject.peer and wanted.streams:
            say(f"{wanted.streams} streams: {one.subject.name}")
            samples[one.subject.name].append(measure.crowd(one, upstreams, wanted.streams, wanted.seconds))


def medians(samples: Iterable[dict[str, float]]) -> dict[str, float]:
    """The median of each figure over all samples that have it."""
    values: dict[str, list[float]] = {}
    for sample in samples:
        for name, value in sample.items():
            values.setdefault(name, []).append(value)
    return {name: statistics.median(found) for name, found in values.items()}


def write(results: dict[str, Any], publish: bool) -> None:
    """The results to bench/out, to the screen and, published, beside the sources."""
    out = HERE / "out"
    out.mkdir(exist_ok=True)
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    print(report.text(results))
    if publish:
        report.publish(results, HERE)


def say(text: str) -> None:
    """Progress, for the one who waits."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
