"""Deletes the records and events of a deleted stack, which happens after 90 days, as on AWS."""

from __future__ import annotations

from nightbus.aws.calls import Scope
from nightbus.stacks.events import stack_log
from nightbus.stacks.records import DEPLOYMENT, RESOURCE, STACK, Stack
from nightbus.store.interface import DeleteRecord, Store, TrimLog

REMEMBERED_MS = 90 * 24 * 3600 * 1000


def is_forgotten(stack: Stack, now_ms: int) -> bool:
    return stack.status == "DELETE_COMPLETE" and stack.deleted < now_ms - REMEMBERED_MS


async def delete_stack_records(store: Store, scope: Scope, stack: Stack) -> None:
    """Delete what the deletion of the stack has left: its record, resources, last deployment and events."""
    changes = [
        DeleteRecord(scope, kind, record.key)
        for kind in (RESOURCE, DEPLOYMENT)
        for record in await store.list(scope, kind, prefix=f"{stack.key}/")
    ]
    await store.commit(*changes, DeleteRecord(scope, STACK, stack.key), TrimLog(scope, stack_log(stack)))
