"""Derives the managed rules of a bus from its archives: EventBridge shows one rule for each archive.

No such rule is stored, matched or counted, and a user cannot change one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import partition_of
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError, not_supported
from nightbus.bus.json_text import write_json
from nightbus.delivery.archives import ARCHIVE, REPLAY_NAME, archive_arn
from nightbus.delivery.rules import rule_key
from nightbus.services.context import Context
from nightbus.store.interface import Record

_PREFIX = "Events-Archive-"
_SERVICE = "prod.vhs.events.aws.internal"


def managed_name(archive: str) -> str:
    return _PREFIX + archive


async def managed_rules(ctx: Context, bus: str, prefix: str = "") -> list[Record]:
    """Return the managed rules in the form of a rule's record."""
    archives = await ctx.store.list(ctx.scope, ARCHIVE)
    rules = [_rule(ctx.scope, one) for one in archives if one.value["EventBusName"] == bus]
    return [rule for rule in rules if rule.value["Name"].startswith(prefix)]


async def managed_rule(ctx: Context, bus: str, name: str) -> Record | None:
    if not name.startswith(_PREFIX):
        return None
    archive = await ctx.store.get(ctx.scope, ARCHIVE, name.removeprefix(_PREFIX))
    return None if archive is None or archive.value["EventBusName"] != bus else _rule(ctx.scope, archive)


def check_not_managed(rule: Mapping[str, Any], operation: str = "", force: bool = False) -> None:
    """Raise AwsError ManagedRuleException for a managed rule.

    With `force` the error says that `operation` does not support it: on AWS a forced call stops the archive, and a
    Nightbus archive keeps events until it is deleted.
    """
    if "ManagedBy" not in rule:
        return
    if force:
        raise not_supported("events", operation, f"Force on the rule of an archive ({rule['Name']})")
    raise AwsError(
        "ManagedRuleException",
        f"{rule['Name']} is a managed rule. Set 'force' parameter to true to override.",
    )


def _rule(scope: Scope, archive: Record) -> Record:
    value = archive.value
    name, bus = managed_name(archive.key), value["EventBusName"]
    return Record(
        rule_key(bus, name),
        {
            "Name": name,
            "EventBusName": bus,
            "State": "ENABLED",
            "EventPattern": _pattern(value.get("EventPattern") or ""),
            "ManagedBy": _SERVICE,
            "CreatedBy": scope.account,
            "Targets": [_target(scope, name, archive)],
        },
        archive.revision,
    )


def _pattern(text: str) -> str:
    """Return the archive's pattern as text, with the condition that the event is not a replayed one."""
    prefix, _, fields = text.partition("{")
    return f'{prefix}{{"{REPLAY_NAME}":[{{"exists":false}}]{"," + fields if fields else "}"}'


def _target(scope: Scope, name: str, archive: Record) -> dict[str, Any]:
    arn = f"{archive_arn(scope, archive.key)}:{archive.value['Id'].rpartition('/')[2]}"
    event = '"event": <aws.events.event.json>, "ingestion-time": <aws.events.event.ingestion-time>'
    template = f'{{"archive-arn": {write_json(arn)}, {event}}}'
    return {
        "Id": name,
        "Arn": f"arn:{partition_of(scope.region)}:events:{scope.region}:::",
        "InputTransformer": {"InputPathsMap": {}, "InputTemplate": template},
    }
