"""Gives the sessions of a node's console, and what tells its cluster's cookies from those of others."""

from __future__ import annotations

from nightbus.identity.console_sessions import ConsoleSessions
from nightbus.node.admin.request import AdminRequest
from nightbus.node.node import Node

_COOKIE = "console/cookie"


def sessions_of(node: Node) -> ConsoleSessions:
    return ConsoleSessions(node.store, node.clock)


def cluster_mark(request: AdminRequest) -> str:
    """Return what is the same at all nodes on a store; empty for a node on a store of its own."""
    if request.settings.store is None:
        return ""
    return request.node.platform.vault.keyed(_COOKIE).hex()[:12]
