"""Finds everything that the store keeps of one account, as the changes that delete it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nightbus.store.interface import (
    SYSTEM,
    Acknowledge,
    Change,
    DeleteRecord,
    ReleaseBlob,
    TrimLog,
    TrimQueue,
)
from nightbus.store.postgres.texts import original
from nightbus.store.scopes import scope_of, scope_text

if TYPE_CHECKING:
    import asyncpg

_RECORDS = "SELECT scope, kind, key FROM record WHERE scope LIKE $1 ORDER BY kind, key"
_ITEMS = """
SELECT name.name, item.id FROM item JOIN name ON name.id = item.queue
WHERE name.scope = $1 AND name.kind = 'queue' AND position($2::bytea IN item.data) > 0
"""
_NAMES = "SELECT scope, kind, name FROM name WHERE scope LIKE $1 AND dropped_at IS NULL"
_OWNERS = "SELECT digest, owner FROM blob_owner WHERE position($1::text IN owner) > 0"


async def contents_of_account(pool: asyncpg.Pool, account: str) -> list[Change]:
    """Records, queues and logs by their scope; the nodes' own work items and the owners of blobs by the account's id in
    them."""
    scopes = f"{account}/%"
    changes: list[Change] = [
        DeleteRecord(scope_of(scope), kind, key.decode())
        for scope, kind, key in await pool.fetch(_RECORDS, scopes)
    ]
    for queue, item in await pool.fetch(_ITEMS, scope_text(SYSTEM), account.encode()):
        changes.append(Acknowledge(SYSTEM, original(queue), item))
    for scope, kind, name in await pool.fetch(_NAMES, scopes):
        trim = TrimQueue if kind == "queue" else TrimLog
        changes.append(trim(scope_of(scope), original(name)))
    for digest, owner in await pool.fetch(_OWNERS, account):
        changes.append(ReleaseBlob(digest, original(owner)))
    return changes
