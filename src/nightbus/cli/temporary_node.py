"""Starts a node for as long as a command runs, unless one runs already."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from nightbus.cli.client import is_running
from nightbus.cli.errors import CommandFailed
from nightbus.node.settings import Settings

_READY_SECONDS = 15.0
_STOP_SECONDS = 20.0
NO_NODE = 125  # `env` and `timeout` use the same code for their own failures


@contextlib.contextmanager
def running_node(settings: Settings, purpose: str) -> Iterator[Settings]:
    """Yield the settings of the running node, or of one that is started and stopped by this context.

    `purpose` says in the message what it was started for. Raises CommandFailed with code 125 where it does not start.
    """
    if settings.port and _is_up(settings):
        yield settings
        return
    with tempfile.TemporaryDirectory(prefix="nightbus-run-") as folder:
        output = Path(folder) / "node.log"
        with output.open("wb") as sink:
            node = subprocess.Popen(
                [sys.executable, "-m", "nightbus", "start", "--no-profile", *_options(settings)],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        try:
            bound = _wait_until_ready(node, output, settings)
            location = "in memory" if settings.memory else f"on {settings.data}"
            print(f"nightbus: started a node for {purpose} at {bound.endpoint}, {location}", file=sys.stderr)
            yield bound
        finally:
            _stop(node)


def _is_up(settings: Settings) -> bool:
    try:
        return is_running(settings)
    except CommandFailed as failure:
        raise CommandFailed(str(failure), NO_NODE) from failure


def _options(settings: Settings) -> list[str]:
    storage_options = ["--memory"] if settings.memory else ["--no-memory", "--data", str(settings.data)]
    return ["--host", settings.host, "--port", str(settings.port), *storage_options]


def _wait_until_ready(node: subprocess.Popen[bytes], output: Path, settings: Settings) -> Settings:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and node.poll() is None:
        text = output.read_text(errors="replace")
        if " is ready at " in text:
            endpoint = text.split(" is ready at ", 1)[1].split()[0]
            return replace(settings, port=int(endpoint.rsplit(":", 1)[1]))
        time.sleep(0.02)
    reason = output.read_text(errors="replace").strip() or "it did not answer in time"
    raise CommandFailed(f"the node did not start: {reason.removeprefix('nightbus: ')}", NO_NODE)


def _stop(node: subprocess.Popen[bytes]) -> None:
    if node.poll() is not None:
        return
    node.terminate()
    try:
        node.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        node.kill()
        node.wait()
