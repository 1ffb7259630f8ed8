"""`nightbus dev` in a process of its own, for the tests that read what it prints."""

from __future__ import annotations

import queue
import signal
import subprocess
import threading
from pathlib import Path

from nodes import RunningNode, clean_environment
from waiting import wait_for


class Dev:
    """`nightbus dev` in a folder. `lines` grows as it prints."""

    def __init__(self, folder: Path, node: RunningNode, *arguments: str) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            ["nightbus", "dev", "--port", str(node.port), *arguments],
            cwd=folder,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._ended: queue.Queue[None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
        self._ended.put(None)

    def line(self, *parts: str, seconds: float = 60) -> str:
        """The first line that has all the parts, once there is one."""

        def found() -> str | None:
            here = next((line for line in self.lines if all(part in line for part in parts)), None)
            if here is None:
                assert self.process.poll() is None, "\n".join(self.lines)
            return here

        try:
            return wait_for(found, seconds)
        except AssertionError:
            raise AssertionError(f"no line with {parts}:\n" + "\n".join(self.lines)) from None

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(60)
        self._ended.get(timeout=10)
        return code
