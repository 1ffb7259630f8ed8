"""Installers and their folders do not outlive a killed node."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nightbus.functions.runtimes.installers import ends_with_this, installing_folder


def test_folders_that_were_abandoned_are_removed(tmp_path: Path) -> None:
    old, young, other = tmp_path / ".installing-old", tmp_path / ".installing-young", tmp_path / "nodejs-1"
    for folder in (old, young, other):
        (folder / "node_modules").mkdir(parents=True)
    for folder in (old, other):
        os.utime(folder, (0, 0))
    made = installing_folder(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([made, young, other])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a child with its parent")
def test_an_installer_ends_with_a_node_that_is_killed() -> None:
    """The installer holds the writing end of a pipe: it is closed when both are gone."""
    text = """
import subprocess
from nightbus.functions.runtimes.installers import ends_with_this
subprocess.run([*ends_with_this(), "sh", "-c", "echo begun; exec sleep 600"])
"""
    node = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE)
    assert node.stdout is not None
    with node.stdout as output:
        assert output.readline() == b"begun\n"
        node.send_signal(signal.SIGKILL)
        node.wait()
        assert select.select([output], [], [], 30)[0]
        assert output.read() == b""


def test_what_an_installer_says_and_how_it_ends_comes_through() -> None:
    done = subprocess.run(
        [*ends_with_this(), "sh", "-c", "echo no room >&2; exit 7"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (7, "no room\n")
