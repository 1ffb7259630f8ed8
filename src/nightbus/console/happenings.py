"""Collects what happened in an account and Region lately and is worth a look: failures, refusals, changes of stacks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import orjson

from nightbus.audit.refusals import last_refusals
from nightbus.aws.calls import Scope
from nightbus.delivery.rules import outcome_log
from nightbus.functions.logs.invocation_log import INVOCATIONS, EndedInvocation, invocation_of
from nightbus.stacks.records import STACK
from nightbus.store.interface import Store

_MOST_READ = 500
DELIVERY, INVOCATION, REFUSAL, STACK_CHANGE = "delivery", "invocation", "refusal", "stack"


@dataclass(frozen=True, slots=True)
class Happening:
    """`kind` is one of those above; `id` what it is found by: of a delivery the event's, of the others a request's, or
    the name of a stack. `about` is the rule, the function, the action or the stack."""

    time: int
    kind: str
    id: str
    about: str
    text: str
    failed: bool


async def happenings(store: Store, scope: Scope, since_ms: int, limit: int) -> list[Happening]:
    """The newest first; of what was tried several times the last attempt, if that failed."""
    parts = await asyncio.gather(
        _deliveries(store, scope, since_ms),
        _invocations(store, scope, since_ms),
        _refusals(store, scope, since_ms, limit),
        _stacks(store, scope, since_ms),
    )
    every = [one for part in parts for one in part]
    return sorted(every, key=lambda one: -one.time)[:limit]


def _error(code: str, message: str) -> str:
    return ": ".join(part for part in (code, message) if part)


async def _deliveries(store: Store, scope: Scope, since_ms: int) -> list[Happening]:
    found = []
    for log in await store.logs(scope, outcome_log("")):
        entries = await store.read(scope, log, since=since_ms, limit=_MOST_READ, backwards=True)
        later: set[tuple[str, str, str]] = set()
        for entry in entries:
            outcome = orjson.loads(entry.data)
            delivery = entry.key, outcome["rule"], outcome["target"]
            if delivery not in later and outcome["outcome"] != "delivered":
                text = _error(outcome["code"], outcome["message"])
                found.append(Happening(entry.time, DELIVERY, entry.key, outcome["rule"], text, True))
            later.add(delivery)
    return found


async def _invocations(store: Store, scope: Scope, since_ms: int) -> list[Happening]:
    entries = await store.read(scope, INVOCATIONS, since=since_ms, limit=_MOST_READ, backwards=True)
    last: dict[tuple[str, str], EndedInvocation] = {}
    for one in map(invocation_of, entries):
        last.setdefault((one.function, one.request_id), one)
    return [
        Happening(one.time, INVOCATION, one.request_id, one.function, _error(one.code, one.message), True)
        for one in last.values()
        if one.outcome != "success"
    ]


async def _refusals(store: Store, scope: Scope, since_ms: int, limit: int) -> list[Happening]:
    found = await last_refusals(store, scope.account, limit)
    return [
        Happening(one["time"], REFUSAL, one["id"], one["action"], f"{one['principal']} {one['reason']}", True)
        for one in found
        if one["time"] >= since_ms
    ]


async def _stacks(store: Store, scope: Scope, since_ms: int) -> list[Happening]:
    found = []
    for record in await store.list(scope, STACK):
        value = record.value
        changed = value.get("deleted") or value.get("updated") or value["created"]
        if changed >= since_ms:
            status = value["status"]
            failed = "FAILED" in status or "ROLLBACK" in status
            text = f"{status} {value.get('status_reason', '')}".strip()
            found.append(Happening(changed, STACK_CHANGE, value["name"], value["name"], text, failed))
    return found
