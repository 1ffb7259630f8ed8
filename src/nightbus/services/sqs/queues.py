"""Creates, finds, lists and deletes queues."""

from __future__ import annotations

import re
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_hex
from nightbus.aws.pagination import page
from nightbus.messaging.deduplication import log_of
from nightbus.messaging.queue import DEFAULTS, FIFO_SUFFIX, KIND, Queue
from nightbus.services.context import Context
from nightbus.services.sqs.errors import invalid_page_token, invalid_parameter, outside_range
from nightbus.services.sqs.policy_principals import check_principals
from nightbus.services.sqs.queue_addresses import check_visible, find_queue, queue_record, queue_url
from nightbus.services.sqs.redrive import check_redrive
from nightbus.services.sqs.tags import check_queue_tags
from nightbus.services.sqs.values import changed_attributes
from nightbus.store.interface import DeleteRecord, PutRecord, Record, TrimLog, TrimQueue

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_PAGE = 1000
_FIFO_DEFAULTS = {
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
}


async def create_queue(
    ctx: Context,
    *,
    queue_name: str,
    attributes: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
) -> dict[str, Any]:
    requested = attributes or {}
    _check_name(queue_name, requested)
    check_queue_tags(queue_name, tags or {})
    values = changed_attributes(queue_name, {}, requested)
    principals = await check_principals(ctx, ctx.scope, values.get("Policy"))
    if "RedrivePolicy" in values:
        await check_redrive(ctx, ctx.scope, queue_name, values["RedrivePolicy"])
    now = ctx.now_ms() // 1000
    value = {
        "id": new_hex(12),
        "attributes": values,
        "tags": tags or {},
        "created": now,
        "modified": now,
        "purged": 0,
    }
    existing = await ctx.store.get(ctx.scope, KIND, queue_name)
    if existing is not None:
        _check_unchanged(existing, values)
    else:
        await ctx.store.commit(PutRecord(ctx.scope, KIND, queue_name, value, expect=0), *principals)
    return {"QueueUrl": queue_url(ctx, ctx.scope, queue_name)}


def _check_name(name: str, attributes: dict[str, str]) -> None:
    plain = name.removesuffix(FIFO_SUFFIX)
    fifo = attributes.get("FifoQueue") == "true"
    if fifo and (plain == name or not _NAME.fullmatch(plain) or len(name) > 80):
        raise invalid_parameter(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores,"
            " must end with .fifo suffix and be 1 to 80 in length."
        )
    if not fifo and not _NAME.fullmatch(name):
        raise invalid_parameter(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )


def _check_unchanged(record: Record, values: dict[str, str]) -> None:
    """Raise AwsError QueueNameExists if the queue has another value of an attribute that the request names."""
    existing = {**DEFAULTS, **_FIFO_DEFAULTS, **record.value["attributes"]}
    for attribute, value in values.items():
        if existing.get(attribute) != value:
            raise AwsError(
                "QueueNameExists",
                f"A queue already exists with the same name and a different value for attribute {attribute}",
            )


async def delete_queue(ctx: Context, *, queue_url: str) -> None:
    scope, record = await queue_record(ctx, queue_url, "sqs:deletequeue")
    name, queue = record.key, Queue.of(scope, record)
    await ctx.store.commit(
        DeleteRecord(scope, KIND, name),
        TrimQueue(scope, queue.queue, ended=True),
        TrimLog(scope, log_of(queue.queue), ended=True),
    )
    ctx.platform.queues.ended(queue)


async def get_queue_url(
    ctx: Context, *, queue_name: str, queue_owner_aws_account_id: str | None = None
) -> dict[str, Any]:
    scope = Scope(queue_owner_aws_account_id or ctx.account, ctx.region)
    await check_visible(ctx, scope, queue_name, "sqs:getqueueurl")
    return {"QueueUrl": queue_url(ctx, scope, queue_name)}


async def list_queues(
    ctx: Context,
    *,
    queue_name_prefix: str = "",
    next_token: str | None = None,
    max_results: int | None = None,
) -> dict[str, Any]:
    _check_page(max_results)
    records = await ctx.store.list(ctx.scope, KIND, prefix=queue_name_prefix)
    urls, token = _page(ctx, ctx.scope, records, max_results, next_token)
    return {"QueueUrls": urls or None, "NextToken": token}


async def list_dead_letter_source_queues(
    ctx: Context, *, queue_url: str, next_token: str | None = None, max_results: int | None = None
) -> dict[str, Any]:
    _check_page(max_results)
    dead = await find_queue(ctx, queue_url, "sqs:listdeadlettersourcequeues")
    sources = [
        record
        for record in await ctx.store.list(dead.scope, KIND)
        if (redrive := Queue.of(dead.scope, record).redrive) is not None and redrive.arn == dead.arn
    ]
    urls, token = _page(ctx, dead.scope, sources, max_results, next_token)
    return {"queueUrls": urls, "NextToken": token}


def _check_page(limit: int | None) -> None:
    if limit is not None and not 1 <= limit <= _PAGE:
        raise outside_range(limit, "MaxResults", 1, _PAGE)


def _page(
    ctx: Context, scope: Scope, records: list[Record], limit: int | None, token: str | None
) -> tuple[list[str], str | None]:
    """Return one page. Without a limit it has the first thousand and no token, as AWS documents."""
    page_items, following = page(
        records, lambda record: record.key, limit or _PAGE, token, invalid_page_token()
    )
    urls = [queue_url(ctx, scope, record.key) for record in page_items]
    return urls, following if limit is not None else None


def defaults_of(name: str) -> dict[str, str]:
    """Return the default attributes of a queue; they depend on whether its name is a FIFO queue's."""
    fifo = {"FifoQueue": "true", **_FIFO_DEFAULTS} if name.endswith(FIFO_SUFFIX) else {}
    return {**DEFAULTS, "SqsManagedSseEnabled": "true", **fifo}
