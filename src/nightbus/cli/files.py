"""Reads the files that a user names on the command line."""

from __future__ import annotations

import sys
from pathlib import Path

from nightbus.cli.errors import WRONG_USAGE, CommandFailed


def read_text(file: Path) -> str:
    """Return the text of a file, or of standard input for `-`. Raises CommandFailed with the file and the reason."""
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text()
    except OSError as failure:
        raise CommandFailed(f"{file} cannot be read: {failure.strerror}", WRONG_USAGE) from None
    except UnicodeDecodeError:
        raise CommandFailed(f"{file} cannot be read: it is not UTF-8", WRONG_USAGE) from None
