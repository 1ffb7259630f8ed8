"""The life of every resource type, generated from the table of `tests/type_lives`, by boto3 against a running node.

A type is created, is in sync, is updated in place and is in sync, drifts, is replaced, and is deleted; and a creation
that fails is rolled back.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from nightbus.stacks.interface import ReadsState
from nightbus.stacks.resources import RESOURCE_TYPES
from type_lives import Life, all_lives
from waiting import wait_for

LIVES = all_lives()
NESTED = {
    "Parameters": {"Days": {"Type": "Number"}},
    "Resources": {
        "Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": {"Ref": "Days"}}}
    },
}
Clients = Callable[..., Any]


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
    layer = io.BytesIO()
    with zipfile.ZipFile(layer, "w") as package:
        package.writestr("python/shared.py", "VALUE = 1")
    s3 = node.client("s3")
    s3.create_bucket(Bucket="type-lives")
    s3.put_object(Bucket="type-lives", Key="layer.zip", Body=layer.getvalue())
    s3.put_object(Bucket="type-lives", Key="nested.json", Body=json.dumps(NESTED))
    for name in ("primary-key", "other-key"):
        key = node.client("kms", region="eu-west-1").create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
        node.client("ssm").put_parameter(Name=f"/type-lives/{name}", Type="String", Value=key)


class LivingStack:
    """One stack of a row, driven as a tool drives it."""

    def __init__(self, client: Clients, life: Life, suffix: str) -> None:
        self._client = client
        self._life = life
        self._cloudformation = client("cloudformation")
        self.name = f"life-{life.type.split('::', 1)[1].replace('::', '-').lower()}-{suffix}"
        self.id = self.name

    def create(self, changes: Any = None) -> str:
        reply = self._cloudformation.create_stack(**self._request(changes))
        self.id = reply["StackId"]
        return self.settled()

    def update(self, changes: Any) -> str:
        self._cloudformation.update_stack(**self._request(changes))
        return self.settled()

    def delete(self) -> str:
        self._cloudformation.delete_stack(StackName=self.id)
        return self.settled()

    def _request(self, changes: Any) -> dict[str, Any]:
        body = self._life.template(self.name, changes)
        return {"StackName": self.name, "TemplateBody": body, "Capabilities": ["CAPABILITY_NAMED_IAM"]}

    def settled(self) -> str:
        def rested() -> str | None:
            stack = self._cloudformation.describe_stacks(StackName=self.id)["Stacks"][0]
            status = str(stack["StackStatus"])
            return None if status.endswith("IN_PROGRESS") else status

        return wait_for(rested)

    def physical_id(self) -> str:
        reply = self._cloudformation.describe_stack_resource(StackName=self.id, LogicalResourceId="It")
        return str(reply["StackResourceDetail"]["PhysicalResourceId"])

    def drift(self) -> dict[str, Any]:
        reply = self._cloudformation.detect_stack_resource_drift(StackName=self.id, LogicalResourceId="It")
        found: dict[str, Any] = reply["StackResourceDrift"]
        return found

    def reasons(self) -> list[str]:
        events = self._cloudformation.describe_stack_events(StackName=self.id)["StackEvents"]
        return [
            event.get("ResourceStatusReason", "") for event in events if "FAILED" in event["ResourceStatus"]
        ]


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
    assert stack.create(LIVES[type_name].failing) == "ROLLBACK_COMPLETE"
    assert stack.reasons()
    assert stack.delete() == "DELETE_COMPLETE"
