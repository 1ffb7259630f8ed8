"""Adds, removes and lists the tags of queues."""

from __future__ import annotations

from typing import Any

from nightbus.services.context import Context
from nightbus.services.sqs.errors import invalid_parameter
from nightbus.services.sqs.queue_addresses import queue_record
from nightbus.services.sqs.records import change_record
from nightbus.store.interface import Record

_MOST_TAGS = 50


def check_queue_tags(queue: str, tags: dict[str, str]) -> None:
    if len(tags) > _MOST_TAGS:
        raise invalid_parameter(f"Too many tags added for queue {queue}.")


async def tag_queue(ctx: Context, *, queue_url: str, tags: dict[str, str]) -> None:
    def changed(record: Record) -> dict[str, Any]:
        merged = {**record.value["tags"], **tags}
        check_queue_tags(record.key, merged)
        return {**record.value, "tags": merged}

    await change_record(ctx, queue_url, "sqs:tagqueue", changed)


async def untag_queue(ctx: Context, *, queue_url: str, tag_keys: list[str]) -> None:
    def changed(record: Record) -> dict[str, Any]:
        remaining = {key: value for key, value in record.value["tags"].items() if key not in tag_keys}
        return {**record.value, "tags": remaining}

    await change_record(ctx, queue_url, "sqs:untagqueue", changed)


async def list_queue_tags(ctx: Context, *, queue_url: str) -> dict[str, Any]:
    _, record = await queue_record(ctx, queue_url, "sqs:listqueuetags")
    return {"Tags": record.value["tags"] or None}
