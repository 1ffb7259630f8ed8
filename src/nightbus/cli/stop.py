"""How is a node stopped from another terminal? By the signal that Ctrl-C would send."""

from __future__ import annotations

import os
import signal
import time

from nightbus.cli.client import ask, is_running
from nightbus.cli.main import CommandFailed
from nightbus.node.settings import Settings

_SECONDS = 20.0


def stop_node(settings: Settings) -> None:
    status = ask(settings, "status")
    try:
        os.kill(status["pid"], signal.SIGTERM)
    except (ProcessLookupError, PermissionError) as failure:
        raise CommandFailed(f"cannot stop process {status['pid']}: {failure.strerror}") from failure
    deadline = time.monotonic() + _SECONDS
    while is_running(settings):
        if time.monotonic() > deadline:
            raise CommandFailed(
                f"process {status['pid']} was told to stop and has not after {_SECONDS:.0f} s"
            )
        time.sleep(0.05)
    print(f"Nightbus at {status['endpoint']} has stopped.")
