"""Defines the items of the queue of rotations: one for each secret that is rotated, due at its next rotation."""

from __future__ import annotations

from typing import NamedTuple

import orjson

from nightbus.aws.calls import Scope
from nightbus.store.interface import SYSTEM, Enqueue, GiveBack, Item

QUEUE = "secretsmanager/rotations"


class RotationItem(NamedTuple):
    """`secret` and `rotation` are the ids of the secret and of its setting; an item with others is dropped.

    `token` is the version that the rotation under way makes, "" before it begins. `attempt` counts its failures.
    """

    scope: Scope
    name: str
    secret: str
    rotation: str
    token: str = ""
    attempt: int = 0

    def enqueued(self, due: int) -> Enqueue:
        return Enqueue(SYSTEM, QUEUE, self._data(), due)

    def again(self, item: Item, due: int) -> GiveBack:
        return item.give_back(due, self._data())

    def _data(self) -> bytes:
        return orjson.dumps([list(self.scope), *self[1:]])

    @classmethod
    def of(cls, item: Item) -> RotationItem:
        """Raises ValueError or TypeError for an item that cannot be read."""
        scope, *fields = orjson.loads(item.data)
        return cls(Scope(*scope), *fields)
