"""Amazon CloudWatch Logs: groups, streams and their events, kept in the store's logs."""

from __future__ import annotations

from nightbus.services.context import Handler

HANDLERS: dict[str, Handler] = {}
