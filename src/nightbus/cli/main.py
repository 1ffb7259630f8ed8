"""Runs one command line: failures become one line on standard error and an exit code, never a traceback.

Nothing is imported here that not every command needs: `--help` and `env` answer within a quarter of a second.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from nightbus.cli.errors import WRONG_USAGE, CommandFailed
from nightbus.cli.parser import build_parser
from nightbus.node.settings import SettingsError

_INTERRUPTED, _BROKEN_PIPE = 130, 141  # as a shell gives them for a process that a signal ended


def main() -> None:
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """The exit code of one command line. Raises SystemExit where its options are wrong, or help was wanted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no ✓ gets a question mark
    try:
        return _run(arguments)
    except CommandFailed as failure:
        return _fail(str(failure), failure.code)
    except SettingsError as wrong:
        return _fail(str(wrong), WRONG_USAGE)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has enough (`| head`); what is still buffered must not fail at exit once more.
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
