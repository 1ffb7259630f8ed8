"""How is a folder removed in which a function, or a package, made what it liked?

As deep as it may be, whatever is closed in it: neither calls nor open descriptors become more for a folder that lies
deeper. It goes down and up again as one would with `cd`, and looks each time whether it came where it wanted to.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import NamedTuple

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class _Level(NamedTuple):
    """A folder on the way down: its name in the one above, and the folders in it that are still to be removed."""

    name: str
    identity: tuple[int, int]
    folders: list[str]


def remove_tree(folder: Path) -> None:
    """What cannot be removed stays, without a word. No link is followed. Blocks."""
    with contextlib.suppress(OSError):
        here = os.open(folder.absolute().parent, _FOLDER)
        way = [_Level("", _identity(here), [folder.name])]
        try:
            while len(way) > 1 or way[0].folders:
                here = _step(here, way)
        finally:
            os.close(here)


def _step(here: int, way: list[_Level]) -> int:
    """Down into the next folder, or up from one that has none any more. Raises OSError where the way up is lost."""
    level = way[-1]
    if level.folders:
        name = level.folders.pop()
        try:
            below = _opened(here, name)
        except OSError:
            return here
        os.close(here)
        way.append(_Level(name, _identity(below), _emptied(below)))
        return below
    way.pop()
    above = os.open("..", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=here)
    os.close(here)
    if _identity(above) == way[-1].identity:
        with contextlib.suppress(OSError):
            os.rmdir(level.name, dir_fd=above)
    else:  # it was moved meanwhile: nothing there is ours
        way[:] = [_Level("", (0, 0), [])]
    return above


def _identity(folder: int) -> tuple[int, int]:
    found = os.fstat(folder)
    return found.st_dev, found.st_ino


def _emptied(folder: int) -> list[str]:
    """Remove the files of a folder; the folders in it are returned."""
    folders: list[str] = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                else:
                    os.unlink(entry.name, dir_fd=folder)
    return folders


def _opened(parent: int, name: str) -> int:
    """A descriptor of a folder that may be read and written, which it is made for where it is not."""
    if hasattr(os, "O_PATH"):
        handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            mode = os.fstat(handle).st_mode
            if mode & stat.S_IRWXU != stat.S_IRWXU:
                os.chmod(f"/proc/self/fd/{handle}", stat.S_IMODE(mode) | stat.S_IRWXU)  # noqa: PTH101
        finally:
            os.close(handle)
    return os.open(name, _FOLDER, dir_fd=parent)
