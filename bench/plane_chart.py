"""The medians drawn as bars: an SVG that follows the reader's light or dark setting."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from plane_figures import Figures
from plane_memory import IDLE, full_name
from plane_report import shown
from plane_rounds import CONNECTIONS, INVOKE, RECEIVE, RESULT, Settings, put_name

WIDTH = 820
LABEL = 330  # where the bars begin
VALUE = 90  # kept free behind the longest bar
BAR, GAP, HEADING = 16, 10, 44
# One hue an endpoint, told apart by those who see no red or green as well.
LIGHT = ("#2a66c8", "#c2610c", "#6d7f14", "#8a4fb5")
DARK = ("#7fb0ff", "#ffab5c", "#c5d75b", "#cfa2f0")


@dataclass(frozen=True)
class Panel:
    title: str
    rows: tuple[tuple[str, str, str], ...]  # label, and what with its unit


def panels(settings: Settings) -> list[Panel]:
    puts = [put_name(rules, connections) for rules in settings.rules for connections in CONNECTIONS]
    took = [put_name(1, 1), RECEIVE, RESULT, INVOKE]
    held = [IDLE, full_name(settings)]
    return [
        Panel(
            "PutEvents, events a second (more is better)",
            tuple((what.removeprefix("PutEvents, "), what, "events/s") for what in puts),
        ),
        Panel("Milliseconds, p50 (less is better)", tuple((what, what, "ms p50") for what in took)),
        Panel("Memory in MB (less is better)", tuple((what, what, "MB") for what in held)),
    ]


def chart(figures: Figures, settings: Settings) -> str:
    drawn = panels(settings)
    names = [name for name in figures.endpoints if any(_has(figures, panel, name) for panel in drawn)]
    body, top = legend(names), 40
    for panel in drawn:
        lines, height = draw(panel, figures, names, top)
        body += lines
        top += height
    return document("\n".join(body), top + 10)


def _has(figures: Figures, panel: Panel, name: str) -> bool:
    return any(figures.find(what, unit, name) for _, what, unit in panel.rows)


def legend(names: list[str]) -> list[str]:
    lines, left = [], 10
    for number, name in enumerate(names):
        lines.append(
            f'<rect class="bar{number % len(LIGHT)}" x="{left}" y="12" width="12" height="12" rx="2"/>'
        )
        lines.append(f'<text x="{left + 18}" y="22">{escape(name)}</text>')
        left += 40 + 8 * len(name)
    return lines


def draw(panel: Panel, figures: Figures, names: list[str], top: int) -> tuple[list[str], int]:
    """A heading and its groups of bars, all on one scale; and how high that is."""
    values = {
        (row, name): figure.median
        for row in panel.rows
        for name in names
        if (figure := figures.find(row[1], row[2], name))
    }
    scale = (WIDTH - LABEL - VALUE) / (max((value for value in values.values() if value), default=0) or 1)
    lines, y = [f'<text class="heading" x="10" y="{top + 24}">{escape(panel.title)}</text>'], top + HEADING
    for row in panel.rows:
        lines.append(f'<text class="label" x="{LABEL - 10}" y="{y + 12}">{escape(row[0])}</text>')
        for number, name in enumerate(names):
            if (row, name) in values:
                lines += bar(values[row, name], scale, number, y)
                y += BAR
        y += GAP
    return lines, y - top


def bar(value: float | None, scale: float, number: int, y: int) -> list[str]:
    if value is None:
        return [f'<text class="value" x="{LABEL + 6}" y="{y + 12}">none</text>']
    width = max(1.0, value * scale)
    kind = number % len(LIGHT)
    return [
        f'<rect class="bar{kind}" x="{LABEL}" y="{y + 1}" width="{width:.1f}" height="{BAR - 3}" rx="2"/>',
        f'<text class="value" x="{LABEL + width + 6:.1f}" y="{y + 12}">{shown(value)}</text>',
    ]


def document(body: str, height: int) -> str:
    light = "".join(f" .bar{number} {{ fill: {hue} }}" for number, hue in enumerate(LIGHT))
    dark = "".join(f" .bar{number} {{ fill: {hue} }}" for number, hue in enumerate(DARK))
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">
<title>Nightbus benchmark: events a second, latencies and memory</title>
<style>
text {{ font: 12px system-ui, sans-serif; fill: #1f2328 }}
.heading {{ font-weight: 600; font-size: 13px }} .label {{ text-anchor: end }}
.paper {{ fill: #ffffff }}{light}
@media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} .paper {{ fill: #0d1117 }}{dark} }}
</style>
<rect class="paper" width="{WIDTH}" height="{height}" rx="6"/>
{body}
</svg>
"""
