"""Answers `drain`, and says of each node of the store what `status` shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nightbus.aws.errors import AwsError
from nightbus.node.admin.request import AdminRequest, body_text
from nightbus.node.node import Node
from nightbus.store.duties import duties_under_way

if TYPE_CHECKING:
    from nightbus.store.postgres.nodes import NodeRow


async def nodes_of(node: Node) -> list[dict[str, Any]] | None:
    """None for a node that shares its store with no others, and an empty list while the database is away."""
    if node.storage.nodes is None:
        return None
    from nightbus.store.postgres.link import LinkLost

    try:
        rows = await node.storage.nodes.everyone()
    except LinkLost:
        return []
    return [
        {
            "id": row.id,
            "name": row.name,
            "url": row.url,
            "version": row.version,
            "started": row.started,
            "heartbeat_age_ms": max(0, row.heartbeat_age),
            "draining": row.draining,
            "this": row.id == node.storage.nodes.id,
            "load": dict(row.load),
            "duties": row.work.duties,
            "work": row.work.jobs,
        }
        for row in rows
    ]


async def work_of_lone_node(node: Node) -> dict[str, Any]:
    """Return what `nodes_of` says of a node's work, of one that has its store to itself."""
    work = dict(node.storage.under_way())
    work.pop("commits", None)
    return {"duties": sorted(await duties_under_way(node.store)), "work": work}


async def drain(request: AdminRequest) -> dict[str, Any]:
    """Body: `node`, the name or the number of one, or the name that the workers of one port share; by default this one,
    with all workers of its port. Answers when the node was told.

    Raises AwsError: 404 for a node that is not known, 503 while the database is away.
    """
    wanted = body_text(await request.read_json(), "node")
    nodes = request.node.storage.nodes
    if nodes is None:
        if wanted:
            raise AwsError("NotFound", "This node has its store to itself: there are no other nodes.", 404)
        request.node.draining.begin()
        return {"draining": request.node.endpoint}
    from nightbus.store.postgres.link import LinkLost

    try:
        rows = await nodes.everyone()
        here = [row for row in rows if row.id == nodes.id]
        chosen = [row for row in rows if _is_meant(row, wanted, here)]
        told = [await nodes.drain(row.id) for row in chosen]
        if not any(told):
            raise AwsError("NotFound", f"There is no node {wanted or 'with the number of this one'}.", 404)
    except LinkLost as lost:
        raise AwsError("ServiceUnavailable", "The database cannot be reached.", 503) from lost
    return {"draining": chosen[0].name if len(chosen) == 1 else chosen[0].name.partition("/")[0]}


def _is_meant(row: NodeRow, wanted: str, here: Sequence[NodeRow]) -> bool:
    """Return whether `wanted` names the node; nothing names the node `here`, with the workers of its port."""
    port_name, _, worker = row.name.partition("/")
    if wanted:
        return wanted in (row.name, str(row.id)) or (worker != "" and wanted == port_name)
    return any(
        row.id == own.id or (worker != "" and own.url == row.url and own.name.partition("/")[0] == port_name)
        for own in here
    )
