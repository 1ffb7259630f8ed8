"""Deletes unpacked code soon after the last function, version or layer that had it."""

from __future__ import annotations

from nightbus.services.context import Platform
from nightbus.services.lambda_.records import FUNCTION, LAYER_VERSION, VERSION, as_version, blobs_of
from nightbus.store.interface import Store

_EVERY_SECONDS = 60.0


async def sweep_packages(platform: Platform) -> None:
    """A worker."""
    while True:
        await platform.clock.sleep(_EVERY_SECONDS)
        await platform.functions.sweep_packages(lambda: digests_in_use(platform.store))


async def digests_in_use(store: Store) -> set[str]:
    """Of the code of all functions and of all layers."""
    found: set[str] = set()
    for scope in await store.scopes(FUNCTION):
        for record in await store.list(scope, FUNCTION):
            found |= blobs_of(record.value["latest"])
    for scope in await store.scopes(VERSION):
        for record in await store.list(scope, VERSION):
            found |= blobs_of(as_version(record.value))
    for scope in await store.scopes(LAYER_VERSION):
        found |= {record.value["digest"] for record in await store.list(scope, LAYER_VERSION)}
    return found
