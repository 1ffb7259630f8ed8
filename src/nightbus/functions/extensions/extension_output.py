"""Reads what the extensions of one environment print, line by line, and stops reading while the log is behind."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

_READ = 8192
_LONGEST_LINE = 256 * 1024
_PAUSE_SECONDS = 0.05


class ExtensionOutput:
    """`line` gets each line with its end. While `is_behind` is true nothing is read, so that extensions wait."""

    def __init__(self, line: Callable[[str], None], is_behind: Callable[[], bool]) -> None:
        self._line = line
        self._is_behind = is_behind
        self._loop = asyncio.get_running_loop()
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self._rest = b""
        self._paused: asyncio.TimerHandle | None = None
        self._is_reading = False

    def start(self) -> None:
        """The extensions have their end of the pipe now."""
        os.close(self.write_end)
        self.write_end = -1
        self._resume()

    def _resume(self) -> None:
        self._paused = None
        if self._read_end < 0:
            return
        if self._is_behind():
            self._paused = self._loop.call_later(_PAUSE_SECONDS, self._resume)
        else:
            self._loop.add_reader(self._read_end, self._readable)
            self._is_reading = True

    def _pause(self) -> None:
        if self._is_reading:
            self._is_reading = False
            self._loop.remove_reader(self._read_end)

    def _readable(self) -> None:
        if not self.take():
            self._pause()
        elif self._is_behind():
            self._pause()
            self._paused = self._loop.call_later(_PAUSE_SECONDS, self._resume)

    def take(self) -> bool:
        """Read what is there. False at the end of all."""
        if self._read_end < 0:
            return False
        try:
            data = os.read(self._read_end, _READ)
        except BlockingIOError:
            return True
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(line.decode("utf-8", "replace") + "\n")
        if self._rest and (not data or len(self._rest) > _LONGEST_LINE):
            self._line(self._rest.decode("utf-8", "replace"))
            self._rest = b""
        return bool(data)

    def close(self) -> None:
        self._pause()
        if self._paused is not None:
            self._paused.cancel()
        if self._read_end >= 0:
            os.set_blocking(self._read_end, False)
            for _ in range(64):  # what is left of the end; no more than a pipe holds
                before = self._rest
                if not self.take() or self._rest == before:
                    break
            os.close(self._read_end)
        if self.write_end >= 0:
            os.close(self.write_end)
        self._read_end = self.write_end = -1
