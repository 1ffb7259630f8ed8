"""Which queue does a URL name? Its path says account and name; the region is the call's."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.messaging.queue import KIND, Queue, url_path
from nightbus.services.context import Context
from nightbus.services.sqs.errors import no_such_queue
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


async def find_queue(ctx: Context, url: str) -> Queue:
    """Raises AwsError QueueDoesNotExist, InvalidAddress."""
    queue = await ctx.platform.queues.find(*place_of(ctx, url))
    if queue is None:
        raise no_such_queue()
    return queue


async def queue_record(ctx: Context, url: str) -> tuple[Scope, Record]:
    """The record, to be changed. Raises AwsError as `find_queue`."""
    scope, name = place_of(ctx, url)
    record = await ctx.store.get(scope, KIND, name)
    if record is None:
        raise no_such_queue()
    return scope, record
