"""Says in which state a function is: Pending, Active or Failed, and how its last update ended. Pure.

A creation or an update is stored at once, with the state Pending or the status InProgress. `preparation` then makes
ready what the function's environments need, and stores Active and Successful, or Failed with the reason. `Inactive`
does not occur, because Nightbus reclaims nothing that a function needs.
https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.lambda_.errors import conflict

_CREATING = "The function is being created."
_UPDATE = ("LastUpdateStatus", "LastUpdateStatusReason", "LastUpdateStatusReasonCode")
_STATE = ("State", "StateReason", "StateReasonCode")
STATE_MEMBERS = frozenset({*_UPDATE, *_STATE, "RuntimeVersionConfig"})

Config = dict[str, Any]


def creating(config: Mapping[str, Any]) -> Config:
    """Return the configuration of a function that is being created."""
    return _without(config, *_UPDATE) | _reported(_STATE, "Pending", "Creating", _CREATING)


def updating(config: Mapping[str, Any]) -> Config:
    """Return the configuration of a function whose update is in progress."""
    return {**config, **_reported(_UPDATE, "InProgress", "Creating", _CREATING)}


def prepared(config: Mapping[str, Any], runtime_version: str) -> Config:
    """Return the configuration of a function that can be invoked. `runtime_version` is the ARN of its runtime's
    version."""
    return _without(config, *_UPDATE, *_STATE) | {
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "RuntimeVersionConfig": {"RuntimeVersionArn": runtime_version},
    }


def failed(config: Mapping[str, Any], code: str, reason: str) -> Config:
    """Return the configuration of a function whose creation or update failed. `code` is a StateReasonCode."""
    if config["State"] == "Pending":
        return {**config, **_reported(_STATE, "Failed", code, reason)}
    return {**config, **_reported(_UPDATE, "Failed", code, reason)}


def published(config: Mapping[str, Any]) -> Config:
    """Return the configuration of a new version that is a copy. One with SnapStart is being created until it has its
    snapshot."""
    if config["SnapStart"]["ApplyOn"] == "None":
        return dict(config)
    snapshot = {"ApplyOn": config["SnapStart"]["ApplyOn"], "OptimizationStatus": "On"}
    return creating(config) | {"SnapStart": snapshot}


def has_snapshot(config: Mapping[str, Any]) -> bool:
    return bool(config["SnapStart"]["OptimizationStatus"] == "On")


def is_in_progress(config: Mapping[str, Any]) -> bool:
    return config["State"] == "Pending" or config.get("LastUpdateStatus") == "InProgress"


def is_settled(config: Mapping[str, Any]) -> bool:
    """Return whether the function is Active, and its last update, if any, succeeded."""
    return bool(config["State"] == "Active" and config.get("LastUpdateStatus", "Successful") == "Successful")


def update_failed(config: Mapping[str, Any]) -> bool:
    """Return whether invocations run what there was before the update."""
    return config.get("LastUpdateStatus") == "Failed"


def require_settled(config: Mapping[str, Any], arn: str) -> None:
    """Raise AwsError ResourceConflictException while the function is being created or updated."""
    if config["State"] == "Pending":
        raise not_invocable(config)
    if is_in_progress(config):
        raise conflict(
            f"The operation cannot be performed at this time. An update is in progress for resource: {arn}"
        )


def not_invocable(config: Mapping[str, Any]) -> AwsError:
    return conflict(
        "The operation cannot be performed at this time. "
        f"The function is currently in the following state: {config['State']}"
    )


def _reported(members: tuple[str, str, str], status: str, code: str, reason: str) -> Config:
    return dict(zip(members, (status, reason, code), strict=True))


def _without(config: Mapping[str, Any], *members: str) -> Config:
    return {name: value for name, value in config.items() if name not in members}
