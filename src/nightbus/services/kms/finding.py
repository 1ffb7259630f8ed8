"""Finds the key of a request and checks that the caller may use it, and that its state and usage allow the operation.

Cryptographic operations ask the node's memory (`nightbus.keys.directory`). Operations that change a key read its record
from the store, and their commits name its revision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nightbus.aws.calls import Scope
from nightbus.keys.directory import Key, place_of
from nightbus.keys.errors import disabled, invalid_key_id, is_in_state, no_alias, no_key
from nightbus.keys.records import (
    ALIAS,
    ALIAS_PREFIX,
    DISABLED,
    KEY,
    PENDING_DELETION,
    PENDING_IMPORT,
    PENDING_REPLICA_DELETION,
    alias_arn,
    key_arn,
    state_of,
)
from nightbus.keys.specs import ENCRYPT
from nightbus.policies.request import NO_KEYS, Values
from nightbus.services.context import Context
from nightbus.services.kms.access import authorize, refuse_managed
from nightbus.store.interface import PutRecord, Record


class KeyRecord(NamedTuple):
    scope: Scope
    record: Record
    arn: str
    state: str

    @property
    def id(self) -> str:
        return self.record.key

    @property
    def value(self) -> dict[str, Any]:
        return self.record.value

    def put(self, **changed: Any) -> PutRecord:
        """Return the change of these members of the record; None removes one."""
        value = {**self.value, **changed}
        kept = {name: one for name, one in value.items() if one is not None}
        return PutRecord(self.scope, KEY, self.id, kept, expect=self.record.revision)


async def usable_key(
    ctx: Context,
    identifier: str,
    operation: str,
    *,
    usage: str = ENCRYPT,
    action: str = "",
    context: Mapping[str, str] | None = None,
    tokens: Sequence[str] | None = None,
) -> Key:
    """Return the key for a cryptographic operation. `action` is IAM's where it is not named as the operation."""
    key = await ctx.platform.keys.find(ctx.scope, identifier)
    alias = identifier[identifier.find(ALIAS_PREFIX) :] if ALIAS_PREFIX in identifier else ""
    await authorize(ctx, key, action or f"kms:{operation}", context, tokens, alias)
    ctx.platform.keys.require_usable(key, operation, usage)
    return key


async def key_record(
    ctx: Context,
    identifier: str,
    operation: str,
    *,
    aliases: bool = False,
    changes: bool = True,
    further: Mapping[str, Values] = NO_KEYS,
) -> KeyRecord:
    """Return the key's record from the store, for an operation on the key itself.

    `aliases`: whether the operation takes aliases too. `changes`: whether AWS managed keys are refused. `further` are
    condition keys of this operation.
    """
    scope, name = place_of(ctx.scope, identifier)
    if name.startswith(ALIAS_PREFIX):
        if not aliases:
            raise invalid_key_id(identifier)
        await ctx.platform.keys.find(ctx.scope, identifier)  # makes an AWS managed key
        alias = await ctx.store.get(scope, ALIAS, name)
        if alias is None:
            raise no_alias(alias_arn(scope, name))
        name = alias.value["KeyId"]
    record = await ctx.store.get(scope, KEY, name)
    if record is None:
        raise no_key(key_arn(scope, name))
    found = KeyRecord(scope, record, key_arn(scope, name), state_of(record.value, ctx.now_ms()))
    action = f"kms:{operation}"
    if changes:
        refuse_managed(ctx, found.arn, record.value, action)
    key = await ctx.platform.keys.by_id(scope, name)
    if key is not None:
        await authorize(ctx, key, action, further=further)
    return found


def refuse_states(found: KeyRecord, *states: str) -> None:
    """Raise AwsError if the key is in one of the states, which the operation does not allow."""
    if found.state in states:
        raise disabled(found.arn) if found.state == DISABLED else is_in_state(found.arn, found.state)


def refuse_pending_deletion(found: KeyRecord) -> None:
    refuse_states(found, PENDING_DELETION, PENDING_REPLICA_DELETION)


def refuse_unusable(found: KeyRecord) -> None:
    refuse_states(found, DISABLED, PENDING_DELETION, PENDING_REPLICA_DELETION, PENDING_IMPORT)
