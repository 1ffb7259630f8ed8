"""Delivers to the outbox. The job's origin has decided whether the message may be delivered, and writes the entry.

The target has `Outbox` (the kind of message) and `Refusal`, which is empty or says why the message is not delivered.
"""

from __future__ import annotations

from typing import Any

from nightbus.aws.ids import new_uuid
from nightbus.delivery.jobs import Delivered, Failed, Job, Outcome, TargetContext


async def deliver(job: Job[Any], ctx: TargetContext) -> Outcome:
    refusal = job.target["Refusal"]
    return Failed("DeliveryFailed", refusal, permanent=True) if refusal else Delivered(new_uuid())
