"""AWS Lambda: what a function is (code, configuration, versions, policy) and how it is invoked."""

from __future__ import annotations

from nightbus.services.context import Handler

HANDLERS: dict[str, Handler] = {}
