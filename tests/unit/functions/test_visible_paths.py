"""Which parts of the machine does the sandbox show, so that an interpreter works?"""

from __future__ import annotations

from pathlib import Path

import pytest

from nightbus.functions.runtimes.interface import Runtime, ZygoteKind
from nightbus.functions.visible_paths import sandbox_links, visible_paths

SYSTEM = Path("/usr/bin/python3")


def runtime(executable: Path, *needed: Path) -> Runtime:
    return Runtime(
        "python3.12", "python:3.12.v1", ZygoteKind(SYSTEM), SYSTEM, needed, executable, "3.12.1", ""
    )


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def seen(found: Runtime, folder: Path) -> list[Path]:
    visible = visible_paths(found, folder)
    if visible is None:
        pytest.skip("there is no sandbox on this system")
    return visible


def test_an_installation_is_shown_and_the_link_to_it(tmp_path: Path) -> None:
    real = program(tmp_path / "versions" / "3.12.1" / "bin" / "python3.12")
    link = tmp_path / "bin" / "python3.12"
    link.parent.mkdir()
    link.symlink_to(real)
    assert seen(runtime(link), SYSTEM) == [link, real.parent.parent]


def test_a_virtual_environment_is_shown_whole(tmp_path: Path) -> None:
    real = program(tmp_path / "versions" / "3.12.1" / "bin" / "python3.12")
    link = tmp_path / "venv" / "bin" / "python"
    link.parent.mkdir(parents=True)
    link.symlink_to(real)
    program(tmp_path / "venv" / "pyvenv.cfg")
    assert seen(runtime(link), SYSTEM) == [tmp_path / "venv", real.parent.parent]


def test_an_interpreter_in_the_home_folder_does_not_show_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    real = program(tmp_path / "bin" / "python3.12")
    library = tmp_path / "lib" / "python3.12"
    program(library / "os.py")
    program(tmp_path / ".ssh" / "id")
    assert seen(runtime(real), SYSTEM) == [real, library]


def test_what_lies_within_another_one_or_the_system_is_shown_once(tmp_path: Path) -> None:
    inner = tmp_path / "packages" / "boto3"
    inner.mkdir(parents=True)
    assert seen(runtime(SYSTEM, tmp_path / "packages", inner), inner) == [tmp_path / "packages"]


def test_interpreters_have_the_names_of_aws() -> None:
    path = str(SYSTEM)
    folder = "/var/lang/bin"
    names = [f"{folder}/python", f"{folder}/python3", f"{folder}/python3.12"]
    assert sandbox_links(runtime(SYSTEM)) == dict.fromkeys(names, path)
