"""How does a target in a template become one of PutTargets? They differ in numbers and in some of the names of ECS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.stacks.resources.values import converted, whole_number

_NUMBERS = {
    "RetryPolicy": ("MaximumRetryAttempts", "MaximumEventAgeInSeconds"),
    "EcsParameters": ("TaskCount",),
}
_OTHER_NAMES = {"TagList": "Tags", "PlacementStrategies": "PlacementStrategy"}
_LOWER_INSIDE = ("CapacityProviderStrategy", "PlacementConstraints", "PlacementStrategies")


def api_target(target: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(target)
    for block, names in _NUMBERS.items():
        if made.get(block):
            made[block] = {
                name: converted(name, value, whole_number) if name in names else value
                for name, value in made[block].items()
            }
    if made.get("EcsParameters"):
        made["EcsParameters"] = {
            _OTHER_NAMES.get(name, name): _ecs_value(name, value)
            for name, value in made["EcsParameters"].items()
        }
    return made


def _ecs_value(name: str, value: Any) -> Any:
    if name == "NetworkConfiguration":
        return {"awsvpcConfiguration": value.get("AwsVpcConfiguration")}
    if name in _LOWER_INSIDE:
        return [{key[:1].lower() + key[1:]: inner for key, inner in one.items()} for one in value]
    return value
