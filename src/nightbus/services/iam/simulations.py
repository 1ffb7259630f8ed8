"""Simulates policies: SimulateCustomPolicy, SimulatePrincipalPolicy, and the context keys that policies use.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from nightbus.aws.documents import read_document
from nightbus.aws.errors import AwsError, not_supported
from nightbus.policies.grammar import check_identity_policy, is_resource_policy
from nightbus.policies.request import Values, named_values
from nightbus.policies.simulation import (
    RESOURCE_POLICY,
    Matched,
    Result,
    SimulatedCaller,
    Simulation,
    Source,
    context_keys,
)
from nightbus.services.context import Context
from nightbus.services.iam.context_entries import context_values
from nightbus.services.iam.errors import invalid_input
from nightbus.services.iam.listing import DEFAULT_PAGE, listing
from nightbus.services.iam.policy_exclusions import without
from nightbus.services.iam.policy_sources import Entity, entity_of, managed_text, policies_of
from nightbus.services.iam.records import USERS

Entries = Sequence[Mapping[str, Any]]
_ACTION = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9-]+")
_PRINCIPAL = re.compile(r"arn:aws[\w-]*:iam::(\d{12}):(user|group|role)/.+")
_OWNER = re.compile(r"arn:aws[\w-]*:iam::(\d{12}):root|(\d{12})")
_BOUNDARIES = 1


class _Asked(NamedTuple):
    """What the requests of both simulations have alike."""

    actions: Sequence[str]
    resources: Sequence[str]
    resource_policy: str | None
    resource_owner: str | None
    context: Entries
    max_items: int
    marker: str | None


async def simulate_custom_policy(
    ctx: Context,
    *,
    policy_input_list: Sequence[str],
    action_names: Sequence[str],
    permissions_boundary_policy_input_list: Sequence[str] = (),
    resource_arns: Sequence[str] = (),
    resource_policy: str | None = None,
    resource_owner: str | None = None,
    caller_arn: str | None = None,
    context_entries: Entries = (),
    resource_handling_option: str | None = None,
    max_items: int = DEFAULT_PAGE,
    marker: str | None = None,
) -> dict[str, Any]:
    _refuse_handling("SimulateCustomPolicy", resource_handling_option)
    if resource_policy is not None and caller_arn is None:
        raise invalid_input("CallerArn is required with ResourcePolicy.")
    boundary = _boundary_input(permissions_boundary_policy_input_list)
    asked = _Asked(
        action_names, resource_arns, resource_policy, resource_owner, context_entries, max_items, marker
    )
    return await _simulated(ctx, _inputs(policy_input_list), boundary, _caller(ctx, caller_arn, None), asked)


async def simulate_principal_policy(
    ctx: Context,
    *,
    policy_source_arn: str,
    action_names: Sequence[str],
    policy_input_list: Sequence[str] = (),
    permissions_boundary_policy_input_list: Sequence[str] = (),
    policy_exclusion_list: Entries = (),
    resource_arns: Sequence[str] = (),
    resource_policy: str | None = None,
    resource_owner: str | None = None,
    caller_arn: str | None = None,
    context_entries: Entries = (),
    resource_handling_option: str | None = None,
    max_items: int = DEFAULT_PAGE,
    marker: str | None = None,
) -> dict[str, Any]:
    _refuse_handling("SimulatePrincipalPolicy", resource_handling_option)
    entity = await entity_of(ctx, policy_source_arn)
    held = without(policy_exclusion_list, await policies_of(ctx, entity))
    boundary = _boundary_input(permissions_boundary_policy_input_list)
    limit = entity.value.get("PermissionsBoundary")
    if (
        boundary is None
        and limit
        and not any(one.get("PolicyType") == "permission-boundary" for one in policy_exclusion_list)
    ):
        boundary = Source(limit.rsplit("/", 1)[-1], "user-managed", await managed_text(ctx, limit))
    policies = [*(one.source for one in held), *_inputs(policy_input_list)]
    asked = _Asked(
        action_names, resource_arns, resource_policy, resource_owner, context_entries, max_items, marker
    )
    return await _simulated(ctx, policies, boundary, _caller(ctx, caller_arn, entity), asked)


async def get_context_keys_for_custom_policy(
    ctx: Context, *, policy_input_list: Sequence[str]
) -> dict[str, Any]:
    return {"ContextKeyNames": context_keys(one.text for one in _inputs(policy_input_list))}


async def get_context_keys_for_principal_policy(
    ctx: Context, *, policy_source_arn: str, policy_input_list: Sequence[str] = ()
) -> dict[str, Any]:
    held = await policies_of(ctx, await entity_of(ctx, policy_source_arn))
    texts = [one.text for one in held] + [one.text for one in _inputs(policy_input_list)]
    return {"ContextKeyNames": context_keys(texts)}


async def _simulated(
    ctx: Context,
    policies: Sequence[Source],
    boundary: Source | None,
    caller: SimulatedCaller,
    asked: _Asked,
) -> dict[str, Any]:
    """Return what the policies, the boundary and the resource's policy say to each action on each resource."""
    values = {**_moment(ctx), **context_values(asked.context)}
    simulation = Simulation(policies, boundary, _resource_source(asked.resource_policy), caller, values)
    pairs = _pairs(asked.actions, asked.resources)
    owner = _owner(asked.resource_owner) or caller.account
    return await _page(simulation, pairs, owner, caller, asked.max_items, asked.marker)


