"""Adds up how much of an account's concurrency is reserved or provisioned."""

from __future__ import annotations

from nightbus.aws.calls import Scope
from nightbus.services.lambda_.records import FUNCTION, PROVISIONED
from nightbus.store.interface import Store

_UNRESERVED_LEAST = 100


def unreserved_least(limit: int) -> int:
    """Return how much concurrency must be left to functions without a reservation, where an account has `limit`."""
    return min(_UNRESERVED_LEAST, limit)


async def allocated(store: Store, scope: Scope, *, but: str = "") -> int:
    """Return what is reserved or provisioned for all functions, or for all but one. What is provisioned is a part of
    what is reserved."""
    provisioned: dict[str, int] = {}
    for record in await store.list(scope, PROVISIONED):
        name = record.key.partition(":")[0]
        provisioned[name] = provisioned.get(name, 0) + int(record.value["requested"])
    return sum(
        provisioned.get(record.key, 0) if record.value["reserved"] is None else int(record.value["reserved"])
        for record in await store.list(scope, FUNCTION)
        if record.key != but
    )


async def provisioned_of(store: Store, scope: Scope, name: str, *, but: str = "") -> int:
    """Return what is provisioned for a function's versions and aliases, or for all but the one with the key `but`."""
    records = await store.list(scope, PROVISIONED, prefix=f"{name}:")
    return sum(int(record.value["requested"]) for record in records if record.key != but)
