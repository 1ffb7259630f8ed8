"""Runs a dispatcher over a platform whose other parts a test has made by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

from nightbus.delivery.api_destinations.invoker import ApiInvoker
from nightbus.delivery.dispatcher import Dispatcher
from nightbus.delivery.forwarding.process import ForwardingProcess
from nightbus.messaging.mail_server import Mailer
from nightbus.messaging.queues import Queues
from nightbus.services.context import JobQueueMaker, Platform


@asynccontextmanager
async def delivering(platform: Platform, queues: Sequence[JobQueueMaker]) -> AsyncIterator[None]:
    """Until the context ends, the jobs of these queues are delivered."""
    mailer = None if platform.mail is None else Mailer(platform.mail)
    dispatcher = Dispatcher(
        platform.store,
        platform.clock,
        platform.operations,
        platform.endpoint,
        platform.queues or Queues(platform.store, platform.clock),
        ForwardingProcess({}),
        ApiInvoker(platform.store, platform.vault, platform.http, platform.clock),
        platform.router or cast(Any, SimpleNamespace(buses=None)),
        http=platform.http,
        mailer=mailer,
    )
    for make in queues:
        dispatcher.add(make(platform))
    running = asyncio.create_task(dispatcher.run())
    try:
        yield
    finally:
        await dispatcher.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        if mailer is not None:
            mailer.close()
