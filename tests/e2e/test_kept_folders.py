"""A data folder that an earlier version kept opens in this one, and everything in it works."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
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


def test_the_owner_of_an_old_folder_is_told_that_policies_are_asked_now(tmp_path: Path) -> None:
    with tarfile.open(FOLDERS[-1]) as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / "data"
    with closing(sqlite3.connect(folder / "nightbus.db")) as database, database:
        database.execute(
            "DELETE FROM record WHERE kind = 'iam/role'"
        )  # which earlier releases did not ask for
    command = [sys.executable, "-m", "nightbus", "doctor", "--data", str(folder)]
    doctor = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=clean_environment()
    )
    assert doctor.returncode == 0
    assert "role arn:aws:iam::000000000000:role/kept-role does not exist" in doctor.stdout
    assert "refused to function kept; create it" in doctor.stdout
    for told in (True, False):
        node = RunningNode(data=folder, dev_credentials=False)
        assert node.stop() == 0
        assert ("the release that wrote this folder enforced none" in "".join(node.output)) is told


def test_a_new_folder_has_no_such_notice(tmp_path: Path) -> None:
    node = RunningNode(data=tmp_path / "data", dev_credentials=False)
    assert node.stop() == 0
    assert "enforced none" not in "".join(node.output)


def test_there_are_some() -> None:
    assert FOLDERS
