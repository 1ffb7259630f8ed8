"""Decides whether output has colours, and how wide it may be."""

from __future__ import annotations

import os
import shutil
import sys

GREEN, YELLOW, RED = "32", "33", "31"


def has_colours() -> bool:
    """Return whether to use colours: not in a file or a pipe, and not with NO_COLOR (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def coloured(text: str, colour: str) -> str:
    return f"\033[{colour}m{text}\033[0m" if has_colours() else text


def width() -> int | None:
    """Return the terminal's number of columns; None for a file or a pipe, which have no limit."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
