"""Finds the permissions policies of a user, a group or a role, a user's groups included, with their documents."""

from __future__ import annotations

from typing import Any, NamedTuple

from nightbus.aws.arn import partition_of
from nightbus.identity.principals import POLICY
from nightbus.policies import aws_managed as managed
from nightbus.policies.simulation import Source
from nightbus.services.context import Context
from nightbus.services.iam.errors import invalid_input, no_such_entity
from nightbus.services.iam.records import GROUPS, ROLES, USERS, EntityKind, entities

_KINDS = {kind.noun: kind for kind in (USERS, GROUPS, ROLES)}
_NOTHING = '{"Version": "2012-10-17", "Statement": []}'


class Entity(NamedTuple):
    kind: EntityKind
    value: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.value[self.kind.member])

    @property
    def id(self) -> str:
        return str(self.value[f"{self.kind.quota}Id"])


class HeldPolicy(NamedTuple):
    """A policy of an entity. `arn` is "" for an inline one, `type` is one of PolicySourceType."""

    name: str
    arn: str
    type: str
    holder: Entity
    text: str

    @property
    def source(self) -> Source:
        """Inline policies are called by their holder too, since two holders may each have one of the same name."""
        noun = self.holder.kind.noun
        id = self.name if self.arn else f"{noun}_{self.holder.name}_{self.name}"
        return Source(id, self.type, self.text)


async def entity_of(ctx: Context, arn: str) -> Entity:
    """Return the user, group or role of the account with this ARN. Raises AwsError InvalidInput or NoSuchEntity."""
    parts = arn.split(":", 5)
    noun, _, path = parts[-1].partition("/")
    prefix = ["arn", partition_of(ctx.region), "iam", ""]
    if len(parts) != 6 or parts[:4] != prefix or noun not in _KINDS or not path:
        raise invalid_input(f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    kind, name = _KINDS[noun], path.rpartition("/")[2]
    record = await ctx.store.get(ctx.global_scope, kind.record, name.lower())
    if record is None or record.value["Arn"] != arn:
        raise no_such_entity(noun, name)
    return Entity(kind, record.value)


async def policies_of(ctx: Context, entity: Entity) -> list[HeldPolicy]:
    """Return the inline and attached policies of the entity, and of a user's groups."""
    holders = [entity, *await _groups_of(ctx, entity)]
    held: list[HeldPolicy] = []
    for holder in holders:
        for name, text in holder.value["Inline"].items():
            held.append(HeldPolicy(name, "", holder.kind.noun, holder, text))
        for arn in holder.value["Attached"]:
            type = "aws-managed" if managed.is_aws_managed(arn) else "user-managed"
            text = await managed_text(ctx, arn)
            held.append(HeldPolicy(arn.rsplit("/", 1)[-1], arn, type, holder, text))
    return held


async def _groups_of(ctx: Context, entity: Entity) -> list[Entity]:
    ids = entity.value.get("Groups") or ()
    return [Entity(GROUPS, one) for one in await entities(ctx, GROUPS) if one["GroupId"] in ids]


async def managed_text(ctx: Context, arn: str) -> str:
    """Return the default version of a managed policy, one without statements for a policy that is not there."""
    if managed.is_aws_managed(arn):
        version = managed.aws_policy_version(arn)
        return str(version["Document"]) if version is not None else _NOTHING
    record = await ctx.store.get(ctx.global_scope, POLICY, arn.rsplit("/", 1)[-1].lower())
    if record is None or record.value["Arn"] != arn:
        return _NOTHING
    return str(record.value["Versions"][record.value["Default"]]["Document"])
