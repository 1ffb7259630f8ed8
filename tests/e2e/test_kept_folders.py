"""A data folder that an earlier version kept opens in this one, and everything in it works."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from kept_folder import check
from nodes import RunningNode, clean_environment

FOLDERS = sorted((Path(__file__).parents[1] / "data").glob("folder-*.tar.gz"))


@pytest.mark.parametrize("packed", FOLDERS, ids=lambda path: path.name.partition(".")[0])
def test_it_opens_and_works(packed: Path, tmp_path: Path) -> None:
    with tarfile.open(packed) as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / "data"
    command = [sys.executable, "-m", "nightbus", "doctor", "--data", str(folder)]
    doctor = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=clean_environment()
    )
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    node = RunningNode(data=folder)
    try:
        check(node)
    finally:
        assert node.stop() == 0
    stored = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"KEPT" not in stored, "the variables of functions are sealed, in free pages too"
    assert b"node/secret" not in stored


def test_there_are_some() -> None:
    assert FOLDERS
