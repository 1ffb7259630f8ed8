"""What functions keep of compiled modules is measured, whatever they put beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightbus.functions import compiled_files
from nightbus.functions.compiled_files import is_too_large


def test_bytes_count_wherever_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_files, "MOST_BYTES", 1024 * 1024)
    below = tmp_path / "var" / "task"
    below.mkdir(parents=True)
    (below / "m.pyc").write_bytes(b"x" * 4096)
    (tmp_path / "link").symlink_to("/usr")
    assert not is_too_large(tmp_path)
    (below / "big").write_bytes(b"x" * 1024 * 1024)
    assert is_too_large(tmp_path)


def test_many_entries_and_endless_depth_are_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled_files, "MOST_ENTRIES", 20)
    many = tmp_path / "many"
    many.mkdir()
    for number in range(21):
        (many / str(number)).touch()
    assert is_too_large(many)
    deep = tmp_path / "deep"
    deep.mkdir()
    monkeypatch.setattr(compiled_files, "MOST_ENTRIES", 1000)
    (deep / "/".join(["d" * 200] * 18)).mkdir(parents=True)
    (deep / "/".join(["d" * 200] * 19)).mkdir()
    assert is_too_large(deep) is (len(str(deep)) + 19 * 201 > 4000)


def test_a_folder_that_is_gone_is_not_too_large(tmp_path: Path) -> None:
    assert not is_too_large(tmp_path / "none")
