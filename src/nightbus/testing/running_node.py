"""Starts and stops a node for tests, kills it, and gives each test an account of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from nightbus.node.operator_key import OPERATOR_HEADER, read_operator_key
from nightbus.testing.account import Nightbus
from nightbus.testing.clients import preload
from nightbus.testing.errors import NodeFailed, NotSettled

_SLACK_SECONDS = 30.0  # beyond what the node itself waits
_LAST_LINES = 20
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextlib.contextmanager
def node(*, region: str = "us-east-1") -> Iterator[Nightbus]:
    """Yield a fresh account on a node that lives as long as this context. Raises NodeFailed."""
    running = TestNode()
    try:
        yield running.account(region)
    finally:
        running.stop()


class TestNode:
    """A node in a process of its own, with a data folder that goes when it stops. Raises NodeFailed.

    Any access key is accepted, as that of an administrator; roles are judged by their policies.
    """

    __test__ = False  # for pytest, which looks at the name

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="nightbus-testing-"))
        self._log = self._folder / "node.log"
        self._port = 0
        self.packages: set[str] = set()
        self.now_ms = time.time_ns() // 1_000_000
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._start()
        except BaseException:  # also Ctrl-C
            self.stop()
            raise

    def account(self, region: str = "us-east-1") -> Nightbus:
        """Return an account that nobody has used, by a random id."""
        return Nightbus(self, f"{secrets.randbelow(9 * 10**11) + 10**11}", region)

    def _start(self) -> None:
        if not self._folder.is_dir():
            raise NodeFailed("this node was stopped, and its folder is deleted")
        with self._log.open("ab") as log:
            process = self._process = subprocess.Popen(
                [
                    sys.executable, "-m", "nightbus.testing.process",
                    str(self._folder / "data"), str(self.now_ms), str(self._port),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                env=_environment(),
            )  # fmt: skip
        preload()  # while the node does the like
        assert process.stdout is not None
        self.endpoint = process.stdout.readline().decode().strip()
        if not self.endpoint:
            process.wait()
            raise NodeFailed(f"the node did not start:\n{self.log_tail()}")
        self._port = int(self.endpoint.rpartition(":")[2])
        self._key = read_operator_key(self._folder / "data")

    def log_tail(self) -> str:
        """Return the last lines of the node's own log."""
        try:
            return "\n".join(self._log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
        except FileNotFoundError:
            return "this node was stopped, and its folder is deleted"

    def kill(self) -> None:
        """Lose the node: SIGKILL, in the middle of whatever it does. What was acknowledged is in its folder."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._reap(self._process)

    def ensure_running(self) -> None:
        """Start the node again if it was killed. Raises NodeFailed."""
        if self._process is None or self._process.poll() is not None:
            self._start()

    def restart(self) -> None:
        """Start the node again, at the same address and time. Raises NodeFailed."""
        self.kill()
        self.ensure_running()

    def stop(self) -> None:
        """End the node, and delete its folder. Nothing is to be kept, so there is nothing to wait for."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _reap(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def settle(self, seconds: float) -> None:
        """Raises NotSettled."""
        self._control("settle", {"seconds": seconds}, seconds)

    def advance(self, ms: int, seconds: float) -> None:
        """`seconds` of real time is the limit of each step. Raises NotSettled."""
        self._control("advance", {"ms": ms, "seconds": seconds}, None)

    def _control(self, what: str, body: Mapping[str, Any], seconds: float | None) -> None:
        self.now_ms = int(self.post(f"testing/{what}", body, seconds)["now"])

    def post(self, path: str, body: Mapping[str, Any], seconds: float | None = _SLACK_SECONDS) -> Any:
        """POST to a path under `/_nightbus/` as the node's operator. Raises NodeFailed, NotSettled."""
        limit = None if seconds is None else seconds + _SLACK_SECONDS
        return self._request(path, json.dumps(body).encode(), limit)

    def get(self, path: str, query: Mapping[str, str]) -> Any:
        """GET a path under `/_nightbus/` as the node's operator. Raises NodeFailed."""
        return self._request(f"{path}?{urlencode(query)}", None, _SLACK_SECONDS)

    def _request(self, path: str, data: bytes | None, seconds: float | None) -> Any:
        url = f"{self.endpoint}/_nightbus/{path}"
        request = urllib.request.Request(url, data, {OPERATOR_HEADER: self._key})  # noqa: S310 - our own node
        try:
            with _DIRECTLY.open(request, timeout=seconds) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as refused:
            answer = json.load(refused)
            if answer.get("error") == "NotSettled":
                raise NotSettled(f"the node is still at: {answer['message']}") from None
            raise NodeFailed(f"{answer.get('error')}: {answer.get('message')}") from None
        except (OSError, http.client.HTTPException) as failure:
            raise NodeFailed(f"no answer from the node: {failure}\n{self.log_tail()}") from failure


def _environment() -> dict[str, str]:
    """This process's variables, without the settings of AWS tools and of other nodes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "NIGHTBUS_"))}
    return kept | {"PYTHONUNBUFFERED": "1"}
