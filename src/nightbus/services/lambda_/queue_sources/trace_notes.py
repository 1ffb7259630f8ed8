"""Notes for traces which messages of a queue a function got.

Nothing waits for the first note, and a note that cannot be kept stops no batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.ids import new_uuid
from nightbus.delivery.trace_log import brought, ran
from nightbus.services.context import Platform
from nightbus.services.lambda_.invocations.trace_notes import keep
from nightbus.services.lambda_.queue_sources.batches import messages_in


class QueueNotes:
    """Of one batch, which is one invocation of the function."""

    def __init__(
        self, platform: Platform, function: str, queue: str, records: Sequence[Mapping[str, Any]]
    ) -> None:
        self.request_id = new_uuid()
        self._platform = platform
        self._function = function
        self._queue = queue
        self._records = records
        self._began = platform.clock.now_ms()

    async def began(self) -> None:
        messages = messages_in(self._records)
        await keep(
            self._platform,
            self._function,
            *brought(self._function, self.request_id, self._queue, messages, self._began),
        )

    async def ended(self, noting: asyncio.Task[None], outcome: Mapping[str, Any]) -> None:
        """After the first note, which `noting` is."""
        await noting
        now = self._platform.clock.now_ms()
        await keep(
            self._platform, self._function, ran(self._function, self.request_id, self._began, now, outcome)
        )

    def outcome_of(self, over: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Messages that the function did not deal with come `again`."""
        dealt_with = {record["messageId"] for record in over}
        again = [one["messageId"] for one in self._records if one["messageId"] not in dealt_with]
        return {"outcome": "succeeded", **({"again": again} if again else {})}
