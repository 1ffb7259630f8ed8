"""How does a command say that it failed? By one line for the person who typed it, and an exit code."""

from __future__ import annotations


class CommandFailed(Exception):
    """A command cannot do what was asked. `code` is its exit code: 1 failed, 2 asked wrongly, 3 no node runs;
    of `run`, whose own codes are the command's, 125 to 127."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code
