"""Defines the errors of the command line. Each has a message of one line for the user, and an exit code.

This module imports nothing from `nightbus.cli`, so that every module there can import it without a cycle.
"""

from __future__ import annotations

FAILED = 1
WRONG_USAGE = 2
NO_NODE = 3


class CommandFailed(Exception):
    """A command has failed.

    `message` is one line without a full stop at its end, and says what to do if that is known.
    `code` is the process's exit code: FAILED by default, WRONG_USAGE, NO_NODE, or that of a child process. The command
    `run`, which passes on its child's code, uses 125 to 127 for its own failures.
    """

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


class NotRunning(CommandFailed):
    """No node answers at the address. The exit code is NO_NODE."""

    def __init__(self, message: str) -> None:
        super().__init__(message, NO_NODE)


def no_node_at(endpoint: str) -> NotRunning:
    """Return the error for an address, such as `http://127.0.0.1:4566`, where no node answers."""
    return NotRunning(f"no node answers at {endpoint}; start one with: nightbus start")
