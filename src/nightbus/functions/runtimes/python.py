"""Runs functions of runtimes `python3.X`: finds the Python, and installs the packages that Lambda adds to it.

The one that the runtime names where the machine has it, else the newest that can; and boto3 and awslambdaric in a
folder of their own, so that a function sees what it would see on AWS and not what the node has installed. Environments
are forked from a zygote that has these imported (`zygote_main`), and execute no program.
"""

from __future__ import annotations

import contextlib
import functools
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nightbus.functions.interface import FunctionSpec
from nightbus.functions.runtimes.bundled_sdk import note_on_sdk
from nightbus.functions.runtimes.installers import ends_with_this, installing_folder, shown_in_log
from nightbus.functions.runtimes.interface import (
    CannotProvide,
    Launch,
    Preview,
    Runtime,
    ZygoteKind,
    deprecation_notes,
)
from nightbus.functions.runtimes.package_cache import package_cache
from nightbus.functions.runtimes.wrapper_script import has_wrapper, with_wrapper

RUNTIMES = ("python3.8", "python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14")
OWN = f"python{sys.version_info.major}.{sys.version_info.minor}"
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
_DEPRECATED = {
    "python3.7": "2023-12-04",
    "python3.8": "2024-10-14",
    "python3.9": "2025-12-15",
}
_PROVIDED = ("awslambdaric", "boto3")
_PLACES = (
    "~/.pyenv/versions/{minor}.*/bin/{name}",
    "~/.local/share/uv/python/cpython-{minor}*/bin/{name}",
    "/usr/bin/{name}",
    "/usr/local/bin/{name}",
    "/opt/python/{minor}*/bin/{name}",
)
_BOOTSTRAP = Path(__file__).with_name("python_bootstrap.py")
_INSTALL_SECONDS = 180


class Python:
    names = ("python3.7", *RUNTIMES)

    def preview(self, name: str) -> Preview:
        deprecated = _DEPRECATED.get(name, "")
        for wanted in _nearest(name):
            executable = next(candidates(wanted), None)
            if executable is not None:
                exact = wanted == name
                advice = "" if exact else _advice(name.removeprefix("python"))
                return Preview(name, executable, _version(executable), exact, advice, deprecated)
        return Preview(name, exact=False, advice=_advice(name.removeprefix("python")), deprecated=deprecated)

    def installed(self) -> Sequence[tuple[str, Path]]:
        """Asked of all at once, in threads, since each takes some 20 ms to answer."""
        with ThreadPoolExecutor(8) as threads:
            lists = threads.map(lambda name: list(_with_name(name)), self.names)
            return [(_version(executable), executable) for found in lists for executable in found]

    def has(self, name: str) -> bool:
        return re.fullmatch(r"python3\.\d+", name) is not None

    def find(self, name: str) -> Runtime:
        reason = f"{name} is not on this machine"
        for other in _nearest(name):
            for executable in candidates(other):
                version = _version(executable)
                note = "" if other == name else f"{reason}; running on Python {version}."
                try:
                    packages = _packages(executable, other.removeprefix("python"))
                    return _runtime(name, executable, version, packages, note)
                except CannotProvide as failure:
                    if other == name:
                        reason = f"{name} is on this machine but its packages cannot be installed ({failure})"
        raise AssertionError("the node's own Python is one of them")

    def launch(self, runtime: Runtime, spec: FunctionSpec, code: Path, layers: Path | None) -> Launch:
        minor = runtime.version.rpartition(".")[0]
        on_sdk = note_on_sdk(code, layers, minor)
        notes = [*deprecation_notes(_DEPRECATED, runtime.name), *([on_sdk] if on_sdk else [])]
        if not has_wrapper(spec):
            return Launch(runtime, runtime.folder, notes=notes)
        command = with_wrapper(spec, [str(runtime.executable), "{runtime}/bootstrap.py"])
        return Launch(runtime, runtime.folder, (command,), {"PYTHONPATH": "/var/runtime"}, notes)


def _nearest(name: str) -> list[str]:
    """All runtimes whose Python can run functions, by their distance from the named one; of two the newer one."""
    wanted = _minor(name)
    return sorted(RUNTIMES, key=lambda one: (abs(_minor(one) - wanted), -_minor(one)))


def _minor(name: str) -> int:
    return int(name.removeprefix("python3."))


def _advice(minor: str) -> str:
    if shutil.which("uv"):
        return f"uv python install {minor}"
    if shutil.which("pyenv"):
        return f"pyenv install {minor}"
    return f"pip install uv && uv python install {minor}"


def supported_runtimes() -> tuple[str, ...]:
    return RUNTIMES


def _runtime(name: str, executable: Path, version: str, packages: Path, note: str = "") -> Runtime:
    minor, _, patch = version.rpartition(".")
    needed = [packages]
    needed += [link.resolve() for link in packages.iterdir() if link.is_symlink()]
    return Runtime(
        name,
        label=f"python:{minor}.v{patch}",
        zygote=ZygoteKind(executable, packages),
        folder=packages,
        needed=tuple(needed),
        executable=executable,
        version=version,
        note=note,
    )


