"""Finds the queue that a URL names, and checks what the caller may do with it.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-limitations-of-custom-policies.html
"""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.messaging.queue import KIND, Queue, url_path
from nightbus.services.context import Context
from nightbus.services.sqs.errors import access_denied, hidden_queue, no_such_queue
from nightbus.store.interface import Record

_ACCOUNT_DIGITS = 12


def place_of(ctx: Context, url: str) -> tuple[Scope, str]:
    """Raises AwsError InvalidAddress for what is no queue's URL."""
    account, _, name = unquote(urlsplit(url).path).strip("/").rpartition("/")
    account = account.rpartition("/")[2]
    if not name or len(account) != _ACCOUNT_DIGITS or not account.isdigit():
        raise AwsError("InvalidAddress", f"The address {url} is not valid for this endpoint.", 404)
    return Scope(account, ctx.region), name


def queue_url(ctx: Context, scope: Scope, name: str) -> str:
    return f"{ctx.call.endpoint}{url_path(scope, name)}"


async def find_queue(ctx: Context, url: str, action: str) -> Queue:
    """For an action that a queue's policy may allow to others.

    Raises AwsError QueueDoesNotExist, InvalidAddress, AccessDenied.
    """
    queue = await ctx.platform.queues.find(*place_of(ctx, url))
    if queue is None:
        raise no_such_queue()
    why = queue.access.refusal(ctx.caller, action)
    if why:
        raise access_denied(why)
    return queue


async def check_named(ctx: Context, scope: Scope, name: str, action: str) -> None:
    """May the caller know of this queue? Of another account's he learns no more than that he may not.

    Raises AwsError QueueDoesNotExist, AccessDenied.
    """
    queue = await ctx.platform.queues.find(scope, name)
    others = scope.account != ctx.caller.account
    if queue is None:
        raise hidden_queue() if others else no_such_queue()
    why = queue.access.refusal(ctx.caller, action)
    if why:
        raise hidden_queue() if others else access_denied(why)


async def queue_record(ctx: Context, url: str, action: str) -> tuple[Scope, Record]:
    """The record, for an action that is its owner's alone. Raises AwsError as `find_queue`."""
    scope, record = await _record(ctx, url)
    why = Queue.of(scope, record).access.refusal_but_to_owner(ctx.caller, action)
    if why:
        raise access_denied(why)
    return scope, record


async def shared_record(ctx: Context, url: str, action: str) -> tuple[Scope, Record]:
    """The record, for an action that a queue's policy may allow to others. Raises AwsError as `find_queue`."""
    scope, record = await _record(ctx, url)
    why = Queue.of(scope, record).access.refusal(ctx.caller, action)
    if why:
        raise access_denied(why)
    return scope, record


async def _record(ctx: Context, url: str) -> tuple[Scope, Record]:
    scope, name = place_of(ctx, url)
    record = await ctx.store.get(scope, KIND, name)
    if record is None:
        raise no_such_queue()
    return scope, record
