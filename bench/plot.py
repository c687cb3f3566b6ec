"""Bar charts of results, as SVG."""

from html import escape

WIDTH, LABEL, BAR, GAP, HEAD = 760, 170, 22, 8, 34
PANELS = (
    ("call_us", "CPU per call, microseconds", "{:,.0f}"),
    ("paced_us", "CPU per streamed chunk (each chunk on its own), microseconds", "{:,.1f}"),
    ("coalesced_us", "CPU per streamed chunk (many chunks in a segment), microseconds", "{:,.1f}"),
    ("idle_mb", "memory idle, MB", "{:,.0f}"),
)
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2937}.h{font-weight:600}"
    ".b{fill:#9ca3af}.x{fill:#2563eb}@media(prefers-color-scheme:dark){text{fill:#e5e7eb}}"
)


def draw(medians: dict[str, dict[str, float]]) -> str:
    """One panel of horizontal bars for each figure, linear from zero."""
    parts: list[str] = []
    top = 10
    for key, title, form in PANELS:
        values = {name: found[key] for name, found in medians.items() if key in found}
        if values:
            parts.append(f'<text class="h" x="10" y="{top + 16}">{escape(title)}</text>')
            parts += _bars(values, form, top + HEAD)
            top += HEAD + len(values) * (BAR + GAP) + 14
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}">'
    )
    return "\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>", ""])


def _bars(values: dict[str, float], form: str, top: int) -> list[str]:
    most = max(values.values()) or 1.0
    room = WIDTH - LABEL - 90
    lines: list[str] = []
    for place, (name, value) in enumerate(values.items()):
        y = top + place * (BAR + GAP)
        width = max(1.0, room * value / most)
        kind = "x" if name == "xroute" else "b"
        lines.append(f'<text x="{LABEL - 8}" y="{y + 16}" text-anchor="end">{escape(name)}</text>')
        lines.append(f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{width:.1f}" height="{BAR}" rx="3"/>')
        lines.append(f'<text x="{LABEL + width + 6:.1f}" y="{y + 16}">{form.format(value)}</text>')
    return lines
