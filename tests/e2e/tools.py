"""Runs a tool of the users against a node."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
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


@contextlib.contextmanager
def running_tool(
    node: RunningNode, command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path
) -> Iterator[None]:
    """Run a command that does not end by itself, with a "y" as its input; its output goes to `log`.

    It is killed with its children at the end; what it printed is shown when the body fails.
    """
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**node.environment(), **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    try:
        assert process.stdin is not None
        process.stdin.write("y\n")
        process.stdin.flush()
        yield
    except BaseException:
        print(log.read_text())
        raise
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
