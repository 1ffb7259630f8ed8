"""Tests applications on a node of their own: real services and functions, virtual time, no sleeping.

With pytest, the fixture `nightbus` is all that is needed. Elsewhere, `with nightbus.testing.node() as nightbus:`.
docs/testing.md describes both.

What is named here is imported when somebody asks for it: each run of pytest imports this module, for its plugin, and so
does the process of each node.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nightbus.testing.account import Nightbus
    from nightbus.testing.errors import DeploymentFailed, NodeFailed, NotSettled, UnknownName
    from nightbus.testing.interface import DeployedStack
    from nightbus.testing.running_node import TestNode, node

__all__ = [
    "DeployedStack",
    "DeploymentFailed",
    "Nightbus",
    "NodeFailed",
    "NotSettled",
    "TestNode",
    "UnknownName",
    "node",
]

_MODULES = {
    "DeployedStack": "interface",
    "DeploymentFailed": "errors",
    "Nightbus": "account",
    "NodeFailed": "errors",
    "NotSettled": "errors",
    "TestNode": "running_node",
    "UnknownName": "errors",
    "node": "running_node",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
