"""Lets npm, pip and uv leave nothing behind where the node is killed while one of them installs packages."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)

_PREFIX = ".installing-"
_ABANDONED_SECONDS = 3600.0  # no installation takes so long; another node may be installing beside this one
_WITH_PARENT = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""


def installing_folder(cache: Path) -> Path:
    """A new folder in `cache` to install into. Those that a killed node has left are removed. Blocks."""
    before = time.time() - _ABANDONED_SECONDS
    for left in cache.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if left.stat().st_mtime < before:
                shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=cache))


@contextlib.contextmanager
def shown_in_log(packages: str) -> Iterator[None]:
    """Say in the node's log that packages are being installed, since a first invocation waits for them."""
    log.info("installing %s, once; the function waits for it", packages)
    began = time.monotonic()
    yield
    log.info("installed %s in %.1f s", packages, time.monotonic() - began)


def ends_with_this() -> list[str]:
    """What a command line begins with so that the command is killed when the thread that waits for it ends.

    A program of its own sets that up: code between fork and exec is not safe in a process with threads.
    """
    if sys.platform != "linux":
        return []
    return [sys.executable, "-I", "-S", "-c", _WITH_PARENT, str(os.getpid())]
