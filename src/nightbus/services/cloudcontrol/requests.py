"""Keeps the requests that change resources, and describes, lists and cancels them.

A request is a record and an item of the queue `cloudcontrol/requests`. Its properties are sealed, since they may hold
secrets, and go when it ends.

| status             | becomes                 | when                                   |
|--------------------|-------------------------|----------------------------------------|
| PENDING            | IN_PROGRESS             | the worker takes it                    |
| PENDING            | CANCEL_COMPLETE         | CancelResourceRequest                  |
| IN_PROGRESS        | SUCCESS, FAILED         | the resource type has done its work    |
| IN_PROGRESS        | CANCEL_IN_PROGRESS      | CancelResourceRequest                  |
| CANCEL_IN_PROGRESS | CANCEL_COMPLETE, FAILED | the step that had begun is done        |
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.pagination import page
from nightbus.services.context import Context
from nightbus.stacks.records import SERVICE, SESSION_NAME
from nightbus.store.interface import SYSTEM, Enqueue, Item, PutRecord, Record

REQUEST = "cloudcontrol/request"  # key: its token
ACCEPTED = "cloudcontrol/accepted"  # key: the client's token; value: the request's token, and its fingerprint
QUEUE = "cloudcontrol/requests"
UNDER_WAY = ("PENDING", "IN_PROGRESS", "CANCEL_IN_PROGRESS")
_PAGE = 20
_RETRY_MS = 1000
_BAD_TOKEN = AwsError("InvalidRequestException", "Invalid NextToken")


@dataclass
class Request:
    """A request to change a resource. Times are UTC ms. `begun`: an attempt before a crash may have made it."""

    token: str
    type_name: str
    operation: str
    time: int
    status: str = "PENDING"
    identifier: str = ""
    physical_id: str = ""
    sealed: str = ""  # the properties after the change, and for an update those before it
    model: str = ""
    message: str = ""
    error: str = ""
    name: str | None = None  # what `physical_name` chose
    begun: bool = False
    client_token: str = ""
    caller: dict[str, Any] = field(default_factory=dict)
    endpoint: str = ""
    role: str = ""  # the ARN of the role in which the resource is changed, "" for the caller

    def call(self, scope: Scope) -> Call:
        """Return the call that changes the resource: in the role of the request, or in the caller's name."""
        if self.role:
            return Call(scope, Caller.in_role(self.role, SESSION_NAME, SERVICE), self.endpoint)
        return Call(scope, Caller.restored(self.caller), self.endpoint)

    def progress(self) -> dict[str, Any]:
        """Return the ProgressEvent."""
        retry = self.time + _RETRY_MS if self.status in UNDER_WAY else None
        return {
            "TypeName": self.type_name,
            "Identifier": self.identifier or None,
            "RequestToken": self.token,
            "Operation": self.operation,
            "OperationStatus": self.status,
            "EventTime": _time(self.time),
            "ResourceModel": self.model or None,
            "StatusMessage": self.message or None,
            "ErrorCode": self.error or None,
            "RetryAfter": _time(retry) if retry else None,
        }


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def put_request(scope: Scope, request: Request, expect: int | None = None) -> PutRecord:
    return PutRecord(scope, REQUEST, request.token, asdict(request), expect)


def request_item(scope: Scope, request: Request, now: int) -> Enqueue:
    """Return the item for the worker. The requests of one resource are a group, so that none overtakes another."""
    group = f"{request.type_name} {request.identifier or request.token}"
    return Enqueue(SYSTEM, QUEUE, orjson.dumps([*scope, request.token]), now, group)


def request_of(item: Item) -> tuple[Scope, str]:
    account, region, token = orjson.loads(item.data)
    return Scope(account, region), str(token)


async def _find(ctx: Context, token: str) -> Record:
    record = await ctx.store.get(ctx.scope, REQUEST, token)
    if record is None:
        text = f"Request with token {token} was not found."
        raise AwsError("RequestTokenNotFoundException", text)
    return record


async def get_resource_request_status(ctx: Context, *, request_token: str) -> dict[str, Any]:
    return {"ProgressEvent": Request(**(await _find(ctx, request_token)).value).progress()}


async def list_resource_requests(
    ctx: Context,
    *,
    max_results: int | None = None,
    next_token: str | None = None,
    resource_request_status_filter: dict[str, list[str]] | None = None,
) -> dict[str, Any]:
    wanted = resource_request_status_filter or {}
    operations, statuses = wanted.get("Operations"), wanted.get("OperationStatuses")
    requests = [Request(**record.value) for record in await ctx.store.list(ctx.scope, REQUEST)]
    chosen = [
        one
        for one in sorted(requests, key=_newest_first)
        if (not operations or one.operation in operations) and (not statuses or one.status in statuses)
    ]
    items, token = page(chosen, _newest_first, max_results or _PAGE, next_token, _BAD_TOKEN)
    return {"ResourceRequestStatusSummaries": [one.progress() for one in items], "NextToken": token}


def _newest_first(request: Request) -> str:
    return f"{10**15 - request.time:016d}/{request.token}"


async def cancel_resource_request(ctx: Context, *, request_token: str) -> dict[str, Any]:
    record = await _find(ctx, request_token)
    request = Request(**record.value)
    if request.status not in ("PENDING", "IN_PROGRESS"):
        text = f"Request with token {request_token} is in state {request.status} and cannot be cancelled."
        raise AwsError("ConcurrentModificationException", text)
    request.status = "CANCEL_COMPLETE" if request.status == "PENDING" else "CANCEL_IN_PROGRESS"
    request.time = ctx.now_ms()
    if request.status == "CANCEL_COMPLETE":
        request.sealed = ""
    await ctx.store.commit(put_request(ctx.scope, request, record.revision))
    return {"ProgressEvent": request.progress()}
