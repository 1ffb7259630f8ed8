"""Says where lies what runtimes bring: in the user's cache.

It is the same for every node of this user, and lies outside their data, which functions do not see.
"""

from __future__ import annotations

import os
from pathlib import Path


def package_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "nightbus" / "runtimes"


def empty_folder() -> Path:
    """For /var/runtime, where a runtime has nothing there."""
    folder = package_cache() / "empty"
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    return folder
