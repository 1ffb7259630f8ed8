"""Decides whether output has colours, and how wide it may be."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata

_CONTROLS = ("Cc", "Cf", "Cs")  # Cf: marks that turn the direction of writing
GREEN, YELLOW, RED = "32", "33", "31"


def has_colours() -> bool:
    """Return whether to use colours: not in a file or a pipe, and not with NO_COLOR (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def without_controls(text: str, keep: str = "") -> str:
    """Return `text` with its control characters written out (`\\x1b`), except those in `keep`.

    What others wrote, such as a text message, must not move the cursor, set the title or fill the clipboard of the
    terminal that shows it.
    """
    if text.isprintable():
        return text
    return "".join(
        one if one in keep or unicodedata.category(one) not in _CONTROLS else ascii(one)[1:-1] for one in text
    )


def coloured(text: str, colour: str) -> str:
    return f"\033[{colour}m{text}\033[0m" if has_colours() else text


def width() -> int | None:
    """Return the terminal's number of columns; None for a file or a pipe, which have no limit."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
