"""Makes the scripts by which shells complete commands and options, from the parser."""

from __future__ import annotations

import argparse
from pathlib import Path

import shtab


def completion_script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the completion script of `parser` for `shell`: bash, zsh or fish.

    It marks the paths in `parser` for completion. The script does not call `nightbus`, so that Tab is fast.
    """
    _complete_paths(parser)
    return shtab.complete(parser, shell=shell)


def _complete_paths(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                _complete_paths(inner)
        elif action.type is Path:
            action.complete = shtab.DIRECTORY if action.dest == "data" else shtab.FILE  # type: ignore[attr-defined]
