"""Computes how a stack's exports change, and refuses changes of exports that are in use."""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.stacks.records import EXPORT, Stack, StackRecords
from nightbus.store.interface import Change, DeleteRecord, PutRecord


async def export_changes(
    records: StackRecords, scope: Scope, stack: Stack, outputs: list[dict[str, str]]
) -> list[Change]:
    """Return the changes that make the exports of `outputs` the stack's exports.

    Raises AwsError if another stack exports the name, or if a removed or changed export is in use.
    """
    existing = await records.exports()
    new = _values_by_name(outputs)
    for name in new:
        owner = existing.get(name, {}).get("stack_id", stack.id)
        if owner != stack.id:
            raise AwsError(
                "ValidationError", f"Export with name {name} is already exported by stack {owner}."
            )
    exported = {name: entry["value"] for name, entry in existing.items() if entry["stack_id"] == stack.id}
    for name, value in exported.items():
        if new.get(name) != value:
            await refuse_in_use(records, name, "updated" if name in new else "deleted")
    return [
        *(DeleteRecord(scope, EXPORT, name) for name in exported if name not in new),
        *(
            PutRecord(scope, EXPORT, name, {"value": value, "stack_id": stack.id})
            for name, value in new.items()
        ),
    ]


async def refuse_in_use(records: StackRecords, name: str, verb: str) -> None:
    importers = await records.importers(name)
    if importers:
        users = ", ".join(importers)
        raise AwsError("ValidationError", f"Export {name} cannot be {verb} as it is in use by {users}")


async def exports_of(records: StackRecords, stack: Stack) -> list[str]:
    return [name for name, entry in (await records.exports()).items() if entry["stack_id"] == stack.id]


def _values_by_name(outputs: list[dict[str, str]]) -> Mapping[str, str]:
    values: dict[str, str] = {}
    for output in outputs:
        name = output.get("ExportName")
        if name is None:
            continue
        if name in values:
            raise AwsError(
                "ValidationError",
                f"Template format error: Duplicate Export names [{name}] in the Outputs block",
            )
        values[name] = output["OutputValue"]
    return values
