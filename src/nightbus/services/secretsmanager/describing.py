"""Answers DescribeSecret, ListSecrets and ListSecretVersionIds."""

from __future__ import annotations

from typing import Any

from nightbus.aws.pagination import page
from nightbus.services.context import Context
from nightbus.services.secretsmanager.errors import invalid_token
from nightbus.services.secretsmanager.filters import filtered_secrets, sorted_secrets
from nightbus.services.secretsmanager.records import (
    description_reply,
    find_secret,
    moment,
    replication_reply,
    stages_reply,
)
from nightbus.services.secretsmanager.values import DEFAULT_KEY

_PAGE = 100


async def describe_secret(ctx: Context, *, secret_id: str) -> dict[str, Any]:
    secret = await find_secret(ctx, secret_id, "DescribeSecret", deleted=True)
    return {
        **description_reply(secret),
        "VersionIdsToStages": stages_reply(secret) or None,
        "ReplicationStatus": replication_reply(secret),
    }


async def list_secrets(
    ctx: Context,
    *,
    include_planned_deletion: bool = False,
    max_results: int = _PAGE,
    next_token: str | None = None,
    filters: list[dict[str, Any]] | None = None,
    sort_by: str = "created-date",
    sort_order: str = "asc",
) -> dict[str, Any]:
    secrets = await filtered_secrets(ctx, filters or [], deleted=include_planned_deletion)
    ordered = sorted_secrets(secrets, sort_by, descending=sort_order == "desc")
    places = {secret.name: f"{at:09d}" for at, secret in enumerate(ordered)}
    shown, token = page(ordered, lambda one: places[one.name], max_results, next_token, invalid_token())
    listed = [{**description_reply(one), "SecretVersionsToStages": stages_reply(one)} for one in shown]
    return {"SecretList": listed, "NextToken": token}


async def list_secret_version_ids(
    ctx: Context,
    *,
    secret_id: str,
    max_results: int = _PAGE,
    next_token: str | None = None,
    include_deprecated: bool = False,
) -> dict[str, Any]:
    secret = await find_secret(ctx, secret_id, "ListSecretVersionIds")
    versions = sorted(
        (one, version) for one, version in secret.versions.items() if include_deprecated or version["stages"]
    )
    shown, token = page(versions, lambda one: one[0], max_results, next_token, invalid_token())
    listed = [
        {
            "VersionId": version_id,
            "VersionStages": list(version["stages"]) or None,
            "LastAccessedDate": moment(version["accessed"]),
            "CreatedDate": moment(version["created"]),
            "KmsKeyIds": [version["key"] or DEFAULT_KEY],
        }
        for version_id, version in shown
    ]
    return {**secret.named(), "Versions": listed, "NextToken": token}
