"""Says what a function sees of the machine's /tmp where the tests run from a folder below it."""

from __future__ import annotations

import sys
from pathlib import Path


def shown_in_tmp() -> list[str]:
    """The names in a function's new /tmp: none, or the folder below which its Python lies, which is shown again."""
    python = Path(sys.prefix).resolve()
    return [python.relative_to("/tmp").parts[0]] if python.is_relative_to("/tmp") else []
