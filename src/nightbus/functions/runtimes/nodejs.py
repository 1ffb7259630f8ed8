"""Runs functions of runtimes `nodejsXX.x` on the Node.js that the machine has, by Nightbus's own Runtime API client.

The major version that the runtime names where the machine has it, else the nearest. The client is the folder
`nodejs_client` beside this module, which lies at /var/runtime; with it what a function needs of the AWS SDK.
"""

from __future__ import annotations

import contextlib
import functools
import glob
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from nightbus.aws.errors import AwsError
from nightbus.functions.interface import FunctionSpec
from nightbus.functions.runtimes.interface import (
    CannotProvide,
    Launch,
    Preview,
    Runtime,
    ZygoteKind,
    deprecation_notes,
)
from nightbus.functions.runtimes.javascript_sdk import missing_packages, runtime_folder
from nightbus.functions.runtimes.package_cache import package_cache
from nightbus.functions.runtimes.wrapper_script import with_wrapper
from nightbus.functions.variables import PATH

CLIENT = Path(__file__).with_name("nodejs_client")
_RETRY_SECONDS = 60.0
_OLDEST = 18  # that the client runs on
_PLACES = (
    "{NVM_DIR:~/.nvm}/versions/node/v*/bin/node",
    "{FNM_DIR:~/.local/share/fnm}/node-versions/v*/installation/bin/node",
    "~/.fnm/node-versions/v*/installation/bin/node",
    "{VOLTA_HOME:~/.volta}/tools/image/node/*/bin/node",
    "{N_PREFIX:/usr/local}/n/versions/node/*/bin/node",
    "~/.asdf/installs/nodejs/*/bin/node",
    "~/.local/share/mise/installs/node/*/bin/node",
    "/usr/local/bin/node",
    "/usr/bin/node",
)
# What AWS switches off, and by which option of NODE_OPTIONS a function has it on:
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html
_EXPERIMENTS = {18: (), 20: ("require-module",), 22: ("require-module", "detect-module")}
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
_DEPRECATED = {"nodejs16.x": "2024-06-12", "nodejs18.x": "2025-09-01", "nodejs20.x": "2026-04-30"}
_KNOWS_EXPERIMENTS = (20, 19)


class NodeJs:
    names = ("nodejs18.x", "nodejs20.x", "nodejs22.x", "nodejs24.x")

    def __init__(self) -> None:
        self._failed: dict[
            tuple[str, ...], tuple[float, str]
        ] = {}  # when which packages could not be installed

    def preview(self, name: str) -> Preview:
        wanted = major(name)
        usable = {path: version for path, version in _versions().items() if version[0] >= _OLDEST}
        if not usable:
            return Preview(name, exact=False, advice=_advice(wanted), deprecated=_DEPRECATED.get(name, ""))
        executable = min(usable, key=lambda one: _distance(usable[one], wanted))
        exact = usable[executable][0] == wanted
        version = ".".join(map(str, usable[executable]))
        advice = "" if exact else _advice(wanted)
        return Preview(name, executable, version, exact, advice, _DEPRECATED.get(name, ""))

    def installed(self) -> Sequence[tuple[str, Path]]:
        return [(".".join(map(str, version)), path) for path, version in _versions().items()]

    def has(self, name: str) -> bool:
        return re.fullmatch(r"nodejs\d+\.x", name) is not None

    def find(self, name: str) -> Runtime:
        wanted = major(name)
        usable = {path: version for path, version in _versions().items() if version[0] >= _OLDEST}
        if not usable:
            raise AwsError(
                "InvalidRuntimeException",
                f"{name} needs Node.js {_OLDEST} or newer, which is not on this machine (looked for on PATH and in the "
                "folders of nvm, fnm, volta and n).",
                502,
            )
        executable = min(usable, key=lambda one: _distance(usable[one], wanted))
        version = ".".join(map(str, usable[executable]))
        exact = usable[executable][0] == wanted
        return Runtime(
            name,
            label=f"nodejs:{usable[executable][0]}.v{usable[executable][1]}",
            zygote=ZygoteKind(Path(sys.executable)),
            folder=CLIENT,
            needed=(CLIENT,),
            executable=executable,
            version=version,
            note="" if exact else f"{name} is not on this machine; running on Node.js {version}.",
        )

    def launch(self, runtime: Runtime, spec: FunctionSpec, code: Path, layers: Path | None) -> Launch:
        command = [str(runtime.executable), *_options(runtime, spec), "{runtime}/index.cjs"]
        packages = missing_packages(code, layers, major(runtime.name))
        folder, reason = self._folder(runtime, packages) if packages else (runtime.folder, "")
        notes = deprecation_notes(_DEPRECATED, runtime.name)
        if reason:
            missing = ", ".join(packages)
            notes.append(f"Nightbus: {missing} could not be installed, and will not be found: {reason}")
        return Launch(runtime, folder, (with_wrapper(spec, command),), _variables(runtime), notes)

    def _folder(self, runtime: Runtime, packages: tuple[str, ...]) -> tuple[Path, str]:
        """What lies at /var/runtime, and why the packages are not there: not tried again for a while."""
        failed_at, reason = self._failed.get(packages, (0.0, ""))
        if not reason or time.monotonic() - failed_at > _RETRY_SECONDS:
            self._failed.pop(packages, None)
            try:
                return runtime_folder(
                    package_cache(), CLIENT, packages, runtime.executable or Path("node")
                ), ""
            except CannotProvide as failure:
                reason = str(failure)
                self._failed[packages] = time.monotonic(), reason
        return runtime.folder, reason


