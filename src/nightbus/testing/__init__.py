"""Tests applications on a node of their own: real services and functions, virtual time, no sleeping.

With pytest, the fixture `nightbus` is all that is needed. Elsewhere, `with nightbus.testing.node() as nightbus:`.
docs/testing.md describes both.
"""

from __future__ import annotations

from nightbus.testing.account import Nightbus
from nightbus.testing.errors import DeploymentFailed, NodeFailed, NotSettled, UnknownName
from nightbus.testing.interface import DeployedStack
from nightbus.testing.node import TestNode, node

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
