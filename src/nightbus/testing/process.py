"""Is the process of a node for tests: `python -m nightbus.testing.process FOLDER UTC_MS PORT`.

It prints its endpoint once it answers. It ends when its standard input does, so that it never outlives the tests, and
then deletes FOLDER with the folder that it lies in.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import select
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nightbus.aws.errors import AwsError

if TYPE_CHECKING:
    from nightbus.node.node import Node


def main(folder: str, start_ms: str, port: str) -> None:
    gc.disable()  # imports make no garbage, and to look for it takes a tenth of their time
    from nightbus.console.mount import Console
    from nightbus.node.server import bind, run
    from nightbus.node.settings import Settings
    from nightbus.testing.cache import cache_folder

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    for chatty in ("asyncio", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    settings = Settings(
        port=int(port),
        data=Path(folder),
        dev_credentials=True,
        virtual_time_from=int(start_ms),
        test_cache=cache_folder(),
    )
    listener, bound = bind(settings)

    background: list[asyncio.Task[None]] = []

    def ready(node: Node) -> None:
        gc.freeze()  # else `short_collections` visits all that was imported, which takes 0.05 s
        gc.enable()
        loop = asyncio.get_running_loop()
        background.append(loop.create_task(_prewarm(node)))
        loop.add_reader(0, _end_with_tests)
        print(bound.endpoint, flush=True)

    try:
        run(bound, listener, ready, (Console(),))
    finally:
        if _tests_have_ended():
            shutil.rmtree(Path(folder).parent, ignore_errors=True)


def _tests_have_ended() -> bool:
    """Whether nobody holds the other end of the standard input any more."""
    return bool(select.select([0], [], [], 0)[0]) and not os.read(0, 4096)


async def _prewarm(node: Node) -> None:
    """Start what functions of the tests' own Python come from, while the tests make their first resources."""
    with contextlib.suppress(AwsError):
        await node.functions.prewarm(f"python3.{sys.version_info.minor}")


def _end_with_tests() -> None:
    if _tests_have_ended():
        asyncio.get_running_loop().remove_reader(0)
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(*sys.argv[1:4])
