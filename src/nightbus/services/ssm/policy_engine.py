"""Carries out the policies of parameters when they are due: expiry, and the notifications as events.

Each policy is an item of one queue with its due time. The item and the parameter's newest version have the same id of
the policies; a later version has another id, and the item of an older one is dropped.
"""

from __future__ import annotations

import logging
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.services.context import Platform
from nightbus.services.ssm.change_events import SsmEvents
from nightbus.services.ssm.policies import EXPIRATION, FINISHED, NO_CHANGE
from nightbus.services.ssm.records import PARAMETER, Version, deletion
from nightbus.store.interface import SYSTEM, Change, Conflict, Enqueue, Item, PutRecord, StaleLease

log = logging.getLogger("nightbus.ssm")

QUEUE = "ssm/policies"
_AT_ONCE = 50
_LEASE_MS = 60_000
_AGAIN_MS = 5_000
_WAIT_SECONDS = 60.0
_REASONS = {
    EXPIRATION: "Parameter has expired.",
    NO_CHANGE: "Parameter hasn't been changed.",
}


def policy_items(scope: Scope, name: str, version: Version) -> list[Change]:
    """Return the changes that queue the policies of a new version."""
    return [
        Enqueue(SYSTEM, QUEUE, orjson.dumps([list(scope), name, version["policies_id"], at]), policy["due"])
        for at, policy in enumerate(version["policies"])
    ]


async def run_parameter_policies(platform: Platform) -> None:
    """Carry out the policies that are due, as a worker."""
    while True:
        for item in await platform.store.lease(SYSTEM, QUEUE, _AT_ONCE, _LEASE_MS, _WAIT_SECONDS):
            try:
                await _carry_out(platform, item)
            except StaleLease:
                log.info("a policy of a parameter was carried out by another worker")
            except Conflict:  # the parameter was changed meanwhile
                await platform.store.change_lease(*item.queue, item.id, platform.clock.now_ms(), item.token)
            except Exception:
                log.exception("a policy of a parameter was not carried out; it is tried again")
                again = platform.clock.now_ms() + _AGAIN_MS
                await platform.store.change_lease(*item.queue, item.id, again, item.token)


async def _carry_out(platform: Platform, item: Item) -> None:
    place, name, policies_id, at = orjson.loads(item.data)
    scope = Scope(*place)
    record = await platform.store.get(scope, PARAMETER, name)
    newest: dict[str, Any] = record.value["newest"] if record else {}
    if record is None or newest.get("policies_id") != policies_id:
        await platform.store.commit(item.acknowledge())
        return
    policy = newest["policies"][at]
    events = SsmEvents(platform, scope)
    events.policy_acted(name, newest, policy, _REASONS.get(policy["type"], "Parameter is about to expire."))
    if policy["type"] == EXPIRATION:
        events.changed("Delete", name, newest)
        await events.commit(*deletion(scope, record), item.acknowledge())
        return
    policy["status"] = FINISHED
    await events.commit(
        PutRecord(scope, PARAMETER, name, record.value, expect=record.revision), item.acknowledge()
    )
