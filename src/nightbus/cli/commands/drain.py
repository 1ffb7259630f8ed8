"""Asks a node to end in order: this one, or another one of those that share its store."""

from __future__ import annotations

from nightbus.cli.operator_request import post_as_operator
from nightbus.node.settings import Settings


def drain_node(settings: Settings, node: str) -> None:
    """`node`: the name or number of one, as `nightbus status` shows it; empty for the one that is asked.

    Returns when the node was told. Raises CommandFailed, NotRunning.
    """
    drained = post_as_operator(settings, "drain", {"node": node})["draining"]
    print(f"{drained} takes no new work, and ends when what it has is done.")
