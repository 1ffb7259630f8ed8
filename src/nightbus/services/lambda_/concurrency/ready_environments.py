"""Tells the functions' runner what concurrency is reserved and provisioned, whenever that changes.

What is provisioned for an alias follows the alias to another version, and is divided by its weights. After a start the
node makes all provisioned environments again. Each of several nodes keeps the whole number.
"""

from __future__ import annotations

import asyncio
import logging

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.functions.interface import ProvisionedTarget
from nightbus.services.context import Platform
from nightbus.services.lambda_.aliases import versions_of_alias
from nightbus.services.lambda_.invocations.running import spec_of
from nightbus.services.lambda_.lifecycle.states import is_in_progress
from nightbus.services.lambda_.names import FunctionRef
from nightbus.services.lambda_.records import ALIAS, FUNCTION, PROVISIONED, VERSION, as_version, qualified_key
from nightbus.store.interface import Touched

Name = tuple[Scope, str]
log = logging.getLogger("nightbus.lambda")


class _Changes:
    """The functions whose records changed; None for all of them."""

    def __init__(self) -> None:
        self.noted = asyncio.Event()
        self._names: set[Name | None] = {None}
        self.noted.set()

    def note(self, touched: Touched | None) -> None:
        if touched is None:
            self._names.add(None)
        else:
            self._names |= {(one.scope, one.key) for one in touched.records if one.kind == FUNCTION}
        self.noted.set()

    def take(self) -> set[Name | None]:
        self.noted.clear()
        names, self._names = self._names, set()
        return names


async def keep_environments_ready(platform: Platform) -> None:
    """The worker, until it is cancelled."""
    changes = _Changes()
    unwatch = platform.store.watch(changes.note, (FUNCTION, VERSION, ALIAS, PROVISIONED))
    try:
        while True:
            await changes.noted.wait()
            await _note_reservations(platform, changes.take())
            await platform.functions.provision(await wanted_environments(platform))
    finally:
        unwatch()


async def _note_reservations(platform: Platform, names: set[Name | None]) -> None:
    store, running = platform.store, platform.running
    if None in names:
        for scope in await store.scopes(FUNCTION):
            for record in await store.list(scope, FUNCTION):
                running.reserve(scope, record.key, record.value["reserved"])
    for name in names - {None}:
        if name is not None:
            function = await store.get(name[0], FUNCTION, name[1])  # the cache would keep that it is gone
            running.reserve(*name, function.value["reserved"] if function is not None else None)


async def wanted_environments(platform: Platform) -> list[ProvisionedTarget]:
    wanted: list[ProvisionedTarget] = []
    store = platform.store
    for scope in await store.scopes(PROVISIONED):
        for record in await store.list(scope, PROVISIONED):
            ref = FunctionRef(scope, record.key.partition(":")[0], record.value["qualifier"])
            wanted += await targets_of(platform, ref, int(record.value["requested"]))
    return wanted


async def targets_of(platform: Platform, ref: FunctionRef, count: int) -> list[ProvisionedTarget]:
    """Return how many environments of which versions a version or an alias is to have, of versions that are ready."""
    store, shares = platform.store, {ref.qualifier: count}
    alias = await store.get(ref.scope, ALIAS, qualified_key(ref.name, ref.qualifier))
    if alias is not None:
        shares = versions_of_alias(alias.value, count)
    targets = []
    for number, share in shares.items():
        record = await store.get(ref.scope, VERSION, qualified_key(ref.name, number))
        if record is not None and share and not is_in_progress(record.value["config"]):
            try:
                targets.append(
                    ProvisionedTarget(await spec_of(platform, ref, as_version(record.value)), share)
                )
            except AwsError as error:
                log.warning("%s:%s has no provisioned environments: %s", ref.arn, number, error.message)
    return targets