def _refuse_handling(operation: str, option: str | None) -> None:
    if option is not None:  # all of its values are of EC2
        raise not_supported("iam", operation, f"ResourceHandlingOption {option}")


def _inputs(texts: Sequence[str]) -> list[Source]:
    return [_checked(f"PolicyInputList.{number}", text) for number, text in enumerate(texts, 1)]


def _boundary_input(texts: Sequence[str]) -> Source | None:
    if len(texts) > _BOUNDARIES:
        raise invalid_input("A simulation can have one permissions boundary.")
    return _checked("PermissionsBoundaryPolicyInputList.1", texts[0]) if texts else None


def _checked(id: str, text: str) -> Source:
    try:
        check_identity_policy(text)
    except AwsError as wrong:
        raise invalid_input(f"{id}: {wrong.message}") from wrong
    return Source(id, "none", text)


def _resource_source(text: str | None) -> Source | None:
    if text is None:
        return None
    try:
        document = read_document(text)
    except ValueError:
        document = None
    if not is_resource_policy(document):
        raise invalid_input("ResourcePolicy is not a valid resource-based policy.")
    return Source(RESOURCE_POLICY, "resource", text)


def _caller(ctx: Context, arn: str | None, entity: Entity | None) -> SimulatedCaller:
    """Return who calls: `arn`, else the entity, else a user of the account of whom nothing is known."""
    if arn is None and entity is None:
        unknown = ("aws:principalarn", "aws:principaltype", "aws:userid", "aws:username")
        user = f"arn:aws:iam::{ctx.account}:user/"
        return SimulatedCaller(user, ctx.account, dict.fromkeys(unknown, ""))
    named = arn or str(entity.value["Arn"] if entity else "")
    found = _PRINCIPAL.fullmatch(named)
    if found is None:
        raise invalid_input(f"CallerArn {named} is not the ARN of an IAM user, group or role.")
    keys: dict[str, Values] = {}
    if entity is not None and entity.value["Arn"] == named:
        if entity.kind is USERS:
            keys["aws:userid"] = entity.id
        tags = entity.value.get("Tags") or ()
        keys |= named_values("aws:principaltag/", [(tag["Key"], tag["Value"]) for tag in tags])
    return SimulatedCaller(named, found[1], keys)


def _moment(ctx: Context) -> dict[str, Values]:
    """Return the time, which AWS's simulator knows too."""
    now = datetime.fromtimestamp(ctx.now_ms() // 1000, UTC)
    return {
        "aws:currenttime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:epochtime": str(ctx.now_ms() // 1000),
    }


def _pairs(actions: Sequence[str], resources: Sequence[str]) -> list[tuple[str, str]]:
    for action in actions:
        if not _ACTION.fullmatch(action):
            raise invalid_input(f"Invalid action name: {action}")
    for resource in resources:
        if resource != "*" and (not resource.startswith("arn:") or resource.count(":") < 5):
            raise invalid_input(f"Invalid resource ARN: {resource}")
    return [(action, resource) for action in actions for resource in resources or ["*"]]


def _owner(arn: str | None) -> str:
    """Return the account of ResourceOwner, "" if it is not given."""
    if arn is None:
        return ""
    found = _OWNER.fullmatch(arn)
    if found is None:
        raise invalid_input(f"ResourceOwner {arn} is not the ARN of an account.")
    return found[1] or found[2]


async def _page(
    simulation: Simulation,
    asked: Sequence[tuple[str, str]],
    owner: str,
    caller: SimulatedCaller,
    max_items: int,
    marker: str | None,
) -> dict[str, Any]:
    numbered = [(f"{number:08d}", *one) for number, one in enumerate(asked)]
    page = listing("EvaluationResults", numbered, lambda one: one[0], max_items, marker)

    def evaluated() -> list[dict[str, Any]]:
        chosen = page["EvaluationResults"]
        return [_evaluated(simulation, action, resource, owner, caller) for _, action, resource in chosen]

    return {**page, "EvaluationResults": await asyncio.to_thread(evaluated)}


def _evaluated(
    simulation: Simulation, action: str, resource: str, owner: str, caller: SimulatedCaller
) -> dict[str, Any]:
    account = (resource.split(":")[4] if resource != "*" else caller.account) or owner
    result = simulation.result(action, resource, account)
    matched = [_statement(one) for one in result.matched]
    bounded = (
        {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": result.boundary}}
        if result.boundary is not None
        else {}
    )
    reply: dict[str, Any] = {
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": _decision(result),
        "MatchedStatements": matched,
        "MissingContextValues": list(result.missing) if resource == "*" else [],
        **bounded,
    }
    if resource == "*":
        return reply
    details = {name: effect_name(effect.value) for name, effect in result.details.items()}
    specific = {
        "EvalResourceName": resource,
        "EvalResourceDecision": reply["EvalDecision"],
        "MatchedStatements": matched,
        "MissingContextValues": list(result.missing),
        **({"EvalDecisionDetails": details} if details else {}),
        **bounded,
    }
    return {**reply, "EvalDecisionDetails": details, "ResourceSpecificResults": [specific]}


def _decision(result: Result) -> str:
    return effect_name(result.effect.value)


def effect_name(effect: str) -> str:
    return "allowed" if effect == "allow" else effect


def _statement(matched: Matched) -> dict[str, Any]:
    start, end = matched.span
    return {
        "SourcePolicyId": matched.source.id,
        "SourcePolicyType": matched.source.type,
        "StartPosition": {"Line": start.line, "Column": start.column},
        "EndPosition": {"Line": end.line, "Column": end.column},
    }
