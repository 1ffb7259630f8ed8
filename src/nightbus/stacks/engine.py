"""Which operation on a stack is under way, and who carries it out? The engine: one background task per stack."""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.aws.calls import Call, Operations, Scope
from nightbus.clock import Clock
from nightbus.stacks.interface import ResourceType
from nightbus.store.interface import Store


class Engine:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        operations: Operations,
        types: Mapping[str, ResourceType] | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._operations = operations
        self._types = types

    async def start(self, scope: Scope, stack_id: str, call: Call) -> None:
        raise NotImplementedError

    async def recover(self) -> None:
        return None

    async def close(self) -> None:
        return None
