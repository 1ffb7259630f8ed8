"""Reports which services a user, group, role or policy may use, when that was done last, and by which policies.

A report is made when it is asked for, and kept for a day. It lists the services of Nightbus.
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.policies import aws_managed as managed
from nightbus.policies.granted_services import granted_services
from nightbus.services.context import Context
from nightbus.services.iam.errors import invalid_input, no_such_policy
from nightbus.services.iam.last_used import last_use
from nightbus.services.iam.listing import DEFAULT_PAGE, listing
from nightbus.services.iam.policy_sources import (
    Entity,
    HeldPolicy,
    entity_of,
    managed_text,
    policies_of,
)
from nightbus.services.iam.records import GROUPS, ROLES, USERS, entities, find_policy, time_of
from nightbus.services.iam.service_names import SERVICE_NAMES
from nightbus.store.interface import Change, DeleteRecord, PutRecord, Record

_JOB = "iam/access-report"
_KEPT_MS = 24 * 3600 * 1000
_SERVICE_LEVEL, _ACTION_LEVEL = "SERVICE_LEVEL", "ACTION_LEVEL"


async def generate_service_last_accessed_details(
    ctx: Context, *, arn: str, granularity: str = _SERVICE_LEVEL
) -> dict[str, Any]:
    is_policy = ":policy/" in arn
    if is_policy and granularity == _ACTION_LEVEL:
        raise invalid_input("ACTION_LEVEL is for users, groups and roles.")
    texts, members = await (_of_policy(ctx, arn) if is_policy else _of_entity(ctx, arn))
    grants = [granted_services(text) for text in texts]
    used = [(member, await last_use(ctx, member.id)) for member in members]
    services = {
        prefix: [
            _used(member, use["services"][prefix])
            for member, use in used
            if use and prefix in use["services"]
        ]
        for prefix in SERVICE_NAMES
        if any(one(prefix) for one in grants)
    }
    now, id = ctx.now_ms(), new_uuid()
    value = {
        "By": ctx.caller.user_id,
        "Granularity": granularity,
        "Created": now,
        "Services": services,
        "Members": [_entity_info(one) for one in members],
        "IsOfMembers": is_policy or ":group/" in arn,
    }
    await ctx.store.commit(PutRecord(ctx.global_scope, _JOB, id, value, expect=0), *await _old(ctx, now))
    return {"JobId": id}


async def _of_policy(ctx: Context, arn: str) -> tuple[list[str], list[Entity]]:
    """Return the policy's text, and the users and roles that have it, by themselves or by a group."""
    if not managed.is_aws_managed(arn):
        await find_policy(ctx, arn)
    elif arn not in managed.aws_policy_arns(ctx.region):
        raise no_such_policy(arn)
    groups = [one["GroupId"] for one in await entities(ctx, GROUPS) if arn in one["Attached"]]
    users = [
        Entity(USERS, one)
        for one in await entities(ctx, USERS)
        if arn in one["Attached"] or set(groups) & set(one["Groups"])
    ]
    roles = [Entity(ROLES, one) for one in await entities(ctx, ROLES) if arn in one["Attached"]]
    return [await managed_text(ctx, arn)], [*users, *roles]


async def _of_entity(ctx: Context, arn: str) -> tuple[list[str], list[Entity]]:
    entity = await entity_of(ctx, arn)
    texts = [one.text for one in await policies_of(ctx, entity)]
    if entity.kind is not GROUPS:
        return texts, [entity]
    return texts, [Entity(USERS, one) for one in await entities(ctx, USERS) if entity.id in one["Groups"]]


