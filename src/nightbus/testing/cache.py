"""Says where the runs of tests keep what takes long to make: packages of functions, and transformed templates."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return `nightbus/testing` in the user's cache folder (`XDG_CACHE_HOME`, else `~/.cache`), which is there then."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(caches) / "nightbus" / "testing"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
