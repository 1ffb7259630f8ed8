"""Knows which trails are logging: in which accounts and Regions, and which data events they want.

It is read from the store when somebody asks after a change of any trail.
"""

from __future__ import annotations

from typing import NamedTuple

from nightbus.aws.calls import Scope
from nightbus.services.cloudtrail.records import TRAIL_RECORD
from nightbus.services.cloudtrail.selectors import data_services
from nightbus.store.interface import Store, Touched


class _Logging(NamedTuple):
    places: frozenset[tuple[str, str]]  # account and Region, "" for all Regions
    data: frozenset[tuple[str, str, str]]  # the same with a service


class LoggingTrails:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._logging: _Logging | None = None
        self._changes = 0
        store.watch(self._forget, [TRAIL_RECORD])

    async def log_events_of(self, scope: Scope) -> bool:
        places = (self._logging or await self._read()).places
        return bool(places) and bool(places & {(scope.account, ""), tuple(scope)})

    async def log_data_of(self, scope: Scope, service: str) -> bool:
        """Return whether a trail wants data events of the service. `service` is botocore's name."""
        data = (self._logging or await self._read()).data
        return bool(data) and bool(
            data & {(scope.account, "", service), (scope.account, scope.region, service)}
        )

    async def _read(self) -> _Logging:
        places, data = set[tuple[str, str]](), set[tuple[str, str, str]]()
        before = self._changes
        for scope in await self._store.scopes(TRAIL_RECORD):
            for record in await self._store.list(scope, TRAIL_RECORD):
                if record.value["logging"]:
                    place = (scope.account, "" if record.value["multi"] else scope.region)
                    places.add(place)
                    data |= {(*place, service) for service in data_services(record.value)}
        read = _Logging(frozenset(places), frozenset(data))
        if self._changes == before:  # else what was read may be old already
            self._logging = read
        return read

    def _forget(self, touched: Touched | None) -> None:
        self._changes += 1
        self._logging = None
