"""Starts a node in the foreground, prints a greeting, and reports errors that a user can fix in one line."""

from __future__ import annotations

import logging
import sqlite3
import sys
import time

from nightbus import __version__
from nightbus.aws.grammar import DEFAULT_ACCOUNT
from nightbus.cli.errors import CommandFailed
from nightbus.node.settings import Settings
from nightbus.services import SERVICES


def start_node(settings: Settings, verbose: bool) -> None:
    began = time.perf_counter()
    from nightbus.node.node import Node
    from nightbus.node.server import CannotListen, bind, run
    from nightbus.store.sqlite.store import FolderInUse, NewerSchema
    from nightbus.store.vault import VaultClosed

    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for chatty in ("asyncio", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        listener, bound = bind(settings)
    except CannotListen as failure:
        raise CommandFailed(str(failure)) from failure

    def ready(node: Node) -> None:
        print(_greeting(bound, time.perf_counter() - began), flush=True)

    try:
        run(bound, listener, ready)
    except (FolderInUse, NewerSchema, VaultClosed) as failure:
        raise CommandFailed(str(failure)) from failure
    except (OSError, sqlite3.Error) as failure:
        raise CommandFailed(f"the data folder {bound.data} cannot be used: {failure}") from failure
    print("Nightbus has stopped.", flush=True)


def _greeting(settings: Settings, seconds: float) -> str:
    data_text = "in memory, gone when the node stops" if settings.memory else str(settings.data.absolute())
    prefix = "" if settings.port == 4566 else f"NIGHTBUS_PORT={settings.port} "
    return (
        f"Nightbus {__version__} is ready at {settings.endpoint} (in {seconds:.2f} s)\n"
        f"  data      {data_text}\n"
        f"  services  {', '.join(sorted(SERVICES))}\n"
        f"  account   {DEFAULT_ACCOUNT}, any region, any access key\n"
        f'  use it    eval "$({prefix}nightbus env)"   or   {prefix}nightbus run -- sam deploy --guided\n'
        f"  stop it   Ctrl-C"
    )
