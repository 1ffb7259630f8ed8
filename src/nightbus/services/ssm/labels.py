"""Answers LabelParameterVersion and UnlabelParameterVersion."""

from __future__ import annotations

import re
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.context import Context
from nightbus.services.ssm.change_events import SsmEvents
from nightbus.services.ssm.names import parse_reference
from nightbus.services.ssm.records import PARAMETER, find_parameter, find_version
from nightbus.store.interface import PutRecord, Record

_LABEL = re.compile(r"(?!aws|ssm)[a-zA-Z_.-][a-zA-Z0-9_.-]{0,99}", re.IGNORECASE)
_MOST = 10


async def label_parameter_version(
    ctx: Context, *, name: str, labels: list[str], parameter_version: int | None = None
) -> dict[str, Any]:
    """Attach labels to a version, by default the newest one. Labels of other versions move."""
    record = await find_parameter(ctx, parse_reference(ctx.scope, name))
    version = await find_version(ctx, record, str(parameter_version or ""))
    valid = [label for label in labels if _LABEL.fullmatch(label)]
    attached = {**record.value["labels"], **dict.fromkeys(valid, version["number"])}
    if list(attached.values()).count(version["number"]) > _MOST:
        raise AwsError(
            "ParameterVersionLabelLimitExceeded",
            "A parameter version can have a maximum of ten labels. Move one or more labels to another version of the"
            " parameter and try again.",
        )
    if valid:
        events = SsmEvents(ctx.platform, ctx.scope)
        events.changed("LabelParameterVersion", record.key, record.value["newest"])
        await events.commit(_with_labels(ctx, record, attached))
    invalid = [label for label in labels if label not in valid]
    return {"InvalidLabels": invalid, "ParameterVersion": version["number"]}


async def unlabel_parameter_version(
    ctx: Context, *, name: str, parameter_version: int, labels: list[str]
) -> dict[str, Any]:
    record = await find_parameter(ctx, parse_reference(ctx.scope, name))
    version = await find_version(ctx, record, str(parameter_version))
    attached: dict[str, int] = record.value["labels"]
    removed = [label for label in labels if attached.get(label) == version["number"]]
    if removed:
        remaining = {label: number for label, number in attached.items() if label not in removed}
        await ctx.store.commit(_with_labels(ctx, record, remaining))
    return {
        "RemovedLabels": removed,
        "InvalidLabels": [label for label in labels if label not in removed],
    }


def _with_labels(ctx: Context, record: Record, labels: dict[str, int]) -> PutRecord:
    value = {**record.value, "labels": labels}
    return PutRecord(ctx.scope, PARAMETER, record.key, value, expect=record.revision)
