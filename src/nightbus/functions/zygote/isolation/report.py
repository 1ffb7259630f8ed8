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
_NETWORK = "--network"


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


def lost_network(layers: Mapping[str, Any]) -> str:
    """Why functions that are to have a network of their own are refused; "" where they can have it."""
    if layers["namespaces"] is True:
        return ""
    return (
        "FUNCTIONS ARE REFUSED: functions_network is loopback, which needs namespaces, and there are none "
        f"({layers['namespaces']})"
    )


def examined(needed: list[str] | None = None, *, network: bool = False) -> dict[str, Any]:
    """The layers of a zygote with this process's Python; with `network`, environments have networks of their own.
    Blocks."""
    options = [_NETWORK] if network else []
    done = subprocess.run(
        [sys.executable, "-m", __name__, *options, *(needed or [os.__file__])],
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
    paths = [word for word in sys.argv[1:] if word != _NETWORK]
    network = _NETWORK in sys.argv
    try:
        protection = made(paths, network=network)
    except sandbox.CannotGoBack as failure:  # as `zygote_main.tried_protection`
        protection = made(paths, str(failure), network)
    print(json.dumps(protection.layers()))


if __name__ == "__main__":
    main()
