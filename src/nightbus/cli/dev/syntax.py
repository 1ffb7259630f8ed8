"""Looks for syntax errors in changed sources, so that a half-written file does not replace code that works."""

from __future__ import annotations

import ast
import subprocess
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

from nightbus.cli.dev.javascript_syntax import JavaScriptChecker
from nightbus.cli.dev.sources import Source

_SECONDS = 10.0
_JAVASCRIPT = (".js", ".cjs", ".mjs")
_BY_ITS_INTERPRETER = """
import sys
try:
    compile(open(sys.argv[1], "rb").read(), sys.argv[1], "exec", dont_inherit=True)
except SyntaxError as error:
    print(error.lineno or 1, error.msg)
"""


class SyntaxCheck:
    """Checks Python by this process's own compiler, JavaScript by Node.js."""

    def __init__(self) -> None:
        self._javascript: dict[Path, JavaScriptChecker] = {}

    def prepare(self, runtimes: Iterable[str]) -> None:
        """Start what checks sources of these runtimes, so that the first save need not wait for it."""
        for runtime in runtimes:
            if runtime.startswith("nodejs") and (checker := self._checker(runtime)):
                checker.start()

    def errors(self, files: Iterable[Path], source: Source) -> list[str]:
        """Return `file:line: message` for each file of a Python or Node.js function that would not compile."""
        found: list[str] = []
        if source.runtime.startswith("python3."):
            found = [_error_in(file, source.runtime) for file in sorted(files) if file.suffix == ".py"]
        elif source.runtime.startswith("nodejs") and (checker := self._checker(source.runtime)):
            found = [checker.error_in(file) for file in sorted(files) if file.suffix in _JAVASCRIPT]
        return [error for error in found if error]

    def close(self) -> None:
        for checker in self._javascript.values():
            checker.close()

    def _checker(self, runtime: str) -> JavaScriptChecker | None:
        from nightbus.functions.runtimes.nodejs import NodeJs

        executable = NodeJs().preview(runtime).executable
        if executable is None:
            return None
        return self._javascript.setdefault(executable, JavaScriptChecker(executable))


def _error_in(file: Path, runtime: str) -> str:
    try:
        text = file.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            minor = int(runtime.removeprefix("python3."))
            version = (3, minor) if minor < sys.version_info.minor else None
            ast.parse(text, str(file), feature_version=version)
    except OSError:  # it was removed
        return ""
    except SyntaxError as error:
        return _confirmed(file, runtime, f"{error.lineno or 1} {error.msg}")
    except ValueError as error:  # a zero byte
        return f"{file}:1: {error}"
    return ""


def _confirmed(file: Path, runtime: str, said: str) -> str:
    """Another version of Python may know what ours does not."""
    if runtime != f"python3.{sys.version_info.minor}":
        from nightbus.functions.runtimes.python import candidates

        interpreter = next(candidates(runtime), None)
        if interpreter is not None:
            done = subprocess.run(
                [str(interpreter), "-I", "-S", "-c", _BY_ITS_INTERPRETER, str(file)],
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
            if done.returncode == 0:
                said = done.stdout.strip()
    if not said:
        return ""
    line, _, message = said.partition(" ")
    return f"{file}:{line}: {message}"
