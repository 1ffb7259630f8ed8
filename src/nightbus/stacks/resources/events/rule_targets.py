"""Converts targets of a template to PutTargets's form, which differs in numbers and in some names of ECS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nightbus.stacks.resources.values import boolean, converted, integer_value

_KINDS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "TaskCount"), integer_value),
    **dict.fromkeys(("Size", "Attempts", "Weight", "Base"), integer_value),
    **dict.fromkeys(("EnableECSManagedTags", "EnableExecuteCommand", "WithEvent"), boolean),
}
_TYPED = ("RetryPolicy", "EcsParameters", "BatchParameters", "RedshiftDataParameters")
_OTHER_NAMES = {"TagList": "Tags", "PlacementStrategies": "PlacementStrategy"}
_LOWER_INSIDE = ("CapacityProviderStrategy", "PlacementConstraints", "PlacementStrategies")


def api_target(target: Mapping[str, Any]) -> dict[str, Any]:
    converted = {name: _typed(value) if name in _TYPED else value for name, value in target.items()}
    if converted.get("EcsParameters"):
        converted["EcsParameters"] = {
            _OTHER_NAMES.get(name, name): _ecs_value(name, value)
            for name, value in converted["EcsParameters"].items()
        }
    return converted


def _typed(value: Any) -> Any:
    if isinstance(value, list):
        return [_typed(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    return {
        name: converted(name, inner, _KINDS[name]) if name in _KINDS else _typed(inner)
        for name, inner in value.items()
    }


def _ecs_value(name: str, value: Any) -> Any:
    if name == "NetworkConfiguration":
        return {"awsvpcConfiguration": value.get("AwsVpcConfiguration")}
    if name in _LOWER_INSIDE:
        return [{key[:1].lower() + key[1:]: inner for key, inner in one.items()} for one in value]
    return value
