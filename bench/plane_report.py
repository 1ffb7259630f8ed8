"""How are the figures shown? A table of medians on the terminal, and the same one in markdown."""

from __future__ import annotations

import os
import platform

from plane_figures import Figure, Figures
from plane_rounds import Settings
from rich.console import Console
from rich.table import Table

WIDTH = 110  # also where the output is no terminal


def conditions(settings: Settings, client: str, minutes: float) -> str:
    counted = "one round" if settings.rounds == 1 else f"median of {settings.rounds} rounds"
    return (
        f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}; driven by {client}; "
        f"ten events a request; {counted} of {settings.seconds:g} s; {minutes:.1f} minutes in all"
    )


def console_table(figures: Figures, about: str) -> None:
    table = Table(caption=about)
    table.add_column("", no_wrap=True)
    table.add_column("unit")
    for name in figures.endpoints:
        table.add_column(name, justify="right")
    previous = ""
    for what, unit, cells in rows(figures):
        if previous and what != previous:
            table.add_section()
        table.add_row("" if what == previous else what, unit, *cells)
        previous = what
    console = Console()
    console.width = max(console.width, WIDTH)
    console.print(table)
    for line in notes(figures):
        console.print(line, highlight=False)


def markdown(figures: Figures, about: str) -> str:
    names = figures.endpoints
    lines = [f"{about[0].upper()}{about[1:]}.", "", "| | unit | " + " | ".join(names) + " |"]
    lines.append("| --- | --- |" + " ---: |" * len(names))
    lines += [f"| {what} | {unit} | " + " | ".join(cells) + " |" for what, unit, cells in rows(figures)]
    missing = notes(figures)
    return "\n".join(lines + ([""] if missing else []) + [f"- {line}" for line in missing]) + "\n"


def rows(figures: Figures) -> list[tuple[str, str, list[str]]]:
    names = figures.endpoints
    return [
        (what, unit, [cell(figures.find(what, unit, name)) for name in names])
        for what, unit in figures.rows()
    ]


def cell(figure: Figure | None) -> str:
    if figure is None:
        return ""
    return "none" if figure.median is None else shown(figure.median)


def shown(value: float) -> str:
    """Three figures where they are small; whole thousands are whole."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def notes(figures: Figures) -> list[str]:
    """Why there is none, once for each reason."""
    missing: dict[tuple[str, str], dict[str, None]] = {}
    for figure in figures:
        if figure.reason:
            missing.setdefault((figure.endpoint, figure.reason), {})[figure.what] = None
    return [
        f"{endpoint}: none for {'; '.join(what)}: {reason}" for (endpoint, reason), what in missing.items()
    ]
