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
from nightbus.services.lambda_.invocations.trace_notes import write_notes

_NOTIFICATION = '{"Type":"Notification","MessageId":"'


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
        await write_notes(
            self._platform,
            self._function,
            *brought(self._function, self.request_id, self._queue, messages, self._began),
        )

    async def ended(self, noting: asyncio.Task[None], outcome: Mapping[str, Any]) -> None:
        """After the first note, which `noting` is."""
        await noting
        now = self._platform.clock.now_ms()
        await write_notes(
            self._platform, self._function, ran(self._function, self.request_id, self._began, now, outcome)
        )

    def outcome_of(self, over: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Messages that the function did not deal with come `again`."""
        dealt_with = {record["messageId"] for record in over}
        again = [one["messageId"] for one in self._records if one["messageId"] not in dealt_with]
        return {"outcome": "succeeded", **({"again": again} if again else {})}


def messages_in(records: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, int]]:
    """The name by which the sender knows each message → the message's id and when it was sent, UTC ms.

    A topic's notification is known by its own id, which an envelope of this node begins with.
    """
    messages = {}
    for record in records:
        body, key = record["body"], record["messageId"]
        if body.startswith(_NOTIFICATION):
            key = body[len(_NOTIFICATION) :].partition('"')[0]
        messages[key] = (record["messageId"], int(record["attributes"]["SentTimestamp"]))
    return messages
