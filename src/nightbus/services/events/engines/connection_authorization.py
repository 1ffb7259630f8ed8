"""Fetches the first token of a connection with OAuth, so that CreateConnection need not wait for it.

The commit that writes the connection queues an item with the id of the authorization, which survives a restart. If the
connection's record has another id by then, a later change has replaced the authorization and the item is dropped.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.delivery.api_destinations.connections import AUTHORIZED, CONNECTION, Connection, opened
from nightbus.delivery.api_destinations.oauth import NoToken, fetch_token
from nightbus.delivery.fair_worker import FairWorker, ItemName, Work
from nightbus.delivery.shares import Shares
from nightbus.services.context import Context, Platform
from nightbus.services.events.state_events import StateEvents
from nightbus.store.interface import (
    SYSTEM,
    Conflict,
    Enqueue,
    Item,
    PutRecord,
    Record,
)
from nightbus.store.vault import VaultClosed

log = logging.getLogger("nightbus.events")

AUTHORIZING, DEAUTHORIZED = "AUTHORIZING", "DEAUTHORIZED"
QUEUE = "events/connection-authorizations"
_AT_ONCE = 64
_AT_ONCE_OF_ONE = 2
_LEASE_MS = 60_000
_PAUSES_MS = (
    1_000,
    4_000,
    15_000,
)  # between attempts, while the authorization endpoint cannot be reached or fails
_LONGEST_REASON = 512


def to_authorize(ctx: Context, name: str, authorization: str) -> Enqueue:
    return Enqueue(SYSTEM, QUEUE, orjson.dumps([list(ctx.scope), name, authorization]), ctx.now_ms())


async def authorize_connections(platform: Platform) -> None:
    """Fetch the tokens, as a worker. Each connection has its share, so a slow endpoint does not delay the others."""
    shares = Shares[ItemName](_AT_ONCE, _AT_ONCE_OF_ONE)
    worker = FairWorker(platform.store, platform.clock, _LEASE_MS, shares)
    worker.add(QUEUE, partial(_work_of, platform))
    await worker.run_until_cancelled()


def _work_of(platform: Platform, item: Item) -> Work:
    """Return the item's work. Raises ValueError or TypeError for an item that cannot be read."""
    account_and_region, name, authorization = orjson.loads(item.data)
    scope = Scope(*account_and_region)
    return Work(
        "|".join((*account_and_region, name)), partial(_authorize, platform, item, scope, name, authorization)
    )


async def _authorize(
    platform: Platform, item: Item, scope: Scope, name: str, authorization: str, _late: bool
) -> None:
    record = await platform.store.get(scope, CONNECTION, name)
    if record is None or record.value.get("Authorization") != authorization:
        await platform.store.commit(item.acknowledge())
        return
    try:
        await _attempt(platform, scope, record, item)
    except Conflict:  # the connection was changed in between, perhaps only its description
        await platform.store.change_lease(*item.queue, item.id, platform.clock.now_ms(), item.token)


async def _attempt(platform: Platform, scope: Scope, record: Record, item: Item) -> None:
    """Make one attempt and store its result. Raises Conflict."""
    now = platform.clock.now_ms()
    try:
        connection = await opened(platform.store, platform.vault, scope, record)
    except VaultClosed as closed:
        log.error("%s", closed)
        reason = "The connection's secrets cannot be opened."
        return await _end(platform, scope, record, item, State=DEAUTHORIZED, StateReason=reason)
    try:
        await fetch_token(connection, platform.http, now)
    except NoToken as refused:
        if refused.passing and item.attempt <= len(_PAUSES_MS):
            return await platform.store.commit(item.give_back(now + _PAUSES_MS[item.attempt - 1]))
        reason = _without_repeated_secrets(refused, connection)
        log.warning("connection %s is not authorized: %s", connection.arn, reason)
        return await _end(platform, scope, record, item, State=DEAUTHORIZED, StateReason=reason)
    await _end(platform, scope, record, item, State=AUTHORIZED, LastAuthorizedTime=now)


def _without_repeated_secrets(reason: NoToken, connection: Connection) -> str:
    """Return the reason without the secrets, because some servers repeat in their errors what they were sent."""
    secret = connection.auth["OAuthParameters"]["ClientParameters"]["ClientSecret"]
    return f"No access token: {reason}".replace(secret, "***")[:_LONGEST_REASON]


async def _end(platform: Platform, scope: Scope, record: Record, item: Item, **members: Any) -> None:
    value = {**record.value, **members}
    del value["Authorization"]
    state_events = StateEvents(platform, scope)
    await state_events.connection("", record, Record(record.key, value, record.revision))
    put = PutRecord(scope, CONNECTION, record.key, value, expect=record.revision)
    await state_events.commit(put, item.acknowledge())
