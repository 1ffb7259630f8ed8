"""The life of every resource type, generated from the table of `tests/type_lives`, by boto3 against a running node.

A type is created, is in sync, is updated in place and is in sync, drifts, is replaced, and is deleted; and a creation
that fails is rolled back.
"""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from living_stack import Clients, LivingStack, put_artefacts
from nightbus.stacks.interface import ReadsState
from nightbus.stacks.resources import RESOURCE_TYPES
from type_lives import all_lives

LIVES = all_lives()


def test_every_type_has_a_row() -> None:
    assert set(LIVES) == set(RESOURCE_TYPES), "add a row to tests/type_lives"


@pytest.mark.parametrize("type_name", sorted(LIVES))
def test_a_row_leaves_nothing_out(type_name: str) -> None:
    life, kind = LIVES[type_name], RESOURCE_TYPES[type_name]
    parts = (life.update, life.failing, life.drift, life.replacement if kind.replace_on else {})
    assert life.why_not or None not in parts
    assert life.replacement is None or set(life.replacement) & kind.replace_on
    assert life.update is None or not set(life.update) & kind.replace_on


@pytest.fixture(scope="module")
def artefacts(node: Any) -> None:
    put_artefacts(node.client)


def assert_in_sync(stack: LivingStack) -> None:
    found = stack.drift()
    assert found["StackResourceDriftStatus"] == "IN_SYNC", (found.get("PropertyDifferences"), found)


@pytest.mark.usefixtures("artefacts")
@pytest.mark.parametrize("type_name", sorted(LIVES))
def test_life(type_name: str, client: Clients) -> None:
    life, readable = LIVES[type_name], isinstance(RESOURCE_TYPES[type_name], ReadsState)
    stack = LivingStack(client, life, "whole")
    assert stack.create() == "CREATE_COMPLETE", stack.reasons()
    first = stack.physical_id()
    if readable:
        assert_in_sync(stack)
    else:
        with pytest.raises(ClientError, match="Drift detection is not supported"):
            stack.drift()
    if life.update is not None:
        assert stack.update(life.update) == "UPDATE_COMPLETE", stack.reasons()
        assert stack.physical_id() == first
        if readable:
            assert_in_sync(stack)
    if life.drift is not None:
        life.drift.act(client, first, stack.name)
        found = stack.drift()
        assert found["StackResourceDriftStatus"] == "MODIFIED"
        told = [(one["PropertyPath"], one["DifferenceType"]) for one in found["PropertyDifferences"]]
        assert (life.drift.path, life.drift.kind) in told, found["PropertyDifferences"]
    if life.replacement is not None:
        assert stack.update({**(life.update or {}), **life.replacement}) == "UPDATE_COMPLETE", stack.reasons()
        assert stack.physical_id() != first
        if readable:
            assert_in_sync(stack)
    assert stack.delete() == "DELETE_COMPLETE", stack.reasons()


@pytest.mark.usefixtures("artefacts")
@pytest.mark.parametrize(
    "type_name", sorted(name for name, life in LIVES.items() if life.failing is not None)
)
def test_failed_creation(type_name: str, client: Clients) -> None:
    stack = LivingStack(client, LIVES[type_name], "failing")
    assert stack.create(LIVES[type_name].failing) == "ROLLBACK_COMPLETE", stack.reasons()
    assert stack.reasons()
    assert stack.delete() == "DELETE_COMPLETE", stack.reasons()
