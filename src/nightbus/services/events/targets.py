"""Puts, lists and removes the targets of rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.errors import AwsError, not_supported, validation_error
from nightbus.aws.pagination import page
from nightbus.bus.transform import CHOICES, validate_target_input
from nightbus.delivery.forwarding.kinds import kind_of, parameters_of
from nightbus.delivery.reachable import unreachable
from nightbus.delivery.rules import rule_arn
from nightbus.services.context import Context
from nightbus.services.events.managed_rules import check_not_managed
from nightbus.services.events.names import bus_name, find_bus, invalid_token, scope_and_bus
from nightbus.services.events.quotas import TARGETS_PER_RULE, check_quota
from nightbus.services.events.rule_access import find_rule_on_bus
from nightbus.services.events.rules import all_rules, check_role, save_rule
from nightbus.services.events.target_parameters import check_dead_letter_queue, check_ids, check_parameters
from nightbus.store.interface import Record

_PAGE = 100
_API_DESTINATION = re.compile(
    r"arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:api-destination/[.\-_A-Za-z0-9]+/[-A-Za-z0-9]+"
)
_HONOURED = frozenset(
    {
        "Id",
        "Arn",
        "RoleArn",
        "Input",
        "InputPath",
        "InputTransformer",
        "RetryPolicy",
        "SqsParameters",
        "DeadLetterConfig",
    }
)


async def put_targets(
    ctx: Context, *, rule: str, targets: list[dict[str, Any]], event_bus_name: str | None = None
) -> dict[str, Any]:
    on_bus = await find_rule_on_bus(ctx, "PutTargets", rule, event_bus_name, targets=targets)
    ctx, record = on_bus.ctx, on_bus.existing(rule)
    check_not_managed(record.value)
    check_ids(targets)
    for role in dict.fromkeys(target["RoleArn"] for target in targets if target.get("RoleArn")):
        await check_role(ctx, role, rule_arn(ctx.scope, on_bus.bus.key, rule))
    by_id: dict[str, Any] = {target["Id"]: target for target in record.value.get("Targets", [])}
    failed = []
    for target in targets:
        problem = _problem(ctx, target)
        if problem is None:
            by_id[target["Id"]] = _with_role(by_id.get(target["Id"]), target, ctx)
        else:
            failed.append(
                {"TargetId": target["Id"], "ErrorCode": problem.code, "ErrorMessage": problem.message}
            )
    check_quota(ctx, len(by_id), TARGETS_PER_RULE)
    await save_rule(
        ctx, Record(record.key, {**record.value, "Targets": list(by_id.values())}, record.revision)
    )
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


def _with_role(old: dict[str, Any] | None, new: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """Return the target with its former role, if it is another account's bus and the request omits the role."""
    if old is None or old["Arn"] != new["Arn"] or not _is_others_bus(ctx, new["Arn"]):
        return new
    return {"RoleArn": old["RoleArn"], **new} if "RoleArn" in old else new


def _is_others_bus(ctx: Context, arn: str) -> bool:
    scope, _ = scope_and_bus(ctx, arn)
    return scope.account != ctx.account


def _problem(ctx: Context, target: Mapping[str, Any]) -> AwsError | None:
    """Return the error of this entry, None if it has none. Raises AwsError for what makes the whole call fail, as AWS
    does."""
    try:
        Arn.parse(target["Arn"])
    except ValueError:
        reason = f"Parameter {target['Arn']} is not valid. Reason: Provided Arn is not in correct format."
        raise AwsError("ValidationException", reason) from None
    reason_of_input = validate_target_input(target)
    if reason_of_input is not None:
        raise AwsError("ValidationException", reason_of_input)
    if _is_others_bus(ctx, target["Arn"]) and any(target.get(choice) is not None for choice in CHOICES):
        raise validation_error(
            f"Input, InputPath and InputTransformer are not available for target {target['Id']}: "
            "it is an event bus of a different account."
        )
    refused = unreachable(target["Arn"], ctx.platform.forwards)
    if refused is not None:
        raise refused
    dead = (target.get("DeadLetterConfig") or {}).get("Arn")
    if dead:
        check_dead_letter_queue(dead, ctx.scope)
    _check_role(target)
    _check_api_destination(target)
    check_parameters(target)
    ignored = sorted(set(target) - _HONOURED - parameters_of(target) - _of_api_destination(target))
    if ignored:
        raise not_supported("events", "PutTargets", ", ".join(ignored))
    return None


