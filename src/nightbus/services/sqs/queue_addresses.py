"""Finds the queue that a URL names, and checks what the caller may do with it.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-limitations-of-custom-policies.html
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.keys.uses import (
    ACCESS_DENIED,
    DISABLED,
    INVALID_STATE,
    INVALID_USAGE,
    NOT_FOUND,
    READING,
    WRITING,
    KeyUser,
)
from nightbus.messaging.message import Message
from nightbus.messaging.queue import KIND, RECEIVE, SEND, Queue, url_path
from nightbus.services.context import Context
from nightbus.services.key_uses import require_use
from nightbus.services.sqs.errors import hidden_queue, no_such_queue, queue_access_denied
from nightbus.store.interface import Record

_ACCOUNT_DIGITS = 12
_KEY_ERRORS = {
    NOT_FOUND: "KmsNotFound",
    DISABLED: "KmsDisabled",
    INVALID_STATE: "KmsInvalidState",
    INVALID_USAGE: "KmsInvalidKeyUsage",
    ACCESS_DENIED: "KmsAccessDenied",
}


def address_of_url(url: str) -> tuple[str, str] | None:
    """Return the account and the name of the queue, None for what is not a queue's URL."""
    try:
        path = urlsplit(url).path
    except ValueError:  # half an address of IPv6
        return None
    account, _, name = unquote(path).strip("/").rpartition("/")
    account = account.rpartition("/")[2]
    if not name or len(account) != _ACCOUNT_DIGITS or not account.isdigit():
        return None
    return account, name


def queue_of_url(ctx: Context, url: str) -> tuple[Scope, str]:
    """Return the scope and the name of the queue. Raises AwsError InvalidAddress for what is not a queue's URL."""
    address = address_of_url(url)
    if address is None:
        raise AwsError("InvalidAddress", f"The address {url} is not valid for this endpoint.", 404)
    return Scope(address[0], ctx.region), address[1]


def queue_url(ctx: Context, scope: Scope, name: str) -> str:
    return f"{ctx.call.endpoint}{url_path(scope, name)}"


async def find_queue(ctx: Context, url: str, action: str) -> Queue:
    """Find the queue for an action that its policy may allow to other accounts.

    Raises AwsError QueueDoesNotExist, InvalidAddress, AccessDenied, and for messages of a queue with a key that cannot
    be used KmsNotFound, KmsDisabled, KmsInvalidState, KmsInvalidKeyUsage, KmsAccessDenied.
    """
    queue = await ctx.platform.queues.find(*queue_of_url(ctx, url))
    if queue is None:
        raise no_such_queue()
    refusal = ctx.refusal_of(queue.access, action)
    if refusal and ctx.enforces:
        raise queue_access_denied(refusal)
    if queue.key and action in (SEND, RECEIVE):
        await require_key_of(ctx, queue, WRITING if action == SEND else READING)
    return queue


async def require_key_of(ctx: Context, queue: Queue, actions: tuple[str, ...]) -> None:
    """Raise AwsError as `find_queue` does unless the caller may use the queue's key, if it has one."""
    if queue.key:
        await _require_key(ctx, queue.scope, queue.key, actions, queue.arn)


async def require_keys_of(ctx: Context, queue: Queue, messages: Iterable[Message]) -> None:
    """Raise AwsError as `find_queue` does unless the caller may decrypt messages that were sent under other keys."""
    keys = {one.key: one.source or queue.arn for one in messages if one.key not in ("", queue.key)}
    for key, source in keys.items():
        await _require_key(ctx, queue.scope, key, READING, source)


async def _require_key(ctx: Context, home: Scope, key: str, actions: tuple[str, ...], arn: str) -> None:
    user = KeyUser(ctx.caller, "sqs", actions, {"aws:sqs:arn": arn})
    await require_use(ctx, home, key, _KEY_ERRORS, user)


async def check_visible(ctx: Context, scope: Scope, name: str, action: str) -> None:
    """Check that the caller may know that the queue exists. For another account's queue the error does not tell.

    Raises AwsError QueueDoesNotExist, AccessDenied.
    """
    queue = await ctx.platform.queues.find(scope, name)
    foreign = scope.account != ctx.caller.account
    if queue is None:
        raise hidden_queue() if foreign else no_such_queue()
    refusal = ctx.refusal_of(queue.access, action)
    if refusal and ctx.enforces:
        raise hidden_queue() if foreign else queue_access_denied(refusal)


async def queue_record(ctx: Context, url: str, action: str) -> tuple[Scope, Record]:
    """Return the record, for an action of the owner's account only. Raises AwsError as `find_queue` does."""
    scope, record = await _record(ctx, url)
    refusal = ctx.refusal_of(Queue.of(scope, record).access, action, of_owner=True)
    if refusal and ctx.enforces:
        raise queue_access_denied(refusal)
    return scope, record


async def shared_record(ctx: Context, url: str, action: str) -> tuple[Scope, Record]:
    """Return the record, for an action that its policy may allow to other accounts. Raises as `find_queue` does."""
    scope, record = await _record(ctx, url)
    refusal = ctx.refusal_of(Queue.of(scope, record).access, action)
    if refusal and ctx.enforces:
        raise queue_access_denied(refusal)
    return scope, record


async def _record(ctx: Context, url: str) -> tuple[Scope, Record]:
    scope, name = queue_of_url(ctx, url)
    record = await ctx.store.get(scope, KIND, name)
    if record is None:
        raise no_such_queue()
    return scope, record
