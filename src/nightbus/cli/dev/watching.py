"""Watches folders, and passes on the files that changed in them, several saves in a burst as one change.

What editors, Python and tools leave beside the sources is not a change of these.
"""

from __future__ import annotations

import fnmatch
import queue
import threading
from collections.abc import Iterable
from pathlib import Path

_IGNORED_FOLDERS = frozenset({
    ".aws-sam", ".git", ".hg", ".idea", ".mypy_cache", ".nightbus", ".pytest_cache", ".ruff_cache", ".svn", ".tox",
    ".venv", ".vscode", "__pycache__", "cdk.out", "node_modules",
})  # fmt: skip
_IGNORED_FILES = (
    "*~", ".#*", "#*#", "*.sw?", ".*.sw?", "4913", "*.py[cod]", "*.tmp", "*.tmp.*", ".goutputstream-*", "*___jb_???___",
    ".DS_Store", "flycheck_*", ".~*", "*.kate-swp", ".!*!*",
)  # fmt: skip
_BURST_MS = 20  # quiet after which a burst has ended
_LONGEST_BURST_MS = 300
_START_SECONDS = 10.0
_AGAIN_SECONDS = 1.0


def is_ignored(path: Path, root: Path) -> bool:
    """Whether a file below `root` is none of the sources."""
    parts = path.relative_to(root).parts if path.is_relative_to(root) else path.parts
    if not _IGNORED_FOLDERS.isdisjoint(parts):
        return True
    return any(fnmatch.fnmatchcase(path.name, pattern) for pattern in _IGNORED_FILES)


class Watcher:
    """Puts sets of changed files into `changes`, until it is stopped."""

    def __init__(self, changes: queue.Queue[set[Path]]) -> None:
        self._changes = changes
        self._watched: tuple[frozenset[Path], frozenset[Path]] | None = None
        self._watch: _Watch | None = None

    def watch(self, folders: Iterable[Path], files: Iterable[Path]) -> bool:
        """Watch the folders with all below them, and single files. Returns False where these are watched already.

        The former watch ends after the new one has begun, so that no save is missed in between.
        """
        watched = frozenset(folders), frozenset(files)
        if watched == self._watched:
            return False
        former, self._watch, self._watched = self._watch, _Watch(self._changes), watched
        self._watch.start(*watched)
        if former is not None:
            former.stop()
        return True

    def stop(self) -> None:
        if self._watch is not None:
            self._watch.stop()


class _Watch:
    """One set of folders and files, with a thread for the folders and one for the files."""

    def __init__(self, changes: queue.Queue[set[Path]]) -> None:
        self._changes = changes
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, folders: Iterable[Path], files: Iterable[Path]) -> None:
        """Returns when changes are noticed from then on."""
        outer: list[Path] = []
        for folder in sorted(folders):
            if not any(folder.is_relative_to(one) for one in outer):
                outer.append(folder)
        single = set(files)
        started = [threading.Event() for _ in range(2)]
        self._begin(outer, True, None, started[0])
        self._begin(sorted({file.parent for file in single}), False, single, started[1])
        for one in started:
            one.wait(_START_SECONDS)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _begin(
        self, folders: list[Path], recursive: bool, single: set[Path] | None, started: threading.Event
    ) -> None:
        if not folders:
            started.set()
            return
        watch = (folders, recursive, single, self._stop, started)
        thread = threading.Thread(target=self._watch, args=watch, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _watch(
        self,
        folders: list[Path],
        recursive: bool,
        single: set[Path] | None,
        stop: threading.Event,
        started: threading.Event,
    ) -> None:
        """By the system's notices, else (too many folders, a network's disk) by looking again and again.

        Where neither works, because a folder is gone for a moment, the watch begins again until it is stopped.
        """
        while not stop.is_set():
            for polling in (None, True):
                try:
                    self._watch_by(folders, recursive, single, stop, started, polling)
                    return
                except OSError:
                    continue
            started.set()
            stop.wait(_AGAIN_SECONDS)

    def _watch_by(
        self,
        folders: list[Path],
        recursive: bool,
        single: set[Path] | None,
        stop: threading.Event,
        started: threading.Event,
        polling: bool | None,
    ) -> None:
        from watchfiles import Change, watch

        def is_source(_: Change, name: str) -> bool:
            path = Path(name)
            if single is not None:
                return path in single
            root = next((folder for folder in folders if path.is_relative_to(folder)), path.parent)
            return not is_ignored(path, root)

        for changed in watch(
            *folders,
            watch_filter=is_source,
            debounce=_LONGEST_BURST_MS,
            step=_BURST_MS,
            stop_event=stop,
            rust_timeout=100,
            yield_on_timeout=True,
            raise_interrupt=False,
            force_polling=polling,
            recursive=recursive,
        ):
            started.set()  # the first turn comes when the watches are there
            if changed:
                self._changes.put({Path(name) for _, name in changed})
