"""Implements AWS::IAM::AccessKey. Its secret is an attribute, sealed in the stack's record (`stacks/secrecy.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.outcomes import ignore_missing, undone_on_failure
from nightbus.stacks.resources.values import changed

_ACTIVE = "Active"


class IamAccessKey:
    type_name = "AWS::IAM::AccessKey"
    properties = frozenset({"Serial", "Status", "UserName"})
    required = frozenset({"UserName"})
    replace_on = frozenset({"Serial", "UserName"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return None

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        made = (await ctx.operation("iam", "CreateAccessKey", UserName=properties["UserName"]))["AccessKey"]
        key = made["AccessKeyId"]
        async with undone_on_failure(self.delete(key, properties, ctx)):
            await _set_status(key, {}, properties, ctx)
        return Resource(key, {"Id": key, "SecretAccessKey": made["SecretAccessKey"]})

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        """Set the key's status. The engine keeps the secret, which IAM does not show again."""
        await _set_status(physical_id, old, new, ctx)
        return Resource(physical_id, {"Id": physical_id})

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation(
                "iam", "DeleteAccessKey", UserName=properties["UserName"], AccessKeyId=physical_id
            )

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        keys = (await ctx.operation("iam", "ListAccessKeys", UserName=properties["UserName"]))[
            "AccessKeyMetadata"
        ]
        found = [key for key in keys if key["AccessKeyId"] == physical_id]
        serial = properties.get("Serial")  # only the stack knows it
        return {"Id": physical_id, "Serial": serial, **found[0]} if found else None


async def _set_status(key: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext) -> None:
    if changed({"Status": old.get("Status") or _ACTIVE}, {"Status": new.get("Status") or _ACTIVE}, "Status"):
        await ctx.operation(
            "iam", "UpdateAccessKey", UserName=new["UserName"], AccessKeyId=key,
            Status=new.get("Status") or _ACTIVE,
        )  # fmt: skip
