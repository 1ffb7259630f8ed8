"""AWS CloudFormation: stacks, change sets and what they tell, over the engine in `nightbus.stacks`."""

from __future__ import annotations

from nightbus.services.context import Handler

HANDLERS: dict[str, Handler] = {}
