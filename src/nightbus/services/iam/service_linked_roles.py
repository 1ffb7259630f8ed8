"""Creates and deletes the roles that belong to AWS services: each has the service's name, trust and policy.

The service alone changes such a role; a user may only describe, tag and delete it. The services of Nightbus need none:
they are there for templates that ask for them, and EventBridge makes its own for the first connection.
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from nightbus.aws.arn import partition_of
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_iam_id, new_uuid
from nightbus.identity.principals import ROLE
from nightbus.services.context import Context
from nightbus.services.iam.errors import invalid_input, no_such_entity
from nightbus.services.iam.last_used import forgotten
from nightbus.services.iam.records import find_role, iam_arn
from nightbus.services.iam.roles import details, role_summary
from nightbus.services.iam.stored_principals import renamed_principal
from nightbus.store.interface import Change, DeleteRecord, PutRecord

SERVICE_PATH = "/aws-service-role/"
_TASK = "iam/role-deletion"
_KEPT_MS = 24 * 3600 * 1000
_SESSION_SECONDS = 3600


class _Linked(NamedTuple):
    role: str
    policy: str
    takes_suffix: bool = False


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html, the services' pages
_SERVICES: Mapping[str, _Linked] = {
    "apidestinations.events": _Linked(
        "AmazonEventBridgeApiDestinations", "AmazonEventBridgeApiDestinationsServiceRolePolicy"
    ),
    "autoscaling": _Linked("AutoScaling", "AutoScalingServiceRolePolicy", True),
    "cloudtrail": _Linked("CloudTrail", "CloudTrailServiceRolePolicy"),
    "ecs": _Linked("ECS", "AmazonECSServiceRolePolicy"),
    "elasticache": _Linked("ElastiCache", "ElastiCacheServiceRolePolicy"),
    "elasticloadbalancing": _Linked("ElasticLoadBalancing", "AWSElasticLoadBalancingServiceRolePolicy"),
    "events": _Linked("CloudWatchEvents", "CloudWatchEventsServiceRolePolicy"),
    "mrk.kms": _Linked(
        "KeyManagementServiceMultiRegionKeys", "AWSKeyManagementServiceMultiRegionKeysServiceRolePolicy"
    ),
    "opensearchservice": _Linked("AmazonOpenSearchService", "AmazonOpenSearchServiceRolePolicy"),
    "ops.apigateway": _Linked("APIGateway", "APIGatewayServiceRolePolicy"),
    "pullthroughcache.ecr": _Linked("ECRPullThroughCache", "AWSECRPullThroughCache_ServiceRolePolicy"),
    "rds": _Linked("RDS", "AmazonRDSServiceRolePolicy"),
    "replication.dynamodb": _Linked("DynamoDBReplication", "DynamoDBReplicationServiceRolePolicy"),
    "replication.ecr": _Linked("ECRReplication", "ECRReplicationServiceRolePolicy"),
    "replicator.lambda": _Linked("LambdaReplicator", "AWSLambdaReplicator"),
    "schemas": _Linked("Schemas", "AmazonEventBridgeSchemasServiceRolePolicy"),
}


def linked_role_name(service: str, suffix: str) -> str | None:
    """Return the name of the service's role, None for a service without one."""
    linked = _SERVICES.get(service.removesuffix(".amazonaws.com"))
    if linked is None or not service.endswith(".amazonaws.com"):
        return None
    return f"AWSServiceRoleFor{linked.role}{f'_{suffix}' if suffix else ''}"


async def create_service_linked_role(
    ctx: Context, *, aws_service_name: str, description: str | None = None, custom_suffix: str = ""
) -> dict[str, Any]:
    name = linked_role_name(aws_service_name, custom_suffix)
    linked = _SERVICES.get(aws_service_name.removesuffix(".amazonaws.com"))
    if name is None or linked is None:
        raise invalid_input(f"{aws_service_name} has no service-linked role that Nightbus knows.")
    if custom_suffix and not linked.takes_suffix:
        raise invalid_input(f"Custom suffix is not allowed for {aws_service_name}")
    if await ctx.store.get(ctx.global_scope, ROLE, name.lower()) is not None:
        text = f"Service role name {name} has been taken in this account, please try a different suffix."
        raise invalid_input(text)
    path = f"{SERVICE_PATH}{aws_service_name}/"
    policy = f"arn:{partition_of(ctx.region)}:iam::aws:policy{SERVICE_PATH}{linked.policy}"
    value = {
        "RoleName": name,
        "RoleId": new_iam_id("AROA"),
        "Arn": iam_arn(ctx, f"role{path}{name}"),
        "Path": path,
        "Created": ctx.now_ms(),
        "Trust": json.dumps(_trust(aws_service_name)),
        "Description": description,
        "MaxSessionDuration": _SESSION_SECONDS,
        "PermissionsBoundary": None,
        "Tags": [],
        "Inline": {},
        "Attached": [policy],
    }
    await ctx.store.commit(PutRecord(ctx.global_scope, ROLE, name.lower(), value, expect=0))
    return {"Role": role_summary(value) | details(value)}


def _trust(service: str) -> dict[str, Any]:
    statement = {"Action": ["sts:AssumeRole"], "Effect": "Allow", "Principal": {"Service": [service]}}
    return {"Version": "2012-10-17", "Statement": [statement]}


async def delete_service_linked_role(ctx: Context, *, role_name: str) -> dict[str, Any]:
    """Delete the role at once, since no service of a node uses it."""
    record = await find_role(ctx, role_name)
    value, now = record.value, ctx.now_ms()
    if not value["Path"].startswith(SERVICE_PATH):
        raise no_such_entity("service-linked role", role_name)
    id = f"task{value['Path']}{role_name}/{new_uuid()}"
    replaced = await renamed_principal(ctx, value["Arn"], value["RoleId"])
    await ctx.store.commit(
        DeleteRecord(ctx.global_scope, ROLE, record.key, record.revision),
        PutRecord(ctx.global_scope, _TASK, id, {"Created": now}, expect=0),
        await forgotten(ctx, value["RoleId"]),
        *replaced,
        *await _old_tasks(ctx, now),
    )
    return {"DeletionTaskId": id}


async def _old_tasks(ctx: Context, now: int) -> list[Change]:
    tasks = await ctx.store.list(ctx.global_scope, _TASK)
    old = [task.key for task in tasks if now - task.value["Created"] > _KEPT_MS]
    return [DeleteRecord(ctx.global_scope, _TASK, key) for key in old]


async def get_service_linked_role_deletion_status(ctx: Context, *, deletion_task_id: str) -> dict[str, Any]:
    if await ctx.store.get(ctx.global_scope, _TASK, deletion_task_id) is None:
        raise AwsError("NoSuchEntity", f"Deletion task {deletion_task_id} cannot be found.", 404)
    return {"Status": "SUCCEEDED"}
