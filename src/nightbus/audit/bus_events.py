"""Puts "AWS API Call via CloudTrail" events on default buses, where a rule matches them.

An event that no rule matches is not put: it would only fill the bus's history. Read-only calls go to those rules alone
whose state is ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS, as on AWS. There, an account has such events only if a
trail of it is logging; here, rules that are about them get them without one too, and a rule for everything does not.
The events are put by the router, not by the operation PutEvents, so putting one is not a call that makes another one.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from nightbus.audit.logging_trails import LoggingTrails
from nightbus.audit.parameters import json_bytes
from nightbus.aws.calls import Scope
from nightbus.aws.ids import new_event_id
from nightbus.delivery.interface import Audience, Batch, Event, EventRouter, Overloaded
from nightbus.delivery.rules import DEFAULT_BUS

log = logging.getLogger("nightbus.audit")
API_CALL = "AWS API Call via CloudTrail"


class CallEvents:
    def __init__(self, trails: LoggingTrails, router: EventRouter) -> None:
        self._router = router
        self._trails = trails

    async def put(self, records: Sequence[tuple[Scope, int, dict[str, Any]]]) -> None:
        """Put the events of records: each with its scope, and its time in UTC ms. A failure is only logged."""
        for scope, time, record in records:
            try:
                batch = await self._batch(scope, time, record)
                if batch is not None:
                    await self._router.put([batch])
            except Overloaded:
                log.warning("the event of a call of %s is not put: the backlog is full", record["eventName"])
            except Exception:
                log.exception("the event of a call of %s is not put", record["eventName"])

    async def _batch(self, scope: Scope, time: int, record: dict[str, Any]) -> Batch | None:
        rules = await self._router.rules_for_calls(scope, DEFAULT_BUS)
        if not rules.exist:
            return None
        is_logged = await self._trails.log_events_of(scope)
        if not is_logged and not rules.naming_calls:
            return None
        event_id = new_event_id(time)
        text = _envelope(event_id, scope, record)
        matching = set(await self._router.matching(scope, DEFAULT_BUS, text))
        chosen = matching if is_logged else matching & rules.naming_calls
        chosen = chosen & rules.taking_reads if record["readOnly"] else chosen
        audience = None if chosen == matching else Audience(frozenset(chosen), by_pattern=True)
        return Batch(scope, DEFAULT_BUS, [Event(event_id, text)], time, audience=audience) if chosen else None


def _envelope(event_id: str, scope: Scope, record: dict[str, Any]) -> bytes:
    return json_bytes(
        {
            "version": "0",
            "id": event_id,
            "detail-type": API_CALL,
            "source": f"aws.{record['eventSource'].split('.', 1)[0]}",
            "account": scope.account,
            "time": record["eventTime"],
            "region": scope.region,
            "resources": [],
            "detail": record,
        }
    )
