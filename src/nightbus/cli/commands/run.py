"""Runs a command against the node. If no node runs, it starts one for as long as the command runs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from nightbus.cli.client import is_running
from nightbus.cli.environment import command_environment
from nightbus.cli.errors import CommandFailed
from nightbus.node.settings import Settings

_READY_SECONDS = 15.0
_STOP_SECONDS = 20.0
_NO_NODE, _NOT_EXECUTABLE, _NOT_FOUND = (
    125,
    126,
    127,
)  # `env` and `timeout` use the same codes for their own failures


def run_command(command: list[str], settings: Settings, region: str | None) -> int:
    """Run the command and return its exit code, as a shell does.

    Raises CommandFailed with a code from 125 to 127 if the command could not be run; no test runner exits with these.
    """
    with _running_node(settings) as node:
        try:
            child = subprocess.Popen(command, env=command_environment(node, region))
        except FileNotFoundError:
            raise CommandFailed(f"{command[0]}: command not found", _NOT_FOUND) from None
        except OSError as failure:
            raise CommandFailed(f"{command[0]}: {failure.strerror}", _NOT_EXECUTABLE) from failure
        with _signals_go_to(child):
            code = child.wait()
    return 128 - code if code < 0 else code


@contextlib.contextmanager
def _signals_go_to(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Pass a SIGTERM on to the child. Ctrl-C reaches the child through the terminal."""
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: child.terminate()),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _running_node(settings: Settings) -> Iterator[Settings]:
    """Yield the settings of the running node, or of one that is started and stopped by this context."""
    if settings.port and _is_up(settings):
        yield settings
        return
    with tempfile.TemporaryDirectory(prefix="nightbus-run-") as folder:
        output = Path(folder) / "node.log"
        with output.open("wb") as sink:
            node = subprocess.Popen(
                [sys.executable, "-m", "nightbus", "start", *_options(settings)],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        try:
            bound = _wait_until_ready(node, output, settings)
            location = "in memory" if settings.memory else f"on {settings.data}"
            print(
                f"nightbus: started a node for this command at {bound.endpoint}, {location}", file=sys.stderr
            )
            yield bound
        finally:
            _stop(node)


def _is_up(settings: Settings) -> bool:
    try:
        return is_running(settings)
    except CommandFailed as failure:
        raise CommandFailed(str(failure), _NO_NODE) from failure


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
    raise CommandFailed(f"the node did not start: {reason.removeprefix('nightbus: ')}", _NO_NODE)


def _stop(node: subprocess.Popen[bytes]) -> None:
    if node.poll() is not None:
        return
    node.terminate()
    try:
        node.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        node.kill()
        node.wait()
