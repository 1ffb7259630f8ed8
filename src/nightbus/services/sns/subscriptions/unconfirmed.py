"""Deletes subscriptions that were not confirmed in time, and ended ones that were not restored in time."""

from __future__ import annotations

from functools import partial

import orjson

from nightbus.aws.calls import Scope
from nightbus.delivery.fair_worker import FairWorker, ItemName, Work
from nightbus.delivery.shares import Shares
from nightbus.messaging.topic import ENDED, SUBSCRIPTION
from nightbus.services.context import Platform
from nightbus.services.sns.subscriptions.questions import EXPIRIES, SUBSCRIBE, VALID_MS
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import DeleteRecord, Item

_LEASE_MS = 120_000


async def forget_unanswered(platform: Platform) -> None:
    """The worker."""
    worker = FairWorker(platform.store, platform.clock, _LEASE_MS, Shares[ItemName](1, 1))
    worker.add(EXPIRIES, partial(_work_of, platform))
    await worker.run_until_cancelled()


def _work_of(platform: Platform, item: Item) -> Work:
    """Raises ValueError and the like for what cannot be read."""
    expiry = orjson.loads(item.data)
    scope, key, question = Scope(*expiry["scope"]), str(expiry["subscription"]), str(expiry["expires"])

    async def end(_late: bool) -> None:
        await forget(platform, scope, key, question)
        await platform.store.commit(item.acknowledge())

    return Work("", end)


@retries_on_conflict
async def forget(platform: Platform, scope: Scope, key: str, question: str) -> None:
    """Delete the record once the wait for an answer is over, unless it was confirmed, or a newer request was sent."""
    kind = SUBSCRIPTION if question == SUBSCRIBE else ENDED
    record = await platform.store.get(scope, kind, key)
    if record is None or (kind == SUBSCRIPTION and record.value["confirmed"]):
        return
    if record.value["asked"] + VALID_MS <= platform.clock.now_ms():
        await platform.store.commit(DeleteRecord(scope, kind, key, record.revision))
