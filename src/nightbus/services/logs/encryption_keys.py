"""Associates KMS keys with log groups.

What is kept is not encrypted; while its key cannot be used, a group is neither read nor written by the API.
"""

from __future__ import annotations

from nightbus.aws.errors import AwsError
from nightbus.keys.uses import is_usable
from nightbus.messaging.log_streams import GROUP
from nightbus.services.context import Context
from nightbus.services.logs.errors import invalid
from nightbus.services.logs.groups import check_key, group_arn, require_group
from nightbus.store.interface import PutRecord, Record


async def associate_kms_key(ctx: Context, *, kms_key_id: str, log_group_name: str | None = None) -> None:
    if log_group_name is None:
        raise invalid("Either logGroupName or resourceIdentifier must be specified.")
    record = await require_group(ctx, log_group_name)
    await check_key(ctx, log_group_name, kms_key_id)
    value = {**record.value, "key": kms_key_id}
    await ctx.store.commit(PutRecord(ctx.scope, GROUP, record.key, value, expect=record.revision))


async def disassociate_kms_key(ctx: Context, *, log_group_name: str | None = None) -> None:
    if log_group_name is None:
        raise invalid("Either logGroupName or resourceIdentifier must be specified.")
    record = await require_group(ctx, log_group_name)
    value = {name: one for name, one in record.value.items() if name != "key"}
    await ctx.store.commit(PutRecord(ctx.scope, GROUP, record.key, value, expect=record.revision))


async def require_key(ctx: Context, group: Record) -> None:
    """Raise AwsError where the group's events are under a key that cannot be used now."""
    key = group.value.get("key")
    if key and not await is_usable(ctx.platform.keys, ctx.scope, key):
        arn = group_arn(ctx, group.key)
        raise AwsError(
            "AccessDeniedException",
            f"The specified KMS key does not exist or is not allowed to be used with Arn '{arn}'",
        )
