"""Says whether output may have colours, and how wide the terminal is."""

from __future__ import annotations

import os
import shutil
import sys

GREEN, YELLOW, RED = "32", "33", "31"


def has_colours() -> bool:
    """Not in a file or a pipe, and not where the person wants none (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def coloured(text: str, colour: str) -> str:
    return f"\033[{colour}m{text}\033[0m" if has_colours() else text


def width() -> int | None:
    """The terminal's columns; None where nothing has to fit, as in a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
