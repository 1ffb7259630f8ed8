"""Asks the tables of actions what a request needs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from bus_rig import SCOPE, Rig
from nightbus.aws.calls import Call, Caller
from nightbus.identity.needs import Asked
from nightbus.policies.document import Policy
from nightbus.policies.request import Need
from nightbus.services import SERVICES

ACCOUNT, REGION = SCOPE
OTHER = "111111111111"
CALL = Call(SCOPE, Caller.root(ACCOUNT), "http://localhost")


def needed(service: str, operation: str, **params: Any) -> Sequence[Need]:
    actions: Mapping[str, Any] = importlib.import_module(f"{SERVICES[service]}.actions").ACTIONS
    return list(actions[operation](Asked(params, CALL)))


def pairs(service: str, operation: str, **params: Any) -> list[tuple[str, str]]:
    """Return the actions and resources, each ARN without its beginning where that is this account's and region's."""
    own = f"arn:aws:{service}:{REGION}:{ACCOUNT}:"
    return [
        (need.action.removeprefix(f"{service}:"), need.resource.removeprefix(own))
        for need in needed(service, operation, **params)
    ]


def keys(service: str, operation: str, **params: Any) -> dict[str, Any]:
    return dict(needed(service, operation, **params)[0].keys)


async def resolved(aws: Rig, service: str, operation: str, **params: Any) -> Sequence[Need]:
    """Return what a request needs, with what only the store of the rig's node knows."""
    module = importlib.import_module(f"{SERVICES[service]}.actions")
    return list(await module.resolve(aws.platform, Asked(params, CALL), needed(service, operation, **params)))


async def policy(aws: Rig, arn: str) -> Policy | None:
    found: Policy | None = await _actions_of(arn).resource_policy(aws.platform, arn)
    return found


async def found_tags(aws: Rig, arn: str) -> Mapping[str, str]:
    tags: Mapping[str, str] = await _actions_of(arn).resource_tags(aws.platform, arn, {})
    return tags


def _actions_of(arn: str) -> ModuleType:
    return importlib.import_module(f"{SERVICES[arn.split(':')[2]]}.actions")
