"""Unpacked packages that outlive a node: when they are used again, and when not."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from pathlib import Path

import pytest

from nightbus.aws.errors import AwsError
from nightbus.functions import kept_packages
from nightbus.functions.kept_packages import KeptPackages


class Node:
    """The packages of one node; its locks go with the process, so that those of two nodes here are two descriptors."""

    def __init__(self, folder: Path, name: str, boot: str = "boot") -> None:
        self.packages = KeptPackages(folder / name, folder / "kept", boot)

    def unpack(self, text: str) -> Path:
        data = zipped(text)
        digest = hashlib.sha256(data).hexdigest()
        return self.packages.find(digest) or self.packages.unpack(io.BytesIO(data), digest)


def zipped(text: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        package.writestr(zipfile.ZipInfo("app.py"), text)
        package.writestr(zipfile.ZipInfo("lib/inner.py"), text)
    return file.getvalue()


def test_a_further_node_has_the_package_of_the_first_one(tmp_path: Path) -> None:
    first = Node(tmp_path, "first").unpack("x = 1")
    written = (first / "app.py").stat().st_ino
    again = Node(tmp_path, "second").unpack("x = 1")
    assert again == first
    assert (again / "app.py").stat().st_ino == written
    assert (again / "lib" / "inner.py").read_text() == "x = 1"


@pytest.mark.parametrize("damage", ["changed", "added", "gone"])
def test_a_package_that_somebody_uses_and_has_changed_is_not_used_again(tmp_path: Path, damage: str) -> None:
    first = Node(tmp_path, "first")
    folder = first.unpack("x = 1")
    if damage == "changed":
        (folder / "app.py").write_text("x = 2")
    elif damage == "added":
        (folder / "lib" / "more.py").write_text("")
    else:
        (folder / "app.py").unlink()
    own = Node(tmp_path, "second").unpack("x = 1")
    assert own.is_relative_to(tmp_path / "second")
    assert sorted(path.name for path in own.rglob("*.py")) == ["app.py", "inner.py"]
    assert (own / "app.py").read_text() == "x = 1"


def test_a_changed_package_that_nobody_uses_is_unpacked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fcntl.flock", lambda *_: None)  # as if the first node had ended
    folder = Node(tmp_path, "first").unpack("x = 1")
    (folder / "app.py").write_text("x = 2")
    (folder / "more.py").write_text("")
    again = Node(tmp_path, "second").unpack("x = 1")
    assert again == folder
    assert (again / "app.py").read_text() == "x = 1"
    assert not (again / "more.py").exists()


def test_only_some_packages_that_nobody_uses_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = Node(tmp_path, "first").unpack("x = 'used'")
    monkeypatch.setattr(kept_packages, "_MOST", 3)
    for number in range(6):
        folder = Node(tmp_path, f"node-{number}").unpack(f"x = {number}")
        end_use(folder)
    there = {path.name for path in used.parent.iterdir() if path.is_dir()}
    assert used.name in there
    assert folder.name in there
    assert len(there) == 4


def end_use(folder: Path) -> None:
    """Close the locks on a package, as the end of a process does."""
    for one in list(Path("/proc/self/fd").iterdir()):
        if one.is_symlink() and one.readlink() == folder.parent / f"{folder.name}.seal":
            os.close(int(one.name))


def test_packages_from_before_the_machine_started_are_not_used(tmp_path: Path) -> None:
    before = Node(tmp_path, "first", "monday").unpack("x = 1")
    after = Node(tmp_path, "second", "tuesday").unpack("x = 1")
    assert after != before
    assert (after / "app.py").read_text() == "x = 1"


def test_what_is_no_zip_is_refused_and_leaves_nothing_to_be_used(tmp_path: Path) -> None:
    for name in ("first", "second"):
        with pytest.raises(AwsError, match="Could not unzip"):
            Node(tmp_path, name).packages.unpack(io.BytesIO(b"no zip"), "0" * 64)


def test_a_package_is_unpacked_where_nothing_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file")
    assert Node(tmp_path, "first").unpack("x = 1").is_relative_to(tmp_path / "first")
