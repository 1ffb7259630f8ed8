"""Creates, updates, deletes and checks the stack of one instance, by CloudFormation's own operations.

The calls are those of the execution role, which the administration role assumes (`execution_roles.py`).
"""

from __future__ import annotations

from typing import Any

from nightbus.aws.calls import Call, Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.services.cloudformation.stack_sets.execution_roles import execution_call
from nightbus.services.cloudformation.stack_sets.records import (
    INSTANCE,
    STACK_SET,
    Instance,
    SetOperation,
    StackSet,
    instance_key,
    opened_map,
    put_instance,
    put_set,
    set_instances,
)
from nightbus.services.context import Platform
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import Change, DeleteRecord

_DEAD = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "REVIEW_IN_PROGRESS")
_GOOD = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_NOTHING = "No updates are to be performed"


async def carry_out_at(
    platform: Platform, scope: Scope, operation: SetOperation, account: str, region: str
) -> str | None:
    """Do the operation's work on one instance. Returns None, or the reason why it failed."""
    key = instance_key(operation.set_name, account, region)
    record = await platform.store.get(scope, INSTANCE, key)
    set_record = await platform.store.get(scope, STACK_SET, operation.set_name)
    if record is None or set_record is None:
        return None if operation.action == "DELETE" else "The stack instance does not exist"
    instance, stack_set = Instance(**record.value), StackSet(**set_record.value)
    try:
        stack = _Stack(platform, await execution_call(platform, scope, operation, account, region))
        if operation.action == "DELETE":
            reason = await _delete(stack, instance, operation.retain)
            if reason is None:
                await platform.store.commit(DeleteRecord(scope, INSTANCE, key))
                return None
        elif operation.action == "DETECT_DRIFT":
            return await _detect(platform, scope, operation, instance, stack)
        else:
            instance.stack_name = instance.stack_name or f"StackSet-{operation.set_name}-{new_uuid()}"[:128]
            await _store(platform, scope, operation, instance, detailed="RUNNING")
            reason = await _bring(platform, stack, stack_set, instance)
    except AwsError as error:
        reason = error.message
    good = reason is None
    status = "CURRENT" if good else "INOPERABLE" if operation.action == "DELETE" else "OUTDATED"
    instance.version = stack_set.version if good else instance.version
    detailed = "SUCCEEDED" if good else "FAILED"
    await _store(platform, scope, operation, instance, status=status, detailed=detailed, reason=reason or "")
    return reason


@retries_on_conflict
async def _store(
    platform: Platform, scope: Scope, operation: SetOperation, instance: Instance, **fields: Any
) -> None:
    key = instance_key(operation.set_name, instance.account, instance.region)
    record = await platform.store.get(scope, INSTANCE, key)
    if record is None:
        return
    instance.operation = operation.id
    for name, value in fields.items():
        setattr(instance, name, value)
    await platform.store.commit(put_instance(scope, operation.set_name, instance, record.revision))