def _packages(executable: Path, minor: str) -> Path:
    if executable == Path(sys.executable):
        folder = _own_packages(package_cache() / f"own-{_fingerprint()}")
    else:
        folder = _installed_packages(executable, package_cache() / f"python{minor}")
    _put_bootstrap(folder / "bootstrap.py")
    return folder


def _put_bootstrap(target: Path) -> None:
    """Folders of before may lack it, or have an older one."""
    text = _BOOTSTRAP.read_bytes()
    if not target.exists() or target.read_bytes() != text:
        descriptor, temporary = tempfile.mkstemp(prefix=".bootstrap-", dir=target.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).rename(target)


def candidates(runtime: str) -> Iterator[Path]:
    """The interpreters of this machine that have the version of `runtime` ("python3.12"), the first found first."""
    if runtime == OWN:
        yield Path(sys.executable)
        return
    yield from _with_name(runtime)


def _with_name(runtime: str) -> Iterator[Path]:
    """Every interpreter of that version, the node's own first."""
    minor = runtime.removeprefix("python")
    seen: set[Path] = set()
    if runtime == OWN:
        seen.add(Path(sys.executable))
        yield Path(sys.executable)
    on_path = shutil.which(runtime)
    found = _behind(Path(on_path)) if on_path else []
    for place in _PLACES:
        pattern = os.path.expanduser(place.format(minor=minor, name=runtime))  # noqa: PTH111 - a pattern, no path
        found += sorted(glob.glob(pattern), reverse=True)  # noqa: PTH207
    for text in found:
        path = Path(text)
        with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError):
            if _version(path).startswith(f"{minor}.") and path not in seen:
                seen.add(path)
                yield path


def _behind(path: Path) -> list[str]:
    """The interpreters behind a shim of pyenv, which is a slow shell script; else the path itself."""
    if path.parent.name != "shims":
        return [str(path)]
    minor = path.name.removeprefix("python")
    behind = sorted(path.parent.parent.glob(f"versions/{minor}.*/bin/{path.name}"), reverse=True)
    return [str(one) for one in behind] or [str(path)]


@functools.cache
def _version(executable: Path) -> str:
    """Asked of the interpreter itself: a shim may be there for a version that is not."""
    code = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
    done = subprocess.run(
        [str(executable), "-I", "-S", "-c", code], capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout.strip()


def _fingerprint() -> str:
    """Differs where the packages do: by version, and by the environment that they are linked from."""
    from importlib import metadata  # which takes 20 ms to import

    versions = [sys.version.split()[0], sys.prefix, *(metadata.version(name) for name in _PROVIDED)]
    return hashlib.sha256("\0".join(versions).encode()).hexdigest()[:16]


def _own_packages(folder: Path) -> Path:
    """A folder of links to what the node's own environment has of the provided packages and what these need."""
    from importlib import metadata  # which takes 20 ms to import

    if folder.is_dir() and all(entry.exists() for entry in folder.iterdir()):
        return folder
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".linking-", dir=folder.parent))
    for name in _with_requirements(_PROVIDED):
        distribution = metadata.distribution(name)
        for file in distribution.files or ():
            top = file.parts[0]
            link = temporary / top
            if top not in ("..", "__pycache__") and not link.is_symlink():
                link.symlink_to(Path(str(distribution.locate_file(top))).resolve())
    temporary.chmod(0o755)
    if folder.exists():
        shutil.rmtree(folder)
    temporary.rename(folder)
    return folder


def _with_requirements(names: tuple[str, ...]) -> list[str]:
    from importlib import metadata  # which takes 20 ms to import

    found: list[str] = []
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            requirements = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # for another platform or version of Python
        found.append(name)
        waiting += [
            re.split(r"[\s<>=!~;\[(]", one, maxsplit=1)[0] for one in requirements if "extra ==" not in one
        ]
    return found


def _installed_packages(executable: Path, folder: Path) -> Path:
    """Installed once for the interpreter, by its own pip or by uv. Raises CannotProvide."""
    if folder.is_dir():
        return folder
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = installing_folder(folder.parent)
    try:
        with shown_in_log(f"{', '.join(_PROVIDED)} for {executable}"):
            install(executable, temporary, _PROVIDED)
        temporary.chmod(0o755)
        temporary.rename(folder)
    except OSError as failure:
        if not folder.is_dir():
            raise CannotProvide(str(failure)) from failure
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def install(executable: Path, target: Path, names: tuple[str, ...]) -> None:
    """Install packages for an interpreter into a folder, by uv or by its own pip. Raises CannotProvide."""
    uv = Path(sys.executable).with_name("uv")
    commands = [[str(executable), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]]
    for found in (str(uv) if uv.exists() else None, shutil.which("uv")):
        if found:
            commands.insert(0, [found, "pip", "install", "--quiet", "--python", str(executable)])
            break
    said = ""
    for command in commands:
        try:
            done = subprocess.run(
                [*ends_with_this(), *command, "--target", str(target), *names],
                capture_output=True,
                text=True,
                timeout=_INSTALL_SECONDS,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as failure:
            said = str(failure)
            continue
        if done.returncode == 0:
            return
        said = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit code {done.returncode}"
    raise CannotProvide(said)
