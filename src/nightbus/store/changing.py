"""Changes one record that exists: reads it, edits its value, commits it with the revision that was read.

Which of the two: `change` where the decision needs only this record. A handler that decides by several records lets
Conflict out, so that the operation registry reads all of them again (`conflicts.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import PutRecord, Record, Store


@retries_on_conflict
async def change(
    store: Store,
    scope: Scope,
    kind: str,
    find: Callable[[], Awaitable[Record]],
    edit: Callable[[dict[str, Any]], dict[str, Any]],
) -> dict[str, Any]:
    """Commit what `edit` returns for the value of the record that `find` reads, and return it.

    Both run again after a Conflict, each time with a newly read value, which `edit` may alter in place. What either
    raises goes to the caller, and nothing is written. Raises Contended.
    """
    record = await find()
    value = edit(record.value)
    await store.commit(PutRecord(scope, kind, record.key, value, expect=record.revision))
    return value
