"""Results as a table and as a plot, with what they were measured on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import plot
from bench.ways import WAYS, Way

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of the table. `target` is a most, for xroute."""

    key: str
    label: str
    form: str = "{:,.0f}"
    target: float | None = None
    ratio: bool = False  # shown against the bare relay too
    others: str = ""  # targets of xroute with more switched on


ROWS = (
    Row("call_us", "CPU per call, us", target=150, ratio=True, others="; 180 with limits, 250 with Redis"),
    Row("calls_per_s", "calls per second, 64 connections"),
    Row("coalesced_us", "CPU per chunk, coalesced, us", "{:,.1f}", 15, ratio=True),
    Row("paced_us", "CPU per chunk, paced, us", "{:,.1f}", 15, ratio=True),
    Row("added_p50_ms", "added latency, median, ms", "{:,.2f}", 0.3),
    Row("added_p99_ms", "added latency, 99th percentile, ms", "{:,.2f}", 2),
    Row("idle_mb", "memory idle, MB", target=100),
    Row("loaded_mb", "memory after load, MB"),
    Row("streams", "streams open at once"),
    Row("streams_mb", "memory then, MB", target=300),
    Row("streams_cpu", "CPU then, % of a core"),
    Row("first_s", "start to first answer, s", "{:,.2f}", 1.5),
    Row("import_ms", "`import xroute`, ms", "{:,.1f}", 150),
    Row("import_serve_ms", "import of all that serving needs, ms"),
)


def table(results: dict[str, Any]) -> str:
    """A Markdown table: a line per figure, a column per subject, ratios against the bare relay."""
    found: dict[str, dict[str, float]] = results["medians"]
    names = list(found)
    lines = ["| | " + " | ".join([*names, "target for xroute"]) + " |", "|---|" + "--:|" * (len(names) + 1)]
    for row in ROWS:
        if any(row.key in found[name] for name in names):
            cells = [_cell(row, found[name], found.get("bare relay", {})) for name in names]
            target = "" if row.target is None else f"<= {row.form.format(row.target)}{row.others}"
            lines.append("| " + " | ".join([row.label, *cells, target]) + " |")
    return "\n".join(lines)


def _cell(row: Row, own: dict[str, float], relay: dict[str, float]) -> str:
    value = own.get(row.key)
    if value is None:
        return ""
    text = row.form.format(value)
    if row.ratio and relay.get(row.key) and own is not relay:
        text += f" ({value / relay[row.key]:.2f}x)"
    return text


WAY_ROWS = (
    Row("call_us", "CPU per call, us", target=250),
    Row("coalesced_us", "per chunk, coalesced, us", "{:,.1f}", 40),
    Row("paced_us", "per chunk, paced, us", "{:,.1f}", 40),
)


def ways(results: dict[str, Any]) -> str:
    """A Markdown table: a line per way through xroute, its ratios to the pass-through and the bare relay."""
    own: dict[str, float] = results["medians"].get("xroute", {})
    relay: dict[str, float] = results["medians"].get("bare relay", {})
    lines = [
        "| client to deployment | " + " | ".join(row.label for row in WAY_ROWS) + " |",
        "|---|" + "--:|" * len(WAY_ROWS),
        "| chat to openai: the pass-through | "
        + " | ".join(_against(own.get(row.key), row, None, relay) for row in WAY_ROWS)
        + " |",
    ]
    lines += [_way(way, own, relay) for way in WAYS if f"{way.name}.call_us" in own]
    targets = " | ".join(f"<= {row.form.format(row.target)}" for row in WAY_ROWS)
    return "\n".join([*lines, f"| target for translations | {targets} |"])


def _way(way: Way, own: dict[str, float], relay: dict[str, float]) -> str:
    cells = [_against(own.get(f"{way.name}.{row.key}"), row, own, relay) for row in WAY_ROWS]
    note = f": {way.note}" if way.note else ""
    return f"| {way.name}{note} | " + " | ".join(cells) + " |"


def _against(value: float | None, row: Row, passed: dict[str, float] | None, relay: dict[str, float]) -> str:
    """The figure, and how many times the pass-through's and the bare relay's it is."""
    if value is None:
        return ""
    found = [of[row.key] for of in (passed, relay) if of and of.get(row.key)]
    ratios = ", ".join(f"{value / of:.2f}x" for of in found)
    return row.form.format(value) + (f" ({ratios})" if ratios else "")


def text(results: dict[str, Any]) -> str:
    """The table with everything that one must know to read it."""
    machine = results["machine"]
    direct = results["direct"]
    return "\n".join(
        [
            f"Measured {results['date']} with `{results['command']}`, in {results['took_s']} s:"
            f" medians of {results['rounds']} interleaved rounds, each load {results['seconds']} s.",
            "",
            table(results),
            "",
            "Other ways through xroute, in the same run and process; in brackets how many times the figure of"
            " the pass-through and that of the bare relay it is:",
            "",
            ways(results),
            "",
            *(f"- **{name}**: {about}" for name, about in results["about"].items()),
            f"- Latency at {results['rate']:,} calls per second; straight to nginx it is"
            f" {direct['p50_ms']:.2f} ms (median) and {direct['p99_ms']:.2f} ms (99th percentile).",
            *(f"- Not measured, as it answered with errors: {what}" for what in results["failures"]),
            "- " + ", ".join(f"{name}: {value}" for name, value in machine.items()),
        ]
    )


def publish(results: dict[str, Any], folder: Path) -> None:
    """Puts the table into README.md between its marks, and draws results.svg."""
    readme = folder / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}\n\n{text(results)}\n\n{END}{after}")
    (folder / "results.svg").write_text(plot.draw(results["medians"]))
