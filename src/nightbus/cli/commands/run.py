"""Runs a command against the node. If no node runs, it starts one for as long as the command runs."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator

from nightbus.cli.administrator_key import administrator_key
from nightbus.cli.environment import chosen_account, command_environment
from nightbus.cli.errors import CommandFailed
from nightbus.cli.temporary_node import NO_NODE, running_node
from nightbus.node.settings import Settings

_NOT_EXECUTABLE, _NOT_FOUND = 126, 127  # `env` and `timeout` use the same codes for their own failures


def run_command(command: list[str], settings: Settings, region: str | None) -> int:
    """Run the command and return its exit code, as a shell does.

    Raises CommandFailed with a code from 125 to 127 if the command could not be run; no test runner exits with these.
    """
    with running_node(settings, "this command") as node:
        try:
            key = administrator_key(node, chosen_account())
        except CommandFailed as failure:
            raise CommandFailed(str(failure), NO_NODE) from failure
        try:
            child = subprocess.Popen(command, env=command_environment(node, key, region))
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