def _check_role(target: Mapping[str, Any]) -> None:
    """Raise AwsError if a target of a service outside Nightbus lacks the role that it must have."""
    kind = kind_of(target["Arn"])
    if kind is not None and kind.role and not target.get("RoleArn"):
        raise validation_error(f"RoleArn is required for target {target['Arn']}.")


def _of_api_destination(target: Mapping[str, Any]) -> frozenset[str]:
    """Return the parameters that an API destination may have besides those of every target."""
    return frozenset({"HttpParameters"} if _is_api_destination(target) else ())


def _is_api_destination(target: Mapping[str, Any]) -> bool:
    return str(Arn.parse(target["Arn"]).resource).startswith("api-destination/")


def _check_api_destination(target: Mapping[str, Any]) -> None:
    """Raise AwsError if a target that is an API destination lacks a parameter that it needs."""
    if not _is_api_destination(target):
        return
    if not _API_DESTINATION.fullmatch(target["Arn"]):
        reason = f"Parameter {target['Arn']} is not valid. Reason: Provided Arn is not in correct format."
        raise AwsError("ValidationException", reason)
    if not target.get("RoleArn"):
        raise validation_error(f"RoleArn is required for target {target['Arn']}.")


async def remove_targets(
    ctx: Context, *, rule: str, ids: list[str], event_bus_name: str | None = None, force: bool = False
) -> dict[str, Any]:
    on_bus = await find_rule_on_bus(ctx, "RemoveTargets", rule, event_bus_name)
    ctx, record = on_bus.ctx, on_bus.existing(rule)
    check_not_managed(record.value, "RemoveTargets", force)
    targets = record.value.get("Targets", [])
    remaining = [target for target in targets if target["Id"] not in ids]
    known_ids = {target["Id"] for target in targets}
    failed = [
        {
            "TargetId": one,
            "ErrorCode": "ResourceNotFoundException",
            "ErrorMessage": f"Rule {rule} does not have a target with the Id {one}.",
        }
        for one in ids
        if one not in known_ids
    ]
    if len(remaining) != len(targets):
        await save_rule(ctx, Record(record.key, {**record.value, "Targets": remaining}, record.revision))
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


async def list_targets_by_rule(
    ctx: Context,
    *,
    rule: str,
    event_bus_name: str | None = None,
    next_token: str | None = None,
    limit: int = _PAGE,
) -> dict[str, Any]:
    record = (await find_rule_on_bus(ctx, "ListTargetsByRule", rule, event_bus_name)).existing(rule)
    targets = sorted(record.value.get("Targets", []), key=lambda target: str(target["Id"]))
    page_items, token = page(targets, lambda target: str(target["Id"]), limit, next_token, invalid_token())
    return {"Targets": page_items, "NextToken": token}


async def list_rule_names_by_target(
    ctx: Context,
    *,
    target_arn: str,
    event_bus_name: str | None = None,
    next_token: str | None = None,
    limit: int = _PAGE,
) -> dict[str, Any]:
    bus = bus_name(ctx, event_bus_name)
    await find_bus(ctx, bus)
    names = [
        record.value["Name"]
        for record in await all_rules(ctx, bus)
        if any(target["Arn"] == target_arn for target in record.value.get("Targets", []))
    ]
    page_items, token = page(names, str, limit, next_token, invalid_token())
    return {"RuleNames": page_items, "NextToken": token}
