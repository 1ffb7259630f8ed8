"""Commits a service's change together with the events that the service puts on the default bus because of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.ids import new_event_id
from nightbus.bus.envelope import service_event
from nightbus.delivery.interface import Batch, Event, Overloaded
from nightbus.delivery.rules import DEFAULT_BUS
from nightbus.services.context import Platform
from nightbus.store.interface import Change

log = logging.getLogger("nightbus.events")


class ServiceEvents:
    """The events of one change. `source` is that of the service, such as "aws.ssm"; `now` is UTC ms."""

    def __init__(self, platform: Platform, scope: Scope, source: str) -> None:
        self._platform = platform
        self._scope = scope
        self._source = source
        self._events: list[Event] = []
        self.now = platform.clock.now_ms()

    def add(self, kind: str, resource: str, detail: Mapping[str, Any]) -> None:
        """Add an event with the detail-type `kind` about the ARN `resource`."""
        event_id = new_event_id(self.now)
        text = service_event(event_id, *self._scope, self.now, kind, resource, detail, self._source)
        self._events.append(Event(event_id, text))

    async def commit(self, *changes: Change) -> None:
        """Commit the change with the events, or without them while the backlog is full. Raises Conflict."""
        if self._events:
            try:
                batch = Batch(self._scope, DEFAULT_BUS, self._events, self.now)
                return await self._platform.router.put([batch], changes)
            except Overloaded:
                log.warning("the events of a change of %s are not put: the backlog is full", self._source)
        await self._platform.store.commit(*changes)
