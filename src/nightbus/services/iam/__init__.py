"""AWS IAM: roles and managed policies, kept per account."""

from __future__ import annotations

from nightbus.services.context import Handler

HANDLERS: dict[str, Handler] = {}
