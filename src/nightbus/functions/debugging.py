"""Keeps which functions wait for a debugger, and provides the debugger that their environments listen with.

The operator of the node sets this (`/_nightbus/debug`), never a function's own configuration, and it ends with the
node. Invocations of such a function run one after another, so that there is one environment that listens on its port.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import sys
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.bounded import Locks
from nightbus.functions.interface import FunctionSpec
from nightbus.functions.runtimes.interface import CannotProvide, Runtime
from nightbus.functions.runtimes.package_cache import package_cache
from nightbus.functions.runtimes.python import install

T = TypeVar("T")
HOST = "127.0.0.1"
_DEBUGGER = "debugpy"
_SECONDS = 6 * 3600


@dataclass(frozen=True, slots=True)
class Debugger:
    """`packages` is the folder that has debugpy, `port` where it listens on loopback."""

    packages: Path
    port: int


class Debugging:
    """Which functions are debugged, by the port of each."""

    def __init__(self) -> None:
        self.ports: dict[tuple[Scope, str], int] = {}
        self._turns: Locks[tuple[Scope, str]] = Locks()

    def set(self, scope: Scope, name: str, port: int | None) -> bool:
        """Return whether the function was debugged before; `port` None ends that.

        Raises AwsError where the port is another function's, or another program's.
        """
        if port is None:
            return self.ports.pop((scope, name), None) is not None
        others = [
            function for function, used in self.ports.items() if used == port and function != (scope, name)
        ]
        if others or (self.ports.get((scope, name)) != port and not _is_free(port)):
            whose = f"function {others[0][1]}" if others else "another program"
            raise AwsError("PortInUse", f"Port {port} of {HOST} is in use by {whose}.", 409)
        was_debugged = (scope, name) in self.ports
        self.ports[scope, name] = port
        return was_debugged

    def port_of(self, spec: FunctionSpec) -> int | None:
        return self.ports.get((spec.scope, spec.name))

    async def in_turn(self, spec: FunctionSpec, running: Coroutine[Any, Any, T]) -> T:
        """Await it: one invocation after another where the function is debugged; all at once where it is not."""
        try:
            if self.port_of(spec) is None:
                return await running
            async with self._turns.holding((spec.scope, spec.name)):
                return await running
        finally:
            running.close()  # where the caller was cancelled before it began

    def in_memory(self) -> dict[str, int]:
        return {"functions debugged": len(self.ports)}


def without_limits(spec: FunctionSpec) -> FunctionSpec:
    """The same with a time limit that nobody reaches at a breakpoint."""
    return replace(spec, timeout=_SECONDS)


def _is_free(port: int) -> bool:
    with contextlib.suppress(OSError), socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind((HOST, port))
        return True
    return False


def debugger_packages(runtime: Runtime) -> Path:
    """The folder with debugpy for a Python: of the node's own environment, else installed into the cache, once.

    Blocks, the first time maybe for long. Raises AwsError where it cannot be installed.
    """
    executable, minor = runtime.executable, runtime.version.rpartition(".")[0]
    if executable is None or not runtime.name.startswith("python"):
        raise AwsError("DebuggerMissing", f"Functions of runtime {runtime.name} cannot be debugged yet.", 501)
    if executable == Path(sys.executable):
        own = _own_folder()
        if own is not None:
            return own
    folder = package_cache() / f"{_DEBUGGER}-{minor}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".installing-", dir=folder.parent))
    try:
        install(executable, temporary, (_DEBUGGER,))
        temporary.chmod(0o755)
        with contextlib.suppress(OSError):  # somebody was faster
            temporary.rename(folder)
    except CannotProvide as failure:
        raise AwsError("DebuggerMissing", f"{_DEBUGGER} cannot be installed: {failure}", 502) from failure
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _own_folder() -> Path | None:
    """A folder with nothing but a link to the debugger that the node's own environment has; None where it has none."""
    try:
        version = metadata.version(_DEBUGGER)
        source = Path(str(metadata.distribution(_DEBUGGER).locate_file(_DEBUGGER))).resolve()
    except metadata.PackageNotFoundError:
        return None
    folder = package_cache() / f"own-{_DEBUGGER}-{version}-{sys.version_info.minor}"
    link = folder / _DEBUGGER
    if link.is_symlink() and link.resolve() == source and source.is_dir():
        return folder
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(source)
    return folder
