"""Finds what of the machine a runtime needs beside the system's folders, so that the sandbox shows it and no more."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from nightbus.functions.runtimes.interface import Runtime

_SYSTEM = tuple(map(Path, ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix", "/gnu")))
_MOST_LINKS = 20


def visible_paths(runtime: Runtime, folder: Path) -> list[Path] | None:
    """Files and folders, none below another one; None where there is no sandbox. `folder` becomes /var/runtime."""
    if not sys.platform.startswith("linux"):
        return None
    needed = {*_interpreter(runtime.zygote.executable), *runtime.needed, folder}
    if runtime.executable is not None:
        needed |= {*_interpreter(runtime.executable)}
    visible: list[Path] = []
    for path in sorted(needed):
        if not any(map(path.is_relative_to, (*_SYSTEM, *visible))):
            visible.append(path)
    return visible


def _interpreter(executable: Path) -> Iterator[Path]:
    """The links on the way to the interpreter, the virtual environments that they lie in, and its installation."""
    step = executable
    for _ in range(_MOST_LINKS):
        folder = step.parent.parent
        yield folder if (folder / "pyvenv.cfg").is_file() else step
        if not step.is_symlink():
            break
        step = step.parent / step.readlink()
    real = executable.resolve()
    prefix = real.parent.parent
    if Path.home().is_relative_to(prefix):  # a whole home folder is too much
        yield real
        yield from (prefix / "lib").glob("*python3*")
    else:
        yield prefix


def with_links(packages: Path) -> list[Path]:
    """A folder of packages, and where the links in it lead."""
    return [packages, *(link.resolve() for link in packages.iterdir() if link.is_symlink())]


def sandbox_links(runtime: Runtime) -> dict[str, str]:
    """Symbolic links in the sandbox, by their paths: the interpreter by the names that it has in /var/lang/bin.

    `import` of Node.js, which does not read NODE_PATH, finds layers and the SDK in the folders above /var/task.
    """
    if runtime.executable is None:
        return {}
    path = str(runtime.executable)
    if not runtime.name.startswith("python"):
        return {
            "/var/lang/bin/node": path,
            "/var/node_modules": "/opt/nodejs/node_modules",
            "/node_modules": "/var/runtime/node_modules",
        }
    minor = runtime.version.rpartition(".")[0]
    return {f"/var/lang/bin/{name}": path for name in ("python", "python3", f"python{minor}")}
