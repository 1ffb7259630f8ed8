"""Says in words what protects functions on this machine, and what is missing. `python -m` prints it as JSON.

It runs in a process of its own, since trying out namespaces changes the process that does it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

_SECONDS = 30


def missing_layers(layers: Mapping[str, Any]) -> list[str]:
    """One sentence for each layer that is missing and matters. `layers`: as `Sandbox.layers` says them."""
    missing = []
    if layers["namespaces"] is not True:
        rest = "landlock closes this machine's files to them" if layers["landlock"] else "they see its files"
        missing.append(
            f"functions have no namespaces of their own ({layers['namespaces']}): they share this machine's /tmp and "
            f"see its processes, and {rest}"
        )
    if not layers["seccomp"]:
        missing.append("system calls of functions are not filtered")
    return missing


def examined(needed: list[str] | None = None) -> dict[str, Any]:
    """The layers of a zygote with this process's Python. Blocks."""
    done = subprocess.run(
        [sys.executable, "-m", __name__, *(needed or [os.__file__])],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=True,
    )
    layers = json.loads(done.stdout)
    assert isinstance(layers, dict)
    return layers


def main() -> None:
    from nightbus.functions.zygote.isolation import sandbox

    made: Any = sandbox.Sandbox
    print(json.dumps(made(sys.argv[1:]).layers()))


if __name__ == "__main__":
    main()