def major(name: str) -> int:
    """18 of "nodejs18.x"."""
    return int(name.removeprefix("nodejs").partition(".")[0])


def _versions() -> dict[Path, tuple[int, int, int]]:
    return {executable: _version(executable) for executable in _executables()}


def _advice(wanted: int) -> str:
    if shutil.which("fnm"):
        return f"fnm install {wanted}"
    if shutil.which("volta"):
        return f"volta install node@{wanted}"
    return f"nvm install {wanted}"


def _distance(version: Sequence[int], wanted: int) -> tuple[int, bool, list[int]]:
    """The nearest major version first, of two at the same distance the newer one, of several the newest."""
    return abs(version[0] - wanted), version[0] < wanted, [-part for part in version]


def _executables() -> Iterator[Path]:
    on_path = shutil.which("node")
    found = [on_path] if on_path else []
    for place in _PLACES:
        pattern = re.sub(r"\{(\w+):([^}]+)\}", lambda match: os.environ.get(match[1]) or match[2], place)
        found += sorted(glob.glob(os.path.expanduser(pattern)), reverse=True)  # noqa: PTH111, PTH207 - a pattern
    for path in dict.fromkeys(map(Path, found)):
        with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError):
            _version(path)
            yield path


@functools.cache
def _version(executable: Path) -> tuple[int, int, int]:
    """Asked of Node.js itself: a shim may be there for a version that is not. Raises ValueError and others."""
    done = subprocess.run(
        [str(executable), "--version"], capture_output=True, text=True, timeout=10, check=True, cwd="/"
    )
    found = re.fullmatch(r"v(\d+)\.(\d+)\.(\d+)\S*", done.stdout.strip())
    if found is None:
        raise ValueError(done.stdout)
    return int(found[1]), int(found[2]), int(found[3])


def _options(runtime: Runtime, spec: FunctionSpec) -> list[str]:
    """As AWS starts Node.js; what the function says in NODE_OPTIONS is not overridden."""
    own = spec.environment.get("NODE_OPTIONS", "")
    options = ["--expose-gc", "--max-http-header-size", "81920"]
    if not re.search(r"--max[-_](semi|old)[-_]space[-_]size", own):
        young = spec.memory // 10
        options += [f"--max-semi-space-size={young // 2}", f"--max-old-space-size={spec.memory - young}"]
    actual = tuple(map(int, runtime.version.split(".")[:2]))
    if actual >= _KNOWS_EXPERIMENTS:
        options += [
            f"--no-experimental-{name}"
            for name in _EXPERIMENTS.get(major(runtime.name), ())
            if f"--experimental-{name}" not in own
        ]
    return options


def _variables(runtime: Runtime) -> dict[str, str]:
    folders = [
        f"{{opt}}/nodejs/node{major(runtime.name)}/node_modules",
        "{opt}/nodejs/node_modules",
        "{runtime}/node_modules",
        "{runtime}",
        "{task}",
    ]
    variables = {"NODE_PATH": ":".join(folders)}
    if runtime.executable is not None and str(runtime.executable.parent) not in PATH.split(":"):
        variables["PATH"] = f"{runtime.executable.parent}:{PATH}"  # a function may call `node` itself
    return variables
