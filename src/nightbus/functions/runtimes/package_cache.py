"""Says where the user's cache lies, and in it what runtimes bring.

It is the same for every node of this user, and lies outside their data, which functions do not see.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path


def user_cache(name: str) -> Path:
    """Return the folder `nightbus/NAME` in the user's cache folder (`XDG_CACHE_HOME`, else `~/.cache`), which is there
    then.

    Where that cannot be written, as in many containers, it lies in a folder of the user's own among the temporary ones.
    Raises PermissionError where somebody else has that.
    """
    with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: no home
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        folder = Path(base) / "nightbus" / name
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    folder = _temporary() / name
    folder.mkdir(mode=0o755, exist_ok=True)
    return folder


def _temporary() -> Path:
    """Functions are made of what lies there, so nobody else may have made it."""
    folder = Path(tempfile.gettempdir()) / f"nightbus-cache-{os.getuid()}"
    folder.mkdir(mode=0o755, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise PermissionError(
            f"{folder} is not a folder that only this user can write; set XDG_CACHE_HOME to one"
        )
    return folder


def package_cache() -> Path:
    return user_cache("runtimes")


def empty_folder() -> Path:
    """For /var/runtime, where a runtime has nothing there."""
    folder = package_cache() / "empty"
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    return folder
