"""Says where the runs of tests keep what takes long to make: packages of functions, and transformed templates."""

from __future__ import annotations

from pathlib import Path

from nightbus.functions.runtimes.package_cache import user_cache


def cache_folder() -> Path:
    """Return `nightbus/testing` in the user's cache folder, as `user_cache` finds it, which is there then.

    Raises PermissionError.
    """
    return user_cache("testing")
