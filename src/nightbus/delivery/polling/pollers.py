"""Runs one poller for each record that asks for one: of event source mappings, later of pipes.

The feed of changes says which records changed, whichever node the change was asked of, and a changed one gets a new
poller. A poller is a duty, so one node at a time polls, and another one goes on when that one dies.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from nightbus.aws.calls import Scope
from nightbus.clock import Clock
from nightbus.delivery.polling.poller import Poller
from nightbus.store.duties import end_duty, on_duty
from nightbus.store.interface import Record, RecordName, Store, Touched
from nightbus.store.upkeep import is_passing, one_of_many

log = logging.getLogger("nightbus.delivery")
_AGAIN_SECONDS = 5.0  # while the store fails

Carrying = set[asyncio.Task[None]]


@dataclass(frozen=True, slots=True)
class PolledKind:
    """The records of one `kind` that have pollers.

    `duty` names the poller of a record by its scope and key: no two records, of any kind, have one name, and a release
    that changes the names lets two nodes poll. `poller_of` makes the poller, over the set of batches that outlive it;
    None while the record asks for none. It may raise for a record that cannot be read, which is passed over.
    """

    kind: str
    duty: Callable[[Scope, str], str]
    poller_of: Callable[[Scope, Record, Carrying], Poller | None]


async def run_pollers(store: Store, clock: Clock, polled: PolledKind) -> None:
    """Until cancelled: a service's worker."""
    pollers, changed = _Pollers(store, clock, polled), _ChangedRecords(polled.kind)
    unwatch = store.watch(changed.note, [polled.kind])
    try:
        while True:
            failed: list[RecordName] = []
            for scope, key in await changed.take(store):
                with one_of_many("the", polled.duty(scope, key)):
                    try:
                        await pollers.restart(scope, key)
                    except Exception as failure:
                        if is_passing(failure):
                            failed.append(RecordName(scope, polled.kind, key))
                        raise
            if failed:
                await clock.sleep(_AGAIN_SECONDS)
                changed.note(Touched(failed))
    finally:
        unwatch()
        await pollers.close()


class _ChangedRecords:
    """The records that changed since they were taken; at first, and after a gap in the feed, all of them."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._names: dict[tuple[Scope, str], None] = {}
        self._any = True
        self._noted = asyncio.Event()
        self._noted.set()

    def note(self, touched: Touched | None) -> None:
        if touched is None:
            self._any = True
        else:
            self._names.update({(name.scope, name.key): None for name in touched.records})
        self._noted.set()

    async def take(self, store: Store) -> list[tuple[Scope, str]]:
        """Wait until there are some."""
        await self._noted.wait()
        self._noted.clear()
        if self._any:
            self._any = False
            for scope in await store.scopes(self._kind):
                for record in await store.list(scope, self._kind):
                    self._names[scope, record.key] = None
        names, self._names = list(self._names), {}
        return names


class _Pollers:
    """`carrying` are the batches under way; they are carried through when their record changes."""

    def __init__(self, store: Store, clock: Clock, polled: PolledKind) -> None:
        self._store = store
        self._clock = clock
        self._polled = polled
        self._polling: dict[tuple[Scope, str], asyncio.Task[None]] = {}
        self._carrying: Carrying = set()

    async def restart(self, scope: Scope, key: str) -> None:
        old = self._polling.pop((scope, key), None)
        if old is not None:
            old.cancel()
        duty = self._polled.duty(scope, key)
        record = await self._store.get(scope, self._polled.kind, key)
        if record is None:
            await end_duty(self._store, duty)
            return
        poller = self._polled.poller_of(scope, record, self._carrying)
        if poller is not None:
            self._polling[scope, key] = asyncio.create_task(self._poll(duty, poller))

    async def _poll(self, duty: str, poller: Poller) -> None:
        while True:
            try:
                await on_duty(self._store, self._clock, duty, poller.run)
            except Exception:  # the store's, while the disk is full
                log.exception("polling for %s begins again", duty)
            await self._clock.sleep(_AGAIN_SECONDS)

    async def close(self) -> None:
        tasks = [*self._polling.values(), *self._carrying]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
