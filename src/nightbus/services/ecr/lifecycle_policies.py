"""Sets, returns and deletes lifecycle policies. There are no images on which they could act."""

from __future__ import annotations

from typing import Any

from nightbus.services.context import Context
from nightbus.services.ecr.errors import invalid_parameter, no_lifecycle_policy
from nightbus.services.ecr.lifecycle_rules import mistake_in
from nightbus.services.ecr.records import change_repository, find_repository, named


async def put_lifecycle_policy(
    ctx: Context, *, repository_name: str, lifecycle_policy_text: str, registry_id: str | None = None
) -> dict[str, Any]:
    mistake = mistake_in(lifecycle_policy_text)
    if mistake is not None:
        raise invalid_parameter("LifecyclePolicyText", f"Lifecycle policy validation failure: {mistake}")

    def edit(value: dict[str, Any]) -> None:
        value["lifecycle"] = lifecycle_policy_text

    await change_repository(ctx, repository_name, registry_id, "PutLifecyclePolicy", edit)
    return named(ctx, repository_name, registry_id, lifecyclePolicyText=lifecycle_policy_text)


async def get_lifecycle_policy(
    ctx: Context, *, repository_name: str, registry_id: str | None = None
) -> dict[str, Any]:
    record = await find_repository(ctx, repository_name, registry_id, "GetLifecyclePolicy")
    if record.value["lifecycle"] is None:
        raise no_lifecycle_policy(repository_name, registry_id or ctx.account)
    return named(ctx, repository_name, registry_id, lifecyclePolicyText=record.value["lifecycle"])


async def delete_lifecycle_policy(
    ctx: Context, *, repository_name: str, registry_id: str | None = None
) -> dict[str, Any]:
    deleted: list[str] = []

    def edit(value: dict[str, Any]) -> None:
        if value["lifecycle"] is None:
            raise no_lifecycle_policy(repository_name, registry_id or ctx.account)
        deleted[:] = [value["lifecycle"]]
        value["lifecycle"] = None

    await change_repository(ctx, repository_name, registry_id, "DeleteLifecyclePolicy", edit)
    return named(ctx, repository_name, registry_id, lifecyclePolicyText=deleted[0])
