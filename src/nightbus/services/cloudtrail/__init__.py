"""Implements AWS CloudTrail: the event history of the last 90 days."""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.services.cloudtrail.lookup import lookup_events
from nightbus.services.cloudtrail.trimming import trim_trail
from nightbus.services.context import Handler, Worker

HANDLERS: Mapping[str, Handler] = {
    "LookupEvents": lookup_events,
}
DUTIES: tuple[Worker, ...] = (trim_trail,)
