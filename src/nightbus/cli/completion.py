"""Makes the scripts by which a shell completes commands and options, from the parser itself."""

from __future__ import annotations

import argparse
from pathlib import Path

import shtab

from nightbus.cli.parser import build_parser


def completion_script(shell: str) -> str:
    """`shell`: bash, zsh or fish. The script does not call `nightbus`, so that a Tab costs nothing."""
    parser = build_parser()
    _complete_paths(parser)
    return shtab.complete(parser, shell=shell)


def _complete_paths(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                _complete_paths(inner)
        elif action.type is Path:
            action.complete = shtab.DIRECTORY if action.dest == "data" else shtab.FILE  # type: ignore[attr-defined]
