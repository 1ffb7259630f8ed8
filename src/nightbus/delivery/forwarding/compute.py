"""ECS and Batch: a task or a job, which gets nothing of the event unless the target's input says what."""

from __future__ import annotations

from typing import Any

from nightbus.delivery.forwarding.interface import ServiceCall
from nightbus.delivery.forwarding.material import Material, lower_first

_LONGEST_STARTED_BY = 36
_OVERRIDES = ("command", "environment", "memory", "vcpus")
_DEPENDENCY = ("jobId",)
_RUN_TASK = {
    "LaunchType": "launchType",
    "PlatformVersion": "platformVersion",
    "Group": "group",
    "EnableECSManagedTags": "enableECSManagedTags",
    "EnableExecuteCommand": "enableExecuteCommand",
    "PropagateTags": "propagateTags",
    "ReferenceId": "referenceId",
    "CapacityProviderStrategy": "capacityProviderStrategy",
    "PlacementConstraints": "placementConstraints",
    "PlacementStrategy": "placementStrategy",
}


def run_task(material: Material) -> ServiceCall:
    settings = material.settings("EcsParameters")
    params: dict[str, Any] = {
        "cluster": str(material.target["Arn"]),
        "taskDefinition": settings["TaskDefinitionArn"],
        "count": settings.get("TaskCount", 1),
        "startedBy": f"events-rule/{material.rule}"[:_LONGEST_STARTED_BY],
        "clientToken": material.once(),
    }
    params |= {wire: settings[name] for name, wire in _RUN_TASK.items() if name in settings}
    if "NetworkConfiguration" in settings:
        params["networkConfiguration"] = lower_first(settings["NetworkConfiguration"])
    if "Tags" in settings:
        params["tags"] = lower_first(settings["Tags"])
    if overrides := material.chosen_object():
        params["overrides"] = overrides
    return ServiceCall("ecs", "RunTask", params)


def submit_job(material: Material) -> ServiceCall:
    """The input may have `Parameters`, `DependsOn` and `ContainerOverrides`, of which the parts that AWS names count.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html#targets-specifics-batch
    """
    settings, input_ = material.settings("BatchParameters"), material.chosen_object()
    params: dict[str, Any] = {
        "jobQueue": str(material.target["Arn"]),
        "jobDefinition": settings["JobDefinition"],
        "jobName": settings["JobName"],
    }
    if "ArrayProperties" in settings:
        params["arrayProperties"] = lower_first(settings["ArrayProperties"])
    if "RetryStrategy" in settings:
        params["retryStrategy"] = lower_first(settings["RetryStrategy"])
    if "Parameters" in input_:
        params["parameters"] = input_["Parameters"]
    if "DependsOn" in input_:
        params["dependsOn"] = [_only(one, _DEPENDENCY) for one in _many(input_["DependsOn"])]
    if "ContainerOverrides" in input_:
        params["containerOverrides"] = _only(input_["ContainerOverrides"], _OVERRIDES)
    return ServiceCall("batch", "SubmitJob", params)


def _only(value: Any, names: tuple[str, ...]) -> dict[str, Any]:
    members = lower_first(value)
    return {name: members[name] for name in names if name in members} if isinstance(members, dict) else {}


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
