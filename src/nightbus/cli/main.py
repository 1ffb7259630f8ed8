"""Runs one command line. A failure becomes one line on standard error and an exit code, never a traceback.

It imports only what every command needs, so that `--help` and `env` take less than a quarter of a second.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from nightbus.cli.errors import WRONG_USAGE, CommandFailed
from nightbus.cli.parser import build_parser
from nightbus.node.settings import SettingsError

_INTERRUPTED, _BROKEN_PIPE = 130, 141  # the codes of a shell for a process that a signal has ended


def main() -> None:
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code. Raises SystemExit for wrong options and for `--help`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ✓ shows a question mark
    try:
        return _run(arguments)
    except CommandFailed as failure:
        return _fail(str(failure), failure.code)
    except SettingsError as wrong:
        return _fail(str(wrong), WRONG_USAGE)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has closed it (`| head`). Buffered output must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE


def _run(arguments: Sequence[str]) -> int:
    try:
        parsed = build_parser().parse_args(arguments)
        code: int | None = parsed.run(parsed)
        return code or 0
    finally:
        sys.stdout.flush()


def _fail(message: str, code: int) -> int:
    print(f"nightbus: {message}", file=sys.stderr)
    return code
