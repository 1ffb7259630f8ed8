"""Supervises worker processes: starts them, starts those that died anew, and ends them in order.

The supervising process has no event loop and no threads, so that it may fork at any time, and little to fail by. It
holds one end of a pipe, the lifeline: when it dies, however that happens, its workers read the pipe's end and stop.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

log = logging.getLogger("nightbus.workers")
STOPPED = 3  # the exit code of a worker that ended in order, though nobody drained it
_READY, _FAILED = b"r", b"f"
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_STEADY_SECONDS = 60.0  # a worker that lived so long is started again after the first pause
_STOP_SECONDS = 60.0  # more than an orderly stop takes; then a worker is killed
Work = Callable[[int, int, Callable[[str], None]], int]


class WorkerFailed(Exception):
    """A worker cannot run; the text says why."""


@dataclass(slots=True)
class _Process:
    """`report` is the descriptor by which it says that it is ready; -1 when it has said so. Times are monotonic."""

    number: int
    pid: int
    report: int
    began: float
    said: bytearray = field(default_factory=bytearray)

    @property
    def failure(self) -> str:
        """Why it cannot run, if it said so."""
        return self.said[1:].decode() if self.said.startswith(_FAILED) else ""


class WorkerProcesses:
    """`work(number, lifeline, ready)` is what a worker does, from 1 to `count`, in a process of its own. It calls
    `ready` with a text when it answers, and returns an exit code: 0 means that it is not to be started again. It raises
    WorkerFailed. `died` is called with the number of a worker that has ended.
    """

    def __init__(self, count: int, work: Work, died: Callable[[int], None] = lambda number: None) -> None:
        self._count = count
        self._work = work
        self._died = died
        self._living: dict[int, _Process] = {}  # by the number
        self._due: dict[int, float] = {}  # when each is started again
        self._pauses: dict[int, float] = {}
        self._stopping = False
        self._lifeline, self._held_end = os.pipe()
        self._wakes, self._wake = os.pipe()

    def run(self, ready: Callable[[str], None]) -> None:
        """Return when a signal has stopped all, or none is left to be started again. `ready` is called with the first
        worker's text when all answer. Raises WorkerFailed where one ends before that."""
        with self._signals():
            try:
                text = self._start_all()
                if not self._stopping:
                    ready(text)
                while not self._stopping and (self._living or self._due):
                    self._look_after()
            finally:
                self._end_all()

    def _start_all(self) -> str:
        """The first one alone: it makes what all share, such as tables and keys."""
        gc.freeze()
        texts: dict[int, str] = {}
        for numbers in (range(1, 2), range(2, self._count + 1)):
            for number in numbers:
                self._start(number)
            while not self._stopping and len(texts) < max(numbers, default=0):
                self._wait(None)
                texts |= self._ready()
                for process, status in self._ended():
                    early = f"worker {process.number} {_how(status)} before all were ready"
                    raise WorkerFailed(process.failure or early)
        return texts.get(1, "")

    def _look_after(self) -> None:
        now = time.monotonic()
        self._wait(min(self._due.values()) - now if self._due else None)
        for number in self._ready():
            log.info("worker %d answers again", number)
        for process, status in self._ended():
            if process.failure:
                log.error("worker %d: %s", process.number, process.failure)
            if status == 0:
                log.info("worker %d has ended in order", process.number)
            else:
                self._start_later(process, status)
        for number in [number for number, due in self._due.items() if due <= time.monotonic()]:
            if not self._stopping:
                del self._due[number]
                self._start(number)

    def _start_later(self, process: _Process, status: int) -> None:
        now, pause = time.monotonic(), self._pauses.get(process.number, _FIRST_PAUSE)
        if now - process.began > _STEADY_SECONDS:
            pause = _FIRST_PAUSE
        self._pauses[process.number] = min(2 * pause, _LONGEST_PAUSE)
        self._due[process.number] = now + pause
        log.warning(
            "worker %d (process %d) %s and is started again in %.0f s",
            process.number, process.pid, _how(status), pause,
        )  # fmt: skip

    def _start(self, number: int) -> None:
        report, reports = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = os.fork()
        if pid == 0:
            for descriptor in (report, self._held_end, *self._reports()):
                os.close(descriptor)
            self._be_worker(number, reports)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(reports)
        self._living[number] = _Process(number, pid, report, time.monotonic())

    def _be_worker(self, number: int, reports: int) -> None:
        """Never returns: what called this belongs to the supervising process."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for one in (*_SIGNALS, signal.SIGCHLD):
                signal.signal(one, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

            def ready(text: str) -> None:
                _say(reports, _READY + text.encode())

            code = self._work(number, self._lifeline, ready)
        except WorkerFailed as failure:
            if not _say(reports, _FAILED + str(failure).encode()):
                log.error("%s", failure)
        except BaseException:
            log.exception("worker %d fails", number)
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _reports(self) -> list[int]:
        return [process.report for process in self._living.values() if process.report >= 0]

    def _wait(self, seconds: float | None) -> None:
        """Until a signal comes, a worker reports or ends, or so long."""
        limit = None if seconds is None else max(0.0, seconds)
        readable, _, _ = select.select([self._wakes, *self._reports()], [], [], limit)
        if self._wakes in readable:
            os.read(self._wakes, 4096)
        for process in self._living.values():
            if process.report in readable:
                self._read(process)

    def _read(self, process: _Process) -> None:
        if part := os.read(process.report, 65536):
            process.said += part
        else:
            os.close(process.report)
            process.report = -1

    def _ready(self) -> dict[int, str]:
        """The texts of those that have become ready since."""
        texts: dict[int, str] = {}
        for number, process in self._living.items():
            if process.report < 0 and process.said.startswith(_READY):
                texts[number] = process.said[1:].decode()
                process.said.clear()
        return texts

    def _ended(self) -> Iterator[tuple[_Process, int]]:
        """Those that have ended since, each with its exit code, below 0 for a signal."""
        for process in list(self._living.values()):
            pid, status = os.waitpid(process.pid, os.WNOHANG)
            if pid:
                while process.report >= 0:
                    self._read(process)
                del self._living[process.number]
                self._died(process.number)
                yield process, os.waitstatus_to_exitcode(status)

    def _end_all(self) -> None:
        self._signal_all(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while self._living and time.monotonic() < deadline:
            self._wait(deadline - time.monotonic())
            for _ in self._ended():
                pass
        self._signal_all(signal.SIGKILL)
        for process in self._living.values():
            os.waitpid(process.pid, 0)
        self._living.clear()

    def _signal_all(self, number: int) -> None:
        for process in self._living.values():
            os.kill(process.pid, number)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """A signal ends the waiting; SIGTERM and SIGINT stop the workers."""

        def stop(*_: object) -> None:
            self._stopping = True

        os.set_blocking(self._wake, False)
        wake_before = signal.set_wakeup_fd(self._wake)
        before = {one: signal.signal(one, stop) for one in _SIGNALS}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)
            signal.set_wakeup_fd(wake_before)
            for descriptor in (self._lifeline, self._held_end, self._wakes, self._wake):
                os.close(descriptor)


def _say(descriptor: int, text: bytes) -> bool:
    """Whether it could be said: once only."""
    try:
        os.write(descriptor, text)
        os.close(descriptor)
    except OSError:
        return False
    return True


def _how(status: int) -> str:
    if status >= 0:
        return f"has ended with code {status}"
    return f"was ended by {signal.Signals(-status).name}"
