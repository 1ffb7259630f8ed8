"""Publishes EventBridge's own events about state changes of connections and API destinations.

They go to the default bus of their account and region in the commit of the change.
https://docs.aws.amazon.com/eventbridge/latest/userguide/event-reference.html#event-reference-connections
"""

from __future__ import annotations

from datetime import UTC, datetime

from nightbus.aws.calls import Scope
from nightbus.bus.envelope import OWN_SOURCE
from nightbus.delivery.api_destinations.connections import (
    API_DESTINATION,
    api_destination_arn,
    connection_arn,
    state_of_destination,
)
from nightbus.services.context import Platform
from nightbus.services.service_events import ServiceEvents
from nightbus.store.interface import Change, Record

_REACHED = {
    "AUTHORIZING": "Authorization Started",
    "AUTHORIZED": "Authorized",
    "DEAUTHORIZED": "Deauthorized",
    "ACTIVE": "Activated",
    "INACTIVE": "Deactivated",
}


class StateEvents:
    """The events of one change; `commit` commits the change with them."""

    def __init__(self, platform: Platform, scope: Scope) -> None:
        self._platform = platform
        self._scope = scope
        self._events = ServiceEvents(platform, scope, OWN_SOURCE)

    async def connection(self, began: str, before: Record | None, after: Record | None) -> None:
        """Add the events of a connection's change.

        `began` is the status of the first one, such as "Creation Started"; "" if an earlier commit has published it.
        """
        record = after or before
        if record is None:
            return
        arn = connection_arn(self._scope, record.key, record.value)
        if began:
            self._add("Connection", record.key, arn, began)
        if after is not None:
            reached = _REACHED[after.value["State"]]
            self._add("Connection", record.key, arn, reached, after.value.get("StateReason"))
        state = state_of_destination(after)
        if before is not None and state_of_destination(before) != state:
            for using in await self._platform.store.list(self._scope, API_DESTINATION):
                if using.value["ConnectionArn"] == arn:
                    self.destination(using, state)

    def destination(self, record: Record, state: str) -> None:
        arn = api_destination_arn(self._scope, record.key, record.value)
        self._add("API Destination", record.key, arn, _REACHED[state])

    def _add(self, kind: str, name: str, arn: str, status: str, reason: str | None = None) -> None:
        moment = datetime.fromtimestamp(self._events.now / 1000, UTC)
        detail = {f"{kind.title().replace(' ', '')}Name": name}
        if reason:
            detail["StateReason"] = reason
        detail["Timestamp"] = f"{moment:%Y-%m-%d %H:%M:%S +0000 UTC}"
        self._events.add(f"{kind} {status}", arn, detail)

    async def commit(self, *changes: Change) -> None:
        """Commit the change with the events, or without them while the backlog is full. Raises Conflict."""
        await self._events.commit(*changes)
