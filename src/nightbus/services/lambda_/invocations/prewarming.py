"""Prepares runtimes at the node's start, so that a function's first invocation is quick.

The process that environments are forked from is started for the runtime of every function that is there.
"""

from __future__ import annotations

import logging

from nightbus.services.context import Platform
from nightbus.services.lambda_.records import FUNCTION

log = logging.getLogger("nightbus.lambda")


async def prewarm_runtimes(platform: Platform) -> None:
    """A worker that ends by itself."""
    runtimes = {
        record.value["latest"]["config"]["Runtime"]
        for scope in await platform.store.scopes(FUNCTION)
        for record in await platform.store.list(scope, FUNCTION)
    }
    for runtime in sorted(runtimes):
        try:
            await platform.functions.prewarm(runtime)
        except Exception as failure:  # the invocation that needs it says it to its caller
            log.info("nothing is ready for %s yet: %s", runtime, failure)
