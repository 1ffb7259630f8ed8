"""Defines what can go wrong with a node for tests, beside what a test asserts."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_MOST_LISTED = 20


class NodeFailed(Exception):
    """The node did not start, or refused what it was asked; the text has the node's log where it helps."""


class NotSettled(TimeoutError):
    """The node did not come to rest in time; the text says what it was still at."""


class DeploymentFailed(Exception):
    """The stack did not come to its good end; the text has the reasons that CloudFormation gave."""


class UnknownName(LookupError):
    """Nothing in the account has the name that the test gave; the text has the nearest one, and all that there are."""


def unknown_name(name: str, kind: str, known: Iterable[str]) -> UnknownName:
    """Return the error to raise: it names the nearest of the known names, and lists them."""
    names = sorted(set(known))
    near = get_close_matches(name, names, n=1)
    likely = f"; did you mean {near[0]!r}?" if near else "."
    listed = ", ".join(names[:_MOST_LISTED]) + (", …" if len(names) > _MOST_LISTED else "")
    there_is = f"There are: {listed}" if names else "There are none"
    return UnknownName(f"{name!r} is no {kind} here{likely} {there_is}")
