"""Creates, changes, lists and deletes aliases. An alias and its key are of one account and Region."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.pagination import page
from nightbus.keys.directory import new_alias, place_of
from nightbus.keys.errors import no_alias
from nightbus.keys.records import ALIAS, ALIAS_PREFIX, AWS_ALIAS_PREFIX, KEY, alias_arn
from nightbus.keys.specs import is_asymmetric
from nightbus.services import SERVICES
from nightbus.services.context import Context
from nightbus.services.kms.errors import bad_marker, invalid, limit_exceeded
from nightbus.services.kms.finding import KeyRecord, key_record, refuse_pending_deletion
from nightbus.store.interface import DeleteRecord, PutRecord, Record, RequireRecord

_MOST_OF_A_KEY = 50  # https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html
_PAGE = 50


async def create_alias(ctx: Context, *, alias_name: str, target_key_id: str) -> None:
    _check_name(alias_name)
    found = await _target(ctx, target_key_id, "CreateAlias")
    if await ctx.store.get(ctx.scope, ALIAS, alias_name) is not None:
        arn = alias_arn(ctx.scope, alias_name)
        raise AwsError("AlreadyExistsException", f"An alias with the name {arn} already exists")
    await _check_room(ctx, found.id)
    await ctx.store.commit(
        new_alias(ctx.scope, alias_name, found.id, ctx.now_ms()),
        RequireRecord(ctx.scope, KEY, found.id, found.record.revision),
    )


async def update_alias(ctx: Context, *, alias_name: str, target_key_id: str) -> None:
    _check_name(alias_name)
    alias = await _alias(ctx, alias_name)
    found = await _target(ctx, target_key_id, "UpdateAlias")
    former = await ctx.store.get(ctx.scope, KEY, alias.value["KeyId"])
    if former is not None and not _alike(former.value, found.value):
        raise invalid(
            f"Alias {alias_arn(ctx.scope, alias_name)} cannot be changed to a key of another type or usage."
        )
    if former is None or former.key != found.id:
        await _check_room(ctx, found.id)
    value = {**alias.value, "KeyId": found.id, "Updated": ctx.now_ms()}
    await ctx.store.commit(
        PutRecord(ctx.scope, ALIAS, alias_name, value, expect=alias.revision),
        RequireRecord(ctx.scope, KEY, found.id, found.record.revision),
    )


async def delete_alias(ctx: Context, *, alias_name: str) -> None:
    _check_name(alias_name)
    alias = await _alias(ctx, alias_name)
    await ctx.store.commit(DeleteRecord(ctx.scope, ALIAS, alias_name, expect=alias.revision))


async def list_aliases(
    ctx: Context, *, key_id: str | None = None, limit: int = _PAGE, marker: str | None = None
) -> dict[str, Any]:
    aliases = [_shown(ctx, record) for record in await ctx.store.list(ctx.scope, ALIAS)]
    if key_id is not None:
        found = await key_record(ctx, key_id, "ListAliases", changes=False)
        aliases = [one for one in aliases if one["TargetKeyId"] == found.id]
    else:
        there = {one["AliasName"] for one in aliases}
        aliases += [one for one in _predefined(ctx) if one["AliasName"] not in there]
    aliases.sort(key=lambda one: str(one["AliasName"]))
    chosen, following = page(aliases, lambda one: str(one["AliasName"]), limit, marker, bad_marker())
    return {"Aliases": chosen, "NextMarker": following, "Truncated": following is not None}


def _predefined(ctx: Context) -> list[dict[str, Any]]:
    """Return the aliases of AWS managed keys that are not made yet, of the services that use one here."""
    names = [AWS_ALIAS_PREFIX + name for name in ("lambda", "s3", "secretsmanager", "sns", "sqs", "ssm")]
    return [
        {"AliasName": name, "AliasArn": alias_arn(ctx.scope, name)}
        for name in names
        if name.removeprefix(AWS_ALIAS_PREFIX) in SERVICES
    ]


def _shown(ctx: Context, record: Record) -> dict[str, Any]:
    return {
        "AliasName": record.key,
        "AliasArn": alias_arn(ctx.scope, record.key),
        "TargetKeyId": record.value["KeyId"],
        "CreationDate": record.value["Created"] / 1000,
        "LastUpdatedDate": record.value["Updated"] / 1000,
    }


def _check_name(name: str) -> None:
    if not name.startswith(ALIAS_PREFIX):
        raise invalid(
            'Alias must start with the prefix "alias/". Please see '
            "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
        )
    if name == ALIAS_PREFIX or "//" in name:
        raise AwsError("InvalidAliasNameException", f"{name} is not a valid alias name.")
    if name.startswith(AWS_ALIAS_PREFIX):
        raise AwsError("NotAuthorizedException", f"The prefix {AWS_ALIAS_PREFIX} is reserved for AWS.")


async def _target(ctx: Context, identifier: str, operation: str) -> KeyRecord:
    scope, name = place_of(ctx.scope, identifier)
    if name.startswith(ALIAS_PREFIX):
        raise invalid("Aliases must refer to keys. Not aliases")
    if scope != ctx.scope:
        raise invalid("The alias and the KMS key must be in the same AWS account and Region.")
    found = await key_record(ctx, identifier, operation)
    refuse_pending_deletion(found)
    return found


async def _alias(ctx: Context, name: str) -> Record:
    record = await ctx.store.get(ctx.scope, ALIAS, name)
    if record is None:
        raise no_alias(alias_arn(ctx.scope, name))
    return record


async def _check_room(ctx: Context, key_id: str) -> None:
    # A count reads no values; the aliases are read only where one key can have as many.
    if not ctx.platform.quotas or await ctx.store.count_records(ctx.scope, ALIAS) < _MOST_OF_A_KEY:
        return
    aliases = await ctx.store.list(ctx.scope, ALIAS)
    if sum(one.value["KeyId"] == key_id for one in aliases) >= _MOST_OF_A_KEY:
        raise limit_exceeded(f"The KMS key {key_id} has {_MOST_OF_A_KEY} aliases already.")


def _alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return (
        is_asymmetric(one["KeySpec"]) == is_asymmetric(other["KeySpec"])
        and one["KeyUsage"] == other["KeyUsage"]
    )
