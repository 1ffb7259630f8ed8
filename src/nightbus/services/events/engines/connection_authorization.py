"""Fetches the first token of a connection with OAuth, so that CreateConnection need not wait for it.

What is to be authorised is an item of one queue, put there by the commit that writes the connection; a restart finds
it there. An item whose authorisation is not the record's any more was overtaken by a later change.
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
_PAUSES_MS = (1_000, 4_000, 15_000)  # while the authorization endpoint is out of reach or in trouble
_LONGEST_REASON = 512


def to_authorize(ctx: Context, name: str, authorization: str) -> Enqueue:
    return Enqueue(SYSTEM, QUEUE, orjson.dumps([list(ctx.scope), name, authorization]), ctx.now_ms())


async def authorize_connections(platform: Platform) -> None:
    """A worker. Endpoints that are slow hold up nobody else's: each connection has its share."""
    shares = Shares[ItemName](_AT_ONCE, _AT_ONCE_OF_ONE)
    worker = FairWorker(platform.store, platform.clock, _LEASE_MS, shares)
    worker.add(QUEUE, partial(_work_of, platform))
    await worker.run_until_cancelled()


def _work_of(platform: Platform, item: Item) -> Work:
    """Raises ValueError and the like for what cannot be read."""
    place, name, authorization = orjson.loads(item.data)
    scope = Scope(*place)
    return Work("|".join((*place, name)), partial(_authorize, platform, item, scope, name, authorization))


async def _authorize(
    platform: Platform, item: Item, scope: Scope, name: str, authorization: str, _late: bool
) -> None:
    record = await platform.store.get(scope, CONNECTION, name)
    if record is None or record.value.get("Authorization") != authorization:
        await platform.store.commit(item.acknowledge())
        return
    try:
        await _attempt(platform, scope, record, item)
    except Conflict:  # changed meanwhile, be it only its description
        await platform.store.change_lease(*item.queue, item.id, platform.clock.now_ms(), item.token)


async def _attempt(platform: Platform, scope: Scope, record: Record, item: Item) -> None:
    """Raises Conflict."""
    now = platform.clock.now_ms()
    try:
        connection = await opened(platform.vault, scope, record)
    except VaultClosed as closed:
        log.error("%s", closed)
        reason = "The connection's secrets cannot be opened."
        return await _end(platform, scope, record, item, State=DEAUTHORIZED, StateReason=reason)
    try:
        await fetch_token(connection, platform.http, now)
    except NoToken as refused:
        if refused.passing and item.attempt <= len(_PAUSES_MS):
            return await platform.store.commit(item.give_back(now + _PAUSES_MS[item.attempt - 1]))
        told = _told(refused, connection)
        log.warning("connection %s is not authorized: %s", connection.arn, told)
        return await _end(platform, scope, record, item, State=DEAUTHORIZED, StateReason=told)
    await _end(platform, scope, record, item, State=AUTHORIZED, LastAuthorizedTime=now)


def _told(reason: NoToken, connection: Connection) -> str:
    """Some servers repeat in their refusals what they were sent."""
    secret = connection.auth["OAuthParameters"]["ClientParameters"]["ClientSecret"]
    return f"No access token: {reason}".replace(secret, "***")[:_LONGEST_REASON]


async def _end(platform: Platform, scope: Scope, record: Record, item: Item, **found: Any) -> None:
    value = {**record.value, **found}
    del value["Authorization"]
    told = StateEvents(platform, scope)
    await told.connection("", record, Record(record.key, value, record.revision))
    put = PutRecord(scope, CONNECTION, record.key, value, expect=record.revision)
    await told.commit(put, item.acknowledge())