class _Stack:
    """Calls CloudFormation in the account and region of an instance."""

    def __init__(self, platform: Platform, call: Call) -> None:
        self._platform = platform
        self._call = call

    async def call(self, name: str, **params: Any) -> dict[str, Any]:
        return await self._platform.operations.call("cloudformation", name, params, self._call)

    async def find(self, name: str) -> dict[str, Any] | None:
        """Return the stack, once nothing is under way on it; None if there is none."""
        stack = await self._described(name)
        if stack is not None and str(stack["StackStatus"]).endswith("_IN_PROGRESS"):
            await self._platform.stacks.settled(self._call.scope, stack["StackId"])
            stack = await self._described(stack["StackId"])
        return None if stack is None or stack["StackStatus"] == "DELETE_COMPLETE" else stack

    async def _described(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = (await self.call("DescribeStacks", StackName=name))["Stacks"][0]
        except AwsError as error:
            if "does not exist" in error.message:
                return None
            raise
        return found

    async def failure(self, stack_id: str) -> str:
        """Return the reason of the first resource that failed, in the words of StackSets."""
        events = (await self.call("DescribeStackEvents", StackName=stack_id))["StackEvents"]
        for event in reversed(events):
            status = str(event["ResourceStatus"])
            if status.endswith("_FAILED") and event["LogicalResourceId"] != event["StackName"]:
                return (
                    f"ResourceLogicalId:{event['LogicalResourceId']}, ResourceType:{event['ResourceType']}, "
                    f"ResourceStatusReason:{event.get('ResourceStatusReason', '')}."
                )
        return "The stack did not reach its desired state"


async def _bring(platform: Platform, stack: _Stack, stack_set: StackSet, instance: Instance) -> str | None:
    parameters = {
        **await opened_map(platform.vault, stack_set.parameters),
        **await opened_map(platform.vault, instance.overrides),
    }
    request = {
        "TemplateBody": stack_set.template,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "Capabilities": [*stack_set.capabilities],
        "Tags": [{"Key": key, "Value": value} for key, value in stack_set.tags.items()],
    }
    found = await stack.find(instance.stack_id or instance.stack_name)
    if found is not None and found["StackStatus"] in _DEAD:
        await stack.call("DeleteStack", StackName=found["StackId"])
        found = await stack.find(found["StackId"])
    if found is None:
        reply = await stack.call("CreateStack", StackName=instance.stack_name, **request)
        instance.stack_id = reply["StackId"]
    else:
        instance.stack_id = found["StackId"]
        try:
            await stack.call("UpdateStack", StackName=instance.stack_id, **request)
        except AwsError as error:
            if _NOTHING not in error.message:
                raise
            return None
    ended = await stack.find(instance.stack_id)
    if ended is not None and ended["StackStatus"] in _GOOD:
        return None
    return await stack.failure(instance.stack_id)


async def _delete(stack: _Stack, instance: Instance, retain: bool) -> str | None:
    name = instance.stack_id or instance.stack_name
    found = await stack.find(name) if name and not retain else None
    if found is None:
        return None
    await stack.call("DeleteStack", StackName=found["StackId"])
    remaining = await stack.find(found["StackId"])
    return None if remaining is None else await stack.failure(found["StackId"])


async def _detect(
    platform: Platform, scope: Scope, operation: SetOperation, instance: Instance, stack: _Stack
) -> str | None:
    try:
        reply = await stack.call("DetectStackDrift", StackName=instance.stack_id)
        found = await stack.call("DescribeStackDriftDetectionStatus", **reply)
    except AwsError as error:
        await _store(platform, scope, operation, instance, drift_status="UNKNOWN")
        return error.message
    await _store(
        platform, scope, operation, instance, drift_status=found["StackDriftStatus"],
        drift_time=platform.clock.now_ms(), drifted=found.get("DriftedStackResourceCount") or 0,
    )  # fmt: skip
    return None


async def finish_drift(platform: Platform, scope: Scope, operation: SetOperation) -> list[Change]:
    """Return the change of the set that records what the detection found."""
    record = await platform.store.get(scope, STACK_SET, operation.set_name)
    if record is None:
        return []
    stack_set = StackSet(**record.value)
    instances = await set_instances(platform, scope, operation.set_name)
    counts = {
        status: sum(one.drift_status == status for one in instances) for status in ("DRIFTED", "IN_SYNC")
    }
    failed = sum(one["Status"] == "FAILED" for one in operation.results)
    checked = {"SUCCEEDED": "PARTIAL_SUCCESS" if failed else "COMPLETED"}
    details = {
        "DriftStatus": "DRIFTED" if counts["DRIFTED"] else "IN_SYNC" if counts["IN_SYNC"] else "NOT_CHECKED",
        "DriftDetectionStatus": checked.get(operation.status, operation.status),
        "TotalStackInstancesCount": len(instances),
        "DriftedStackInstancesCount": counts["DRIFTED"],
        "InSyncStackInstancesCount": counts["IN_SYNC"],
        "InProgressStackInstancesCount": 0,
        "FailedStackInstancesCount": failed,
    }
    stack_set.drift = {"time": platform.clock.now_ms(), "operation": operation.id, "details": details}
    return [put_set(scope, stack_set, record.revision)]
