"""Stacks of the examples' templates on a running node: deployed by change sets, driven, deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from waiting import wait_for

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
SECONDS = 90


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stack that is complete, with its outputs."""

    client: Callable[[str], Any]
    name: str
    outputs: dict[str, str]

    def messages(self, output: str, count: int = 1) -> list[str]:
        """The bodies of `count` messages of the queue in an output, in no order; fails if others come."""
        found: list[str] = []

        def received() -> bool:
            asked = {"QueueUrl": self.outputs[output], "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1}
            for one in self.client("sqs").receive_message(**asked).get("Messages", []):
                found.append(one["Body"])
                self.client("sqs").delete_message(
                    QueueUrl=self.outputs[output], ReceiptHandle=one["ReceiptHandle"]
                )
            return len(found) >= count

        wait_for(received, SECONDS)
        assert len(found) == count, found
        return found

    def invoke(self, output: str, event: Any) -> Any:
        reply = self.client("lambda").invoke(FunctionName=self.outputs[output], Payload=json.dumps(event))
        result = json.loads(reply["Payload"].read())
        assert "FunctionError" not in reply, result
        return result


def object_body(stack: Deployed, bucket: str, key: str) -> bytes | None:
    try:
        body: bytes = stack.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except stack.client("s3").exceptions.NoSuchKey:
        return None
    return body


def empty(stack: Deployed, bucket: str) -> None:
    versions = stack.client("s3").list_object_versions(Bucket=bucket)
    for one in [*versions.get("Versions", []), *versions.get("DeleteMarkers", [])]:
        stack.client("s3").delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])


def put_object(stack: Deployed, output: str, key: str, body: bytes) -> None:
    stack.client("s3").put_object(Bucket=stack.outputs[output], Key=key, Body=body)


def deploy(client: Callable[[str], Any], name: str, template: str, **parameters: str) -> dict[str, str]:
    """Deploy by a change set, as the tools do, and return the outputs."""
    stacks = client("cloudformation")
    is_new = not any(one["StackName"] == name for one in stacks.list_stacks()["StackSummaries"])
    begin_change(client, name, template, "CREATE" if is_new else "UPDATE", **parameters)
    return outputs_of(client, name)


def begin_change(
    client: Callable[[str], Any], name: str, template: str, kind: str, **parameters: str
) -> None:
    stacks = client("cloudformation")
    asked = stacks.create_change_set(
        StackName=name,
        ChangeSetName=f"c-{uuid4().hex[:8]}",
        ChangeSetType=kind,
        TemplateBody=template,
        Capabilities=CAPABILITIES,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )

    def described() -> dict[str, Any] | None:
        found: dict[str, Any] = stacks.describe_change_set(ChangeSetName=asked["Id"])
        return found if found["Status"] in ("CREATE_COMPLETE", "FAILED") else None

    found = wait_for(described, SECONDS)
    assert found["Status"] == "CREATE_COMPLETE", found.get("StatusReason")
    stacks.execute_change_set(ChangeSetName=asked["Id"])


def ended(client: Callable[[str], Any], name: str) -> dict[str, Any]:
    def described() -> dict[str, Any] | None:
        (found,) = client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        return None if found["StackStatus"].endswith("_IN_PROGRESS") else found

    return wait_for(described, SECONDS)


def outputs_of(client: Callable[[str], Any], name: str) -> dict[str, str]:
    found = ended(client, name)
    if found["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        events = client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
        reasons = [one.get("ResourceStatusReason") for one in events if "FAILED" in one["ResourceStatus"]]
        raise AssertionError(f"{found['StackStatus']}: {reasons}")
    return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}


def delete(client: Callable[[str], Any], name: str) -> None:
    stacks = client("cloudformation")
    (stack,) = stacks.describe_stacks(StackName=name)["Stacks"]
    stacks.delete_stack(StackName=name)
    last = ended(client, stack["StackId"])
    left = stacks.list_stack_resources(StackName=stack["StackId"])["StackResourceSummaries"]
    kept = [one for one in left if one["ResourceStatus"] != "DELETE_COMPLETE"]
    kept = [one for one in kept if one["ResourceType"] != "AWS::Lambda::Version"]  # SAM retains them
    assert (last["StackStatus"], kept) == ("DELETE_COMPLETE", [])
