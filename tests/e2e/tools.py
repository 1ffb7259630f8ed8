"""Runs a tool of the users against a node."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from nodes import RunningNode


def run_tool(
    node: RunningNode,
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    seconds: float,
    codes: Collection[int] = (0,),
) -> str:
    """What the command printed on either stream. Fails after `seconds`, or when its exit code is none of `codes`."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**node.environment(), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=seconds,
    )
    assert done.returncode in codes, done.stdout
    return done.stdout
