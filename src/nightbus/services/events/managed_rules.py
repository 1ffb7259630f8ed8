"""The rules that EventBridge makes for itself, one an archive: shown with a bus's own, and not the user's to change.

They are read off the archives: no such rule is kept, matched or counted.
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
    """In the form in which rules are kept."""
    archives = await ctx.store.list(ctx.scope, ARCHIVE)
    rules = [_rule(ctx.scope, one) for one in archives if one.value["EventBusName"] == bus]
    return [rule for rule in rules if rule.value["Name"].startswith(prefix)]


async def managed_rule(ctx: Context, bus: str, name: str) -> Record | None:
    if not name.startswith(_PREFIX):
        return None
    archive = await ctx.store.get(ctx.scope, ARCHIVE, name.removeprefix(_PREFIX))
    return None if archive is None or archive.value["EventBusName"] != bus else _rule(ctx.scope, archive)


def check_not_managed(rule: Mapping[str, Any], operation: str = "", force: bool = False) -> None:
    """Raises AwsError ManagedRuleException. `operation` names the call that may be forced on AWS, where it stops the
    archive; here an archive keeps events until it is deleted."""
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
    """The archive's pattern and that the event is no replayed one, as a text: what follows a pattern is not read."""
    begun, _, rest = text.partition("{")
    return f'{begun}{{"{REPLAY_NAME}":[{{"exists":false}}]{"," + rest if rest else "}"}'


def _target(scope: Scope, name: str, archive: Record) -> dict[str, Any]:
    arn = f"{archive_arn(scope, archive.key)}:{archive.value['Id'].rpartition('/')[2]}"
    event = '"event": <aws.events.event.json>, "ingestion-time": <aws.events.event.ingestion-time>'
    template = f'{{"archive-arn": {write_json(arn)}, {event}}}'
    return {
        "Id": name,
        "Arn": f"arn:{partition_of(scope.region)}:events:{scope.region}:::",
        "InputTransformer": {"InputPathsMap": {}, "InputTemplate": template},
    }
