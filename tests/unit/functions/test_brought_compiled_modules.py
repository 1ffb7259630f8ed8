"""Compiled modules that a package brings are used where nobody is to compare them with their sources."""

from __future__ import annotations

import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

import nightbus.functions.zygote.import_paths as import_paths

PROGRAM = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("import_paths", sys.argv[1])
paths = importlib.util.module_from_spec(spec)
spec.loader.exec_module(paths)
sys.path.insert(0, sys.argv[2])
sys.pycache_prefix = sys.argv[3]
paths.use_compiled_modules(sys.argv[4:])
import shop, other
print(shop.NAME, other.NAME)
"""


def names_seen(code: Path, compiled: Path, *installed: Path) -> list[str]:
    """NAME of the modules `shop` and `other` of `code`, imported as by a function that keeps what it compiles in
    `compiled`."""
    arguments = [str(path) for path in (import_paths.__file__, code, compiled, *installed)]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (py_compile.PycInvalidationMode.UNCHECKED_HASH, "compiled"),
        (py_compile.PycInvalidationMode.CHECKED_HASH, "source"),
        (py_compile.PycInvalidationMode.TIMESTAMP, "source"),
    ],
)
def test_what_is_brought(tmp_path: Path, mode: py_compile.PycInvalidationMode, expected: str) -> None:
    code, compiled = tmp_path / "code", tmp_path / "compiled"
    code.mkdir()
    source = code / "shop.py"
    source.write_text("NAME = 'compiled'\n")
    py_compile.compile(str(source), invalidation_mode=mode)
    source.write_text("NAME = 'source'\n# of another length\n")
    (code / "other.py").write_text("NAME = 'other'\n")
    assert names_seen(code, compiled) == [expected, "other"]
    kept = {path.name.partition(".")[0] for path in compiled.rglob("*.pyc")}
    assert "other" in kept
    assert ("shop" in kept) == (expected == "source")


def test_what_is_installed_is_not_compiled_again(tmp_path: Path) -> None:
    code, compiled = tmp_path / "code", tmp_path / "compiled"
    code.mkdir()
    for name in ("shop", "other"):
        (code / f"{name}.py").write_text(f"NAME = {name!r}\n")
    py_compile.compile(str(code / "shop.py"), invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)
    assert names_seen(code, compiled, code) == ["shop", "other"]
    assert [path.name.partition(".")[0] for path in compiled.rglob("*.pyc")] == ["other"]


def test_what_is_installed_is_compared_with_its_source(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    for name in ("shop", "other"):
        (code / f"{name}.py").write_text(f"NAME = {name!r}\n")
    py_compile.compile(str(code / "shop.py"), invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)
    (code / "shop.py").write_text("NAME = 'newer'\n# of another length\n")
    assert names_seen(code, tmp_path / "compiled", code) == ["newer", "other"]
