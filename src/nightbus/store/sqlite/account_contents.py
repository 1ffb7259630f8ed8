"""Finds everything that the store keeps of one account, as the changes that delete it."""

from __future__ import annotations

import sqlite3

from nightbus.store.interface import (
    SYSTEM,
    Acknowledge,
    Change,
    DeleteRecord,
    ReleaseBlob,
    TrimLog,
    TrimQueue,
)
from nightbus.store.scopes import scope_of, scope_text


def contents_of_account(reader: sqlite3.Connection, account: str) -> list[Change]:
    """Records, queues and logs by their scope; the node's own work items and the owners of blobs by the account's id in
    them. Blocks, on the thread of `reader`."""
    scopes = f"{account}/%"
    changes: list[Change] = []
    for scope, kind, key in reader.execute(
        "SELECT scope, kind, key FROM record WHERE scope LIKE ? ORDER BY kind, key", (scopes,)
    ).fetchall():
        changes.append(DeleteRecord(scope_of(scope), kind, key))
    for queue, item in reader.execute(
        "SELECT name.name, item.id FROM item JOIN name ON name.id = item.queue"
        " WHERE name.scope = ? AND name.kind = 'queue' AND instr(item.data, ?)",
        (scope_text(SYSTEM), account.encode()),
    ).fetchall():
        changes.append(Acknowledge(SYSTEM, queue, item))
    for scope, kind, name in reader.execute(
        "SELECT scope, kind, name FROM name WHERE scope LIKE ?", (scopes,)
    ).fetchall():
        trim = TrimQueue if kind == "queue" else TrimLog
        changes.append(trim(scope_of(scope), name))
    for digest, owner in reader.execute(
        "SELECT digest, owner FROM blob_owner WHERE instr(owner, ?)", (account,)
    ).fetchall():
        changes.append(ReleaseBlob(digest, owner))
    return changes
