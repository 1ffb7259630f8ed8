"""Which resource types can a stack have? One file each in this folder, one line each in `RESOURCE_TYPES`."""

from __future__ import annotations

from nightbus.stacks.interface import ResourceType

RESOURCE_TYPES: dict[str, ResourceType] = {}
