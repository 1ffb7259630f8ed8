"""Makes log lines of what a function prints: one pipe per environment carries its text and its logger's frames.

A frame of the runtime's logger is one message, however many lines it has; text is cut at line ends. Both come through
one pipe, so that they keep their order. While the sink is behind, the pipe is not read, so that a function that prints
forever waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from nightbus.clock import Clock, SteppedClock
from nightbus.functions.interface import LogLine

_HEADER = 16
_MAGIC = b"\xa5\x5a\x00"
_FRAME = re.compile(rb"\xa5\x5a\x00[\x02\x03\x06\x07\x0a\x0b\x0e\x0f\x12\x13\x16\x17\x1a\x1b]")
_READ = 2048  # at a time; each byte may be a line, which takes some 3 us
_PIPE_HOLDS = 128 * 1024  # at least
_LONGEST_LINE = 256 * 1024
_TAIL = 4096
_BEHIND = 1024 * 1024
_BEHIND_LINES = 1024
_EVENT_COST = 26  # what CloudWatch Logs counts for an event beside its text
_MOST_LOGGED = 16 * 1024 * 1024
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
        self._skip = 0  # bytes of a message that is longer than a log event may be
        self._pending: list[LogLine] = []
        self._pending_bytes = 0
        self._tail: deque[str] = deque()
        self._tail_bytes = 0
        self._logged = 0  # by this invocation
        self._kept = self._written = 0  # lines, ever
        self._flushing: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reading = False
        self._more = False  # the last read took as much as it may
        self._closed = False
        self.is_written: Callable[[str], bool] | None = None  # which printed lines are; None for all
        self.listener: Callable[[str, str, int], None] | None = None  # gets each line: by whom, what, when

    def start(self) -> None:
        """The child has its end of the pipe now; ours of it is not needed any more."""
        os.close(self.write_end)
        self.write_end = -1
        self._resume()

    def say(self, *messages: str) -> None:
        """Lines of the platform's own (START, END, REPORT …)."""
        now = self._clock.now_ms()
        for message in messages:
            self._keep(message + "\n", now)

    def add_line(self, line: str) -> None:
        """Of an extension."""
        self._add(line, by="extension")
        self._flush_soon()

    def begin(self) -> None:
        """A new invocation: its log tail starts here."""
        self._tail.clear()
        self._tail_bytes = 0
        self._logged = 0

    async def drain(self, *, seen: bool = False) -> None:
        """Take everything that is in the pipe now, with the last line even if it has no end.

        `seen`: what is wanted was written before something that the event loop has read and acted on in a later turn.
        The loop sees the pipe no later than that, so that nothing is left but the rest of what it saw. By default
        False. A read of an empty pipe takes microseconds, but gives up Python's lock to the thread that writes.

        Not what is written meanwhile: something that the function left running may do so for ever. The pipe may hold
        more lines than are taken without letting others run.
        """
        room = 0 if seen and self._reading and not self._more else _PIPE_HOLDS
        while room > 0 and (taken := self._take()):
            room -= taken
            if self.is_behind:
                await self.flushed()
        self._skip = 0
        if self._frames:  # one that was cut off by the end of its process
            self._text(bytes(self._frames))
            self._frames.clear()
        self._end_line()

    def tail(self) -> bytes:
        lines = [line if line.endswith("\n") else line + "\n" for line in self._tail]
        return "".join(lines).encode()[-_TAIL:]

    def flush(self) -> None:
        """Hand over what is pending, without waiting for it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._flushing is None and self._pending:
            self._flushing = self._loop.create_task(self._flush())

    async def take_pending(self) -> Sequence[LogLine]:
        """The lines that the sink does not have yet, and that are the caller's from now on. The sink has those before
        them, so that they keep their order."""
        while self._flushing is not None:
            await asyncio.shield(self._flushing)
        lines, self._pending, self._pending_bytes = self._pending, [], 0
        self._written += len(lines)
        if not self._closed:
            self._resume()  # it may have been paused since too much was pending
        return lines

    async def flushed(self) -> None:
        """Return when all lines so far are with the sink, whatever is written meanwhile."""
        ours = self._kept
        while self._written < ours:
            self.flush()
            if self._flushing is not None:
                await asyncio.shield(self._flushing)

    async def _flush(self) -> None:
        try:
            lines, self._pending, self._pending_bytes = self._pending, [], 0
            await self._write(lines)
            self._written += len(lines)
        finally:
            self._flushing = None
            if not self._closed:
                self._resume()
                self._flush_soon()

    def _flush_soon(self) -> None:
        if self._timer is None and self._pending:
            self._timer = self._loop.call_later(_FLUSH_SECONDS, self.flush)

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
        if self.is_behind:
            self._pause()
            self.flush()
        else:
            self._flush_soon()

    @property
    def is_behind(self) -> bool:
        return self._pending_bytes > _BEHIND or len(self._pending) > _BEHIND_LINES

    def _take(self) -> int:
        """How many bytes were read; 0 when nothing is there now, or never will be again."""
        if self._read_end < 0:
            return 0
        try:
            data = os.read(self._read_end, _READ)
        except BlockingIOError:
            self._more = False
            return 0
        self._more = len(data) == _READ
        if not data:
            self._pause()
            os.close(self._read_end)
            self._read_end = -1
            return 0
        if self._logged <= _MOST_LOGGED:
            self._frames += data
            self._parse()
        return len(data)

    def _parse(self) -> None:
        """Text up to the next frame, the frame, and so on; what may be the beginning of one waits for the rest."""
        data = self._frames
        while data:
            if self._skip:
                skipped = min(self._skip, len(data))
                self._skip -= skipped
                del data[:skipped]
                continue
            found = _FRAME.search(data)
            text = found.start() if found else len(data) - _partial(data)
            self._text(data[:text])
            del data[:text]
            if found is None or not self._frame(data):
                return

    def _frame(self, data: bytearray) -> bool:
        """Take the frame that `data` begins with; False when there is not enough of it yet."""
        if len(data) < _HEADER:
            return False
        size = int.from_bytes(data[4:8], "big")
        kept = min(size, _LONGEST_LINE)
        if len(data) < _HEADER + kept:
            return False
        stamp = int.from_bytes(data[8:16], "big") // 1000
        message = data[_HEADER : _HEADER + kept].decode("utf-8", "replace")
        del data[: _HEADER + kept]
        self._skip = size - kept
        self._end_line()
        # A test's time stands still: a real time stamp would come before, or long after, what caused it.
        self._add(message, None if isinstance(self._clock, SteppedClock) else stamp)
        return True

    def _text(self, data: bytes | bytearray) -> None:
        """As on AWS, a line's end belongs to its event."""
        first, *others = data.split(b"\n")
        self._line += first
        for other in others:
            self._pieces(self._line + b"\n")
            self._line = bytearray(other)
        while len(self._line) > _LONGEST_LINE:
            self._pieces(self._line[:_LONGEST_LINE])
            del self._line[:_LONGEST_LINE]

    def _end_line(self) -> None:
        if self._line:
            self._pieces(self._line)
            self._line.clear()

    def _pieces(self, line: bytearray) -> None:
        if self.is_written is not None and not self.is_written(line.decode("utf-8", "replace")):
            return
        for at in range(0, len(line), _LONGEST_LINE):
            self._add(line[at : at + _LONGEST_LINE].decode("utf-8", "replace"))

    def _add(self, message: str, time: int | None = None, by: str = "function") -> None:
        if self._logged > _MOST_LOGGED:
            return
        self._logged += len(message) + _EVENT_COST
        when = self._clock.now_ms() if time is None else time
        self._keep(message, when)
        if self.listener is not None:
            self.listener(by, message, when)
        if self._logged > _MOST_LOGGED:
            self.say(f"Nightbus: this invocation has logged {_MOST_LOGGED >> 20} MB; the rest is dropped.")

    def _keep(self, message: str, time: int) -> None:
        self._pending.append(LogLine(time, message))
        size = len(message)
        self._pending_bytes += size + _EVENT_COST
        self._kept += 1
        tail = self._tail
        tail.append(message)
        self._tail_bytes += size
        while self._tail_bytes - len(tail[0]) > _TAIL and len(tail) > 1:
            self._tail_bytes -= len(tail.popleft())

    async def close(self) -> None:
        await self.drain()
        self._closed = True
        self._pause()
        with contextlib.suppress(Exception):
            await self.flushed()
        for descriptor in (self._read_end, self.write_end):
            if descriptor >= 0:
                os.close(descriptor)
        self._read_end = self.write_end = -1


def _partial(data: bytearray) -> int:
    """How many bytes at the end may be the beginning of a frame."""
    return next((size for size in (3, 2, 1) if data.endswith(_MAGIC[:size])), 0)
