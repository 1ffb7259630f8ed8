"""Implements AWS::IAM::Policy, one inline policy in each of the listed principals, and the types for one principal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.iam.principals import PRINCIPALS, delete_inline, inline_now, put_inline
from nightbus.stacks.resources.live_values import json_value
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing

_LONGEST_NAME = 128


class IamPolicy:
    type_name = "AWS::IAM::Policy"
    properties = frozenset({"Groups", "PolicyDocument", "PolicyName", "Roles", "Users"})
    required = frozenset({"PolicyDocument", "PolicyName"})
    replace_on = frozenset({"PolicyName"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        principals = list(_principals(properties))
        if not principals:
            text = "At least one of [Groups,Roles,Users] must be non-empty."
            raise AwsError("ValidationError", text)
        for noun, principal in principals:
            await put_inline(noun, principal, properties["PolicyName"], properties["PolicyDocument"], ctx)
        return Resource(str(name), {"Id": name})

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        remaining = set(_principals(new))
        for noun, principal in _principals(old):
            if (noun, principal) not in remaining:
                await delete_inline(noun, principal, old["PolicyName"], ctx)
        return await self.create(new, physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        for noun, principal in _principals(properties):
            await delete_inline(noun, principal, properties["PolicyName"], ctx)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        """Return the principals that have the policy, and of several documents one that differs from the declared."""
        name = properties["PolicyName"]
        documents: list[Any] = []
        shown: dict[str, Any] = {"Id": physical_id, "PolicyName": name}
        for member, noun in PRINCIPALS.items():
            for principal in properties.get(member) or ():
                with ignore_missing():
                    documents.append(await inline_now(noun, principal, name, ctx))
                    shown.setdefault(member, []).append(principal)
        if not documents:
            return None
        declared = json_value(properties.get("PolicyDocument"))
        different = [document for document in documents if document != declared]
        return {**shown, "PolicyDocument": (different or documents)[0]}


def _principals(properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for member, noun in PRINCIPALS.items():
        for name in properties.get(member) or ():
            yield noun, str(name)


class InlinePolicyOfOne:
    """An inline policy of one principal. `noun` is Role, User or Group."""

    def __init__(self, noun: str) -> None:
        self.type_name = f"AWS::IAM::{noun}Policy"
        self._noun, self._principal = noun, f"{noun}Name"
        self.properties = frozenset({"PolicyDocument", "PolicyName", self._principal})
        self.required = frozenset({"PolicyName", self._principal})
        self.replace_on = frozenset({"PolicyName", self._principal})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return f"{properties['PolicyName']}|{properties[self._principal]}"

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        await put_inline(
            self._noun, properties[self._principal], properties["PolicyName"],
            properties.get("PolicyDocument") or {}, ctx,
        )  # fmt: skip
        return Resource(str(name))

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return await self.create(new, physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        await delete_inline(self._noun, properties[self._principal], properties["PolicyName"], ctx)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        policy, _, principal = physical_id.partition("|")
        document = await inline_now(self._noun, principal, policy, ctx)
        return {"PolicyName": policy, self._principal: principal, "PolicyDocument": document}


IAM_GROUP_POLICY = InlinePolicyOfOne("Group")
IAM_ROLE_POLICY = InlinePolicyOfOne("Role")
IAM_USER_POLICY = InlinePolicyOfOne("User")
