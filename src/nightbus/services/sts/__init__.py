"""AWS STS: who calls, and temporary credentials of roles."""

from __future__ import annotations

from nightbus.services.context import Handler

HANDLERS: dict[str, Handler] = {}