def _used(member: Entity, actions: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    time, region = max(tuple(one) for one in actions.values())
    return {"Arn": member.value["Arn"], "Time": time, "Region": region, "Actions": dict(actions)}


def _entity_info(entity: Entity) -> dict[str, str]:
    return {
        "Arn": entity.value["Arn"],
        "Name": entity.name,
        "Type": entity.kind.noun.upper(),
        "Id": entity.id,
        "Path": entity.value["Path"],
    }


async def _old(ctx: Context, now: int) -> list[Change]:
    jobs = await ctx.store.list(ctx.global_scope, _JOB)
    old = [job for job in jobs if now - job.value["Created"] > _KEPT_MS]
    return [DeleteRecord(ctx.global_scope, _JOB, job.key) for job in old]


async def get_service_last_accessed_details(
    ctx: Context, *, job_id: str, max_items: int = DEFAULT_PAGE, marker: str | None = None
) -> dict[str, Any]:
    job = (await _job(ctx, job_id)).value
    page = listing("Prefixes", list(job["Services"]), str, max_items, marker)
    services = [_service(job, prefix) for prefix in page.pop("Prefixes")]
    return {**_state(job), "JobType": job["Granularity"], "ServicesLastAccessed": services, **page}


async def _job(ctx: Context, id: str) -> Record:
    job = await ctx.store.get(ctx.global_scope, _JOB, id)
    if job is None or job.value["By"] != ctx.caller.user_id:
        raise AwsError("NoSuchEntity", f"No such job: {id}", 404)
    return job


def _state(job: Mapping[str, Any]) -> dict[str, Any]:
    at = time_of(job["Created"])
    return {"JobStatus": "COMPLETED", "JobCreationDate": at, "JobCompletionDate": at}


def _service(job: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    uses = job["Services"][prefix]
    reply: dict[str, Any] = {
        "ServiceName": SERVICE_NAMES[prefix],
        "ServiceNamespace": prefix,
        "TotalAuthenticatedEntities": len(uses),
    }
    if uses:
        latest = max(uses, key=lambda use: use["Time"])
        reply |= {
            "LastAuthenticated": time_of(latest["Time"]),
            "LastAuthenticatedEntity": latest["Arn"],
            "LastAuthenticatedRegion": latest["Region"],
        }
    if job["Granularity"] == _ACTION_LEVEL and uses:
        reply["TrackedActionsLastAccessed"] = _actions(uses)
    return reply


def _actions(uses: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    latest: dict[str, tuple[int, str, str]] = {}
    for use in uses:
        for action, (time, region) in use["Actions"].items():
            latest[action] = max(latest.get(action, (0, "", "")), (time, use["Arn"], region))
    return [
        {
            "ActionName": action,
            "LastAccessedEntity": arn,
            "LastAccessedTime": time_of(time),
            "LastAccessedRegion": region,
        }
        for action, (time, arn, region) in sorted(latest.items())
    ]


async def get_service_last_accessed_details_with_entities(
    ctx: Context,
    *,
    job_id: str,
    service_namespace: str,
    max_items: int = DEFAULT_PAGE,
    marker: str | None = None,
) -> dict[str, Any]:
    job = (await _job(ctx, job_id)).value
    if not job["IsOfMembers"]:
        raise invalid_input("The report must be one of a group or of a policy.")
    if service_namespace not in job["Services"]:
        raise AwsError("NoSuchEntity", f"The report does not have the service {service_namespace}.", 404)
    times = {use["Arn"]: use["Time"] for use in job["Services"][service_namespace]}
    details = [
        {
            "EntityInfo": info,
            **({"LastAuthenticated": time_of(times[info["Arn"]])} if info["Arn"] in times else {}),
        }
        for info in job["Members"]
    ]
    page = listing("EntityDetailsList", details, lambda one: str(one["EntityInfo"]["Arn"]), max_items, marker)
    return {**_state(job), **page}


async def list_policies_granting_service_access(
    ctx: Context, *, arn: str, service_namespaces: Sequence[str], marker: str | None = None
) -> dict[str, Any]:
    held = await policies_of(ctx, await entity_of(ctx, arn))
    granting = [(granted_services(one.text), one) for one in held]
    services = [
        {
            "ServiceNamespace": service,
            "Policies": [_granting(one) for grants, one in granting if grants(service)],
        }
        for service in dict.fromkeys(service_namespaces)
    ]
    return listing(
        "PoliciesGrantingServiceAccess",
        services,
        lambda one: str(one["ServiceNamespace"]),
        DEFAULT_PAGE,
        marker,
    )


def _granting(policy: HeldPolicy) -> dict[str, str]:
    if policy.arn:
        return {"PolicyName": policy.name, "PolicyType": "MANAGED", "PolicyArn": policy.arn}
    return {
        "PolicyName": policy.name,
        "PolicyType": "INLINE",
        "EntityType": policy.holder.kind.noun.upper(),
        "EntityName": policy.holder.name,
    }
