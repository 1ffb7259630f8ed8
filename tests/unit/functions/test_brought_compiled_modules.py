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
paths.use_compiled_modules()
import shop, other
print(shop.NAME, other.NAME)
"""


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
    command = [sys.executable, "-c", PROGRAM, str(import_paths.__file__), str(code), str(compiled)]
    environment = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.stdout.split() == [expected, "other"], done.stderr
    kept = {path.name.partition(".")[0] for path in compiled.rglob("*.pyc")}
    assert "other" in kept
    assert ("shop" in kept) == (expected == "source")
