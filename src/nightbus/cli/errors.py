"""Defines the errors of the command line: each carries one line for the person who typed, and an exit code.

This module imports nothing of `nightbus.cli`, so that every other module there can import it without a circle.
"""

from __future__ import annotations

FAILED = 1
WRONG_USAGE = 2
NO_NODE = 3


class CommandFailed(Exception):
    """A command cannot do what it was asked for.

    `message` is one line without a final stop, and says what to do where that is known.
    `code` is the process's exit code: FAILED by default, WRONG_USAGE, NO_NODE, or that of a child process; of `run`,
    whose own codes are the command's, 125 to 127.
    """

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


class NotRunning(CommandFailed):
    """Nothing answers at the node's address. The exit code is NO_NODE."""

    def __init__(self, message: str) -> None:
        super().__init__(message, NO_NODE)


def no_node_at(endpoint: str) -> NotRunning:
    """The error for an address, such as `http://127.0.0.1:4566`, where nothing answers."""
    return NotRunning(f"no node answers at {endpoint}; start one with: nightbus start")
