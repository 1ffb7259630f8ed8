"""Defines what can go wrong with a node for tests, beside what a test asserts."""

from __future__ import annotations


class NodeFailed(Exception):
    """The node did not start, or refused what it was asked; the text has the node's log where it helps."""


class NotSettled(TimeoutError):
    """The node did not come to rest in time; the text says what it was still at."""


class DeploymentFailed(Exception):
    """The stack did not come to its good end; the text has the reasons that CloudFormation gave."""
