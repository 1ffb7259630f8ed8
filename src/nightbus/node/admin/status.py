"""Reports what the node is, what it holds, and how busy it was: `health`, `status`, `sizes`, `holds`."""

from __future__ import annotations

import os
from typing import Any

from nightbus import __version__
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.node.admin.nodes import nodes_of, work_of_lone_node
from nightbus.node.admin.operator import is_operator
from nightbus.node.admin.request import AdminRequest
from nightbus.node.admin.sizes import sizes
from nightbus.node.tls_listener import are_of_one_machine
from nightbus.services import SERVICES
from nightbus.store.interface import Record, Store

_PAGE = 200
_MOST_NAMES = 100
_KINDS = {
    "stacks": "cloudformation/stack",
    "functions": "lambda/function",
    "rules": "events/rule",
    "queues": "sqs/queue",
    "topics": "sns/topic",
    "buckets": "s3/bucket",
    "log groups": "logs/group",
}


async def health(request: AdminRequest) -> dict[str, Any]:
    """Answers as soon as the node accepts calls. Raises AwsError 503 when it is to get no new ones: it drains."""
    if request.node.draining.has_begun:
        raise AwsError("Draining", "This node ends when what it has is done; ask another one.", 503)
    return {"status": "ok", "version": __version__, "services": sorted(SERVICES)}


async def status(request: AdminRequest) -> dict[str, Any]:
    """The node's address and whom it lets in; for this machine its process, data folder and shared store too.

    For the operator: its uptime, per kind and scope how many records it holds, the duties that it has, and how many
    jobs it works on by their queue; of a store that nodes share, the nodes with theirs.
    """
    node = request.node
    reply: dict[str, Any] = {
        "version": __version__,
        "endpoint": node.endpoint,
        "services": sorted(SERVICES),
        "dev_credentials": node.dev_credentials,
        "authorization": request.settings.authorization,
    }
    if _is_from_here(request):
        data = None if request.settings.memory else str(request.settings.data.absolute())
        reply |= {"pid": os.getpid(), "data": data}
        if request.settings.store is not None:
            reply["store"] = str(request.settings.store)  # without the password
    if is_operator(request):
        uptime = (node.clock.now_ms() - node.started_ms) / 1000
        reply |= {"uptime_seconds": uptime, "holds": await _holds(node.store)}
        shown = await nodes_of(node)
        reply |= {"nodes": shown} if shown is not None else await work_of_lone_node(node)
    return reply


def _is_from_here(request: AdminRequest) -> bool:
    """Return whether the request comes from this machine."""
    client, server = request.asgi.get("client"), request.asgi.get("server")
    return client is not None and server is not None and are_of_one_machine(client[0], server[0])


async def _holds(store: Store) -> list[dict[str, Any]]:
    holds = []
    for label, kind in _KINDS.items():
        for scope in await store.scopes(kind):
            count, names = await _count_and_names(store, scope, kind)
            if count:
                scope_fields = {"account": scope.account, "region": scope.region}
                holds.append({"what": label, **scope_fields, "count": count, "names": names})
    return holds


async def memory_and_disk(request: AdminRequest) -> dict[str, Any]:
    return await sizes(request.node)


async def loop_holds(request: AdminRequest) -> dict[str, Any]:
    """The longest time that the event loop was held since the last request. Raises AwsError where not measured."""
    holds = request.node.holds
    if holds is None:
        raise AwsError("NotFound", "Nothing is measured; set NIGHTBUS_MEASURE_HOLDS.", 404)
    longest = holds.longest_ms
    holds.reset()
    return {"longest_ms": longest}


async def _count_and_names(store: Store, scope: Scope, kind: str) -> tuple[int, list[str]]:
    """How many there are, and the first names; page by page, so that a full node answers others meanwhile."""
    count, names, after = 0, list[str](), ""
    while True:
        page = await store.list(scope, kind, after=after, limit=_PAGE)
        present = [record for record in page if not _is_deleted(record)]
        count += len(present)
        names += [_name(record) for record in present[: _MOST_NAMES - len(names)]]
        if len(page) < _PAGE:
            return count, names
        after = page[-1].key


def _name(record: Record) -> str:
    value = record.value
    return str(value.get("Name") or value.get("name") or record.key)


def _is_deleted(record: Record) -> bool:
    """The store keeps deleted stacks for a while."""
    return record.value.get("status") == "DELETE_COMPLETE"
