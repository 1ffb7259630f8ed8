"""Deletes unpacked code soon after the deletion of the last function, version or layer that has it."""

from __future__ import annotations

from nightbus.services.context import Platform
from nightbus.services.lambda_.records import (
    FUNCTION,
    LAYER_VERSION,
    VERSION,
    as_version,
    blobs_held,
    blobs_of,
)
from nightbus.store.interface import Store

_EVERY_SECONDS = 60.0


async def sweep_packages(platform: Platform) -> None:
    """Delete unpacked code that is no longer in use, as a worker."""
    while True:
        await platform.clock.sleep(_EVERY_SECONDS)
        await platform.functions.sweep_packages(lambda: digests_in_use(platform.store))


async def digests_in_use(store: Store) -> set[str]:
    """Return the digests of the code of all functions and layers."""
    digests: set[str] = set()
    for scope in await store.scopes(FUNCTION):
        for record in await store.list(scope, FUNCTION):
            digests |= blobs_held(record.value)
    for scope in await store.scopes(VERSION):
        for record in await store.list(scope, VERSION):
            digests |= blobs_of(as_version(record.value))
    for scope in await store.scopes(LAYER_VERSION):
        digests |= {record.value["digest"] for record in await store.list(scope, LAYER_VERSION)}
    return digests
