"""How are the figures shown? As two tables of medians, on the terminal and in markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plane_figures import Figure, Figures
from plane_rounds import CONNECTIONS, LOAD, Settings, put_name
from rich.console import Console
from rich.table import Table

WIDTH = 110  # also where the output is no terminal
BEGIN, END = "<!-- measured -->\n", "<!-- /measured -->\n"


@dataclass(frozen=True)
class Grid:
    """The first `names` columns say what it is, the others are figures."""

    headings: list[str]
    names: int
    rows: list[list[str]]


def conditions(settings: Settings, client: str, load: float, minutes: float) -> str:
    counted = "one round" if settings.rounds == 1 else f"median of {settings.rounds} rounds"
    machine = f"{os.cpu_count()} cores (load {load:.1f} before), {platform.system()}"
    return (
        f"{machine}, Python {platform.python_version()}; driven by {client}; "
        f"ten events a request; {counted} of {settings.seconds:g} s; {minutes:.1f} minutes in all"
    )


def grids(figures: Figures) -> list[Grid]:
    loads = [what for what, unit in figures.rows() if unit == LOAD[0]]
    others = [(what, unit) for what, unit in figures.rows() if what not in loads]
    return [
        Grid(["", "", *LOAD], 2, [row for what in loads for row in _load_rows(figures, what)]),
        Grid(["", "unit", *figures.endpoints], 2, _rows(figures, others)),
    ]


def _load_rows(figures: Figures, what: str) -> list[list[str]]:
    """One for each endpoint."""
    rows: list[list[str]] = []
    for name in figures.endpoints:
        found = [figures.find(what, unit, name) for unit in LOAD]
        if any(found):
            rows.append(["" if rows else what, name, *map(cell, found)])
    return rows


def _rows(figures: Figures, wanted: list[tuple[str, str]]) -> list[list[str]]:
    rows, previous = [], ""
    for what, unit in wanted:
        cells = [cell(figures.find(what, unit, name)) for name in figures.endpoints]
        rows.append(["" if what == previous else what, unit, *cells])
        previous = what
    return rows


def cell(figure: Figure | None) -> str:
    if figure is None:
        return ""
    return "none" if figure.median is None else shown(figure.median)


def shown(value: float) -> str:
    """Three digits where it is small, whole where it is large."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def flatness(figures: Figures, settings: Settings) -> list[str]:
    """How much of the rate with one rule is left with more, at the most connections."""
    found = []
    for endpoint in figures.endpoints:
        one = figures.find(put_name(1, CONNECTIONS[-1]), LOAD[0], endpoint)
        for rules in [count for count in settings.rules if count > 1]:
            many = figures.find(put_name(rules, CONNECTIONS[-1]), LOAD[0], endpoint)
            if one and many and one.median and many.median:
                share = many.median / one.median
                found.append(
                    f"{endpoint}: PutEvents with {rules:,} rules at {share:.2f} of the rate with one"
                )
    return found


def notes(figures: Figures) -> list[str]:
    """Why there is none, once for each reason."""
    missing: dict[tuple[str, str], dict[str, None]] = {}
    for figure in figures:
        if figure.reason:
            missing.setdefault((figure.endpoint, figure.reason), {})[figure.what] = None
    return [
        f"{endpoint}: none for {'; '.join(what)}: {reason}" for (endpoint, reason), what in missing.items()
    ]


def print_tables(figures: Figures, about: str, found: Sequence[str] = ()) -> None:
    console = Console()
    console.width = max(console.width, WIDTH)
    for grid in grids(figures):
        table = Table()
        for number, heading in enumerate(grid.headings):
            table.add_column(heading, justify="left" if number < grid.names else "right", no_wrap=True)
        for row in grid.rows:
            if row[0]:
                table.add_section()
            table.add_row(*row)
        console.print(table)
    for line in [about, *found, *notes(figures)]:
        console.print(line, highlight=False)


def markdown(figures: Figures, about: str, found: Sequence[str] = ()) -> str:
    parts = [f"{about[0].upper()}{about[1:]}."]
    for grid in grids(figures):
        ruler = ["---"] * grid.names + ["---:"] * (len(grid.headings) - grid.names)
        parts.append("\n".join(f"| {' | '.join(row)} |" for row in (grid.headings, ruler, *grid.rows)))
    if lines := [*found, *notes(figures)]:
        parts.append("\n".join(f"- {line}" for line in lines))
    return "\n\n".join(parts) + "\n"


def write_markdown(file: Path, text: str, begin: str = BEGIN, end: str = END) -> None:
    """Between its marks where the file has them, else as the whole file."""
    page = file.read_text() if file.exists() else ""
    if begin in page and end in page:
        before, rest = page.split(begin, 1)
        text = f"{before}{begin}\n{text}\n{end}{rest.split(end, 1)[1]}"
    file.write_text(text)
