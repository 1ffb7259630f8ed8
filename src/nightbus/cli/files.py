"""Reads the files that a person names."""

from __future__ import annotations

import sys
from pathlib import Path

from nightbus.cli.errors import WRONG_USAGE, CommandFailed


def read_text(file: Path) -> str:
    """A file's text, or standard input's where it is `-`. Raises CommandFailed, which names the file and says why."""
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text()
    except OSError as failure:
        raise CommandFailed(f"{file} cannot be read: {failure.strerror}", WRONG_USAGE) from None
    except UnicodeDecodeError:
        raise CommandFailed(f"{file} cannot be read: it is not UTF-8", WRONG_USAGE) from None
