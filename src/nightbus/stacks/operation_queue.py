"""Defines the queue of stacks whose operation is to be carried out.

The commit that brings a stack under way also puts an item there, and whichever node leases it carries the operation
out. The items of a stack are a group: nobody gets one of them while somebody has another.
"""

from __future__ import annotations

import orjson

from nightbus.aws.calls import Scope
from nightbus.store.interface import SYSTEM, Enqueue, Item

QUEUE = "cloudformation/operations"


def operation_item(scope: Scope, stack_id: str, now: int) -> Enqueue:
    """`now` is UTC ms."""
    return Enqueue(SYSTEM, QUEUE, orjson.dumps([*scope, stack_id]), now, stack_id)


def stack_of(item: Item) -> tuple[Scope, str]:
    """The scope and the id of the stack. Raises ValueError for an item that cannot be read."""
    account, region, stack_id = orjson.loads(item.data)
    return Scope(account, region), str(stack_id)
