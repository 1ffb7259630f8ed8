"""Finds out why the function that got a message of a queue did not take it."""

from __future__ import annotations

from typing import Any, NamedTuple

from nightbus.aws.trace_header import segment_of
from nightbus.console.dead_letters.notifications import ENVELOPE
from nightbus.delivery.trace_log import carried_of, recorded_runs
from nightbus.messaging.message import Message
from nightbus.store.interface import Store


class ConsumerFailure(NamedTuple):
    code: str
    message: str
    function: str
    request_id: str


async def consumer_failure(store: Store, message: Message) -> ConsumerFailure | None:
    """Of the last function that got the message; None where no function was seen to get it.

    A notification of a topic is looked for by its own id, as event sources note it.
    """
    key = message.id
    if message.body.startswith(ENVELOPE):
        key = message.body[len(ENVELOPE) :].partition('"')[0]
    carried = await carried_of(store, key)
    if not carried:
        return None
    last = carried[-1]
    runs = await recorded_runs(store, segment_of(last.request_id))
    run: dict[str, Any] = next((one for one in reversed(runs) if one["request_id"] == last.request_id), {})
    if message.id in run.get("again", ()):
        text = "The function reported this message as failed (batchItemFailures)."
        return ConsumerFailure("BatchItemFailure", text, last.function, last.request_id)
    code, text = str(run.get("code") or ""), str(run.get("message") or "")
    return ConsumerFailure(code, text, last.function, last.request_id)
