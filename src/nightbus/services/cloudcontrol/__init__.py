"""Registers the operations of the Cloud Control API that AWS's tools call."""

from __future__ import annotations

from nightbus.services.cloudcontrol import resources
from nightbus.services.context import Handler

HANDLERS: dict[str, Handler] = {
    "GetResource": resources.get_resource,
}
