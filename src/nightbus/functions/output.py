"""What did a function print? One pipe per environment carries frames, and this makes log lines of them.

A frame of the runtime's logger is one message, however many lines it has; raw frames are the bytes of prints, cut at
line ends. While the sink is behind, the pipe is not read, so that a function that prints forever waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from nightbus.clock import Clock
from nightbus.functions.interface import LogLine

_HEADER = 16
_RAW = 0xA55A00FF
_MAGIC = 0xA55A
_READ = 256 * 1024
_LONGEST_LINE = 256 * 1024
_TAIL = 4096
_BEHIND = 1024 * 1024
_FLUSH_SECONDS = 0.1

Write = Callable[[Sequence[LogLine]], Awaitable[None]]


class Output:
    """Reads the pipe, and hands lines to `write` in order: soon while a function runs, at once when told to flush."""

    def __init__(self, clock: Clock, write: Write) -> None:
        self._clock = clock
        self._write = write
        self._loop = asyncio.get_running_loop()
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self._frames = bytearray()
        self._line = bytearray()
        self._pending: list[LogLine] = []
        self._pending_bytes = 0
        self._tail: deque[str] = deque()
        self._tail_bytes = 0
        self._flushing: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reading = False
        self._closed = False

    def start(self) -> None:
        """The child has its end of the pipe now; ours of it is not needed any more."""
        os.close(self.write_end)
        self.write_end = -1
        self._resume()

    def say(self, message: str) -> None:
        """A line of the platform's own (START, END, REPORT …)."""
        self._add(message)

    def begin(self) -> None:
        """A new invocation: its log tail starts here."""
        self._tail.clear()
        self._tail_bytes = 0

    def drain(self) -> None:
        """Take everything that is in the pipe now, with the last line even if it has no end."""
        while self._take():
            pass
        self._end_line()

    def tail(self) -> bytes:
        return "".join(self._tail).encode()[-_TAIL:]

    def flush(self) -> None:
        """Hand over what is pending, without waiting for it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._flushing is None and self._pending:
            self._flushing = self._loop.create_task(self._flush())

    async def flushed(self) -> None:
        """Return when all lines so far are with the sink."""
        self.flush()
        while self._flushing is not None:
            await asyncio.shield(self._flushing)
            self.flush()

    async def _flush(self) -> None:
        try:
            while self._pending:
                lines, self._pending, self._pending_bytes = self._pending, [], 0
                await self._write(lines)
                if not self._reading and not self._closed:
                    self._resume()
        finally:
            self._flushing = None

    def _resume(self) -> None:
        if self._read_end >= 0 and not self._reading:
            self._reading = True
            self._loop.add_reader(self._read_end, self._readable)

    def _pause(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._read_end)

    def _readable(self) -> None:
        if not self._take():
            return
        if self._pending_bytes > _BEHIND:
            self._pause()
            self.flush()
        elif self._timer is None and self._pending:
            self._timer = self._loop.call_later(_FLUSH_SECONDS, self.flush)

    def _take(self) -> bool:
        """Read once; False when nothing is there now, or never will be again."""
        if self._read_end < 0:
            return False
        try:
            data = os.read(self._read_end, _READ)
        except BlockingIOError:
            return False
        if not data:
            self._pause()
            os.close(self._read_end)
            self._read_end = -1
            return False
        self._frames += data
        self._parse()
        return True

    def _parse(self) -> None:
        while len(self._frames) >= _HEADER:
            kind = int.from_bytes(self._frames[:4], "big")
            if kind >> 16 != _MAGIC:
                # Somebody wrote past the frames; from here on it is text.
                self._raw(bytes(self._frames))
                self._frames.clear()
                return
            size = int.from_bytes(self._frames[4:8], "big")
            if len(self._frames) < _HEADER + size:
                return
            stamp = int.from_bytes(self._frames[8:16], "big") // 1000
            data = bytes(self._frames[_HEADER : _HEADER + size])
            del self._frames[: _HEADER + size]
            if kind == _RAW:
                self._raw(data)
            else:
                self._end_line()
                self._add(data.decode("utf-8", "replace").rstrip("\n"), stamp)

    def _raw(self, data: bytes) -> None:
        self._line += data
        while (end := self._line.find(b"\n")) >= 0:
            self._add(self._line[:end].decode("utf-8", "replace"))
            del self._line[: end + 1]
        while len(self._line) > _LONGEST_LINE:
            self._add(self._line[:_LONGEST_LINE].decode("utf-8", "replace"))
            del self._line[:_LONGEST_LINE]

    def _end_line(self) -> None:
        if self._line:
            self._add(self._line.decode("utf-8", "replace"))
            self._line.clear()

    def _add(self, message: str, time: int | None = None) -> None:
        self._pending.append(LogLine(self._clock.now_ms() if time is None else time, message))
        self._pending_bytes += len(message)
        text = message + "\n"
        self._tail.append(text)
        self._tail_bytes += len(text)
        while len(self._tail) > 1 and self._tail_bytes - len(self._tail[0]) > _TAIL:
            self._tail_bytes -= len(self._tail.popleft())

    async def close(self) -> None:
        self.drain()
        self._closed = True
        self._pause()
        with contextlib.suppress(Exception):
            await self.flushed()
        for descriptor in (self._read_end, self.write_end):
            if descriptor >= 0:
                os.close(descriptor)
        self._read_end = self.write_end = -1
