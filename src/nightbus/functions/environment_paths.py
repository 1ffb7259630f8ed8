"""Names the folders that an execution environment uses, and asks a zygote for a process that sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightbus.functions.debugging import Debugger
from nightbus.functions.interface import FunctionSpec
from nightbus.functions.runtimes.interface import Launch
from nightbus.functions.visible_paths import sandbox_links

_MEGABYTE = 1024 * 1024
_MOST_OPEN_FILES = 1024


@dataclass(frozen=True, slots=True)
class EnvironmentPaths:
    """The folders of one environment.

    `code`: the unpacked package, which the sandbox shows as /var/task.
    `layers`: the merged layers, which it shows as /opt; None where the function has none.
    `pycache`: where the interpreter keeps what it compiled of both.
    `scratch`: where the environment's own folder is made, for where it has no /tmp of its own.
    `hidden`: folders that functions must not see, also where something around them is visible.
    `launch`: how the process begins, and what lies at /var/runtime.
    `debugger`: the debugger that it waits for, without a limit of memory; None for none.
    `extensions`: the files in the folder `extensions` of the layers.
    """

    code: Path
    layers: Path | None
    pycache: Path
    scratch: Path
    hidden: tuple[Path, ...]
    launch: Launch
    debugger: Debugger | None = None
    extensions: tuple[str, ...] = ()


def sandbox_address(runtime_api: str) -> str:
    """The loopback address that the names `sandbox` and `sandbox.localdomain` have in this environment alone, so that
    two may listen on one port. It is made of the port of its Runtime API, since ports are unique."""
    port = int(runtime_api.rpartition(":")[2])
    return f"127.64.{port >> 8}.{port & 255}"


def fork_request(
    spec: FunctionSpec,
    paths: EnvironmentPaths,
    variables: Mapping[str, str],
    tmp: Path,
    visible: Sequence[Path] | None,
) -> dict[str, Any]:
    """What `Zygote.fork` sends for one environment, as `zygote_main` and `sandbox` read it.

    `variables` are the process's environment variables, which it gets by itself (`variables_file`). `tmp` is a folder
    that the process makes where it has no /tmp of its own. `visible` are the files and folders beside the system's
    that it sees; None for no sandbox.
    """
    return {
        "code": str(paths.code),
        "layers": str(paths.layers) if paths.layers else "",
        "runtime": str(paths.launch.folder),
        "programs": [list(words) for words in paths.launch.programs],
        "pycache": str(paths.pycache),
        "tmp": str(tmp),
        "hidden": [str(path) for path in paths.hidden],
        "visible": [str(path) for path in visible or ()],
        "sandbox": visible is not None,
        "links": sandbox_links(paths.launch.runtime),
        "storage": spec.ephemeral_storage,
        "memory": spec.memory,
        "debugger": paths.debugger
        and {"packages": str(paths.debugger.packages), "port": paths.debugger.port},
        "extensions": list(paths.extensions),
        "own_address": sandbox_address(variables["AWS_LAMBDA_RUNTIME_API"]) if paths.layers else "",
        "descriptors": 5 if paths.extensions else 3,
        "network": [],
        "limits": {
            "RLIMIT_CORE": 0,
            "RLIMIT_NOFILE": _MOST_OPEN_FILES,
            "RLIMIT_FSIZE": spec.ephemeral_storage * _MEGABYTE,
        },
    }
