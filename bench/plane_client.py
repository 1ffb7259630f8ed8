"""Which client drives, and what did it count? wrk if it is on the path, else plane_load.py; both in another process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from math import ceil
from pathlib import Path

HERE = Path(__file__).parent
OWN = "own client (uvloop, raw sockets)"


@dataclass(frozen=True)
class Load:
    """One run of the client: a number of requests, and how long one of them took in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


class Client:
    def __init__(self, own: bool = False) -> None:
        self._wrk = None if own else shutil.which("wrk")
        self.name = "wrk" if self._wrk else OWN

    def run(self, url: str, raw: bytes, connections: int, seconds: float) -> Load:
        with tempfile.NamedTemporaryFile(prefix="plane-") as file:
            file.write(raw)
            file.flush()
            done = subprocess.run(
                self._command(url, file.name, connections, seconds),
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: {done.stderr.strip() or done.stdout.strip()}")
        counted = json.loads(done.stdout.strip().splitlines()[-1])
        if counted["failed"]:
            raise RuntimeError(f"{counted['failed']} of {counted['requests']} requests failed")
        if not counted["requests"]:
            raise RuntimeError(f"no answer in {seconds:.0f} s")
        return Load(counted["requests"], counted["seconds"], counted["p50"], counted["p99"])

    def _command(self, url: str, file: str, connections: int, seconds: float) -> list[str]:
        if self._wrk is None:
            return [sys.executable, str(HERE / "plane_load.py"), url, file, str(connections), str(seconds)]
        options = ["-t1", f"-c{connections}", f"-d{ceil(seconds)}s", "--timeout", "10s"]
        return [self._wrk, *options, "-s", str(HERE / "plane.lua"), url, "--", file]
