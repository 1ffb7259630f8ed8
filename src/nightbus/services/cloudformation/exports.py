"""Answers ListExports and ListImports: the values that stacks export, and the stacks that import them."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.pagination import page
from nightbus.services.cloudformation.operation_start import stack_records
from nightbus.services.cloudformation.shapes import BAD_TOKEN
from nightbus.services.context import Context

PAGE = 100


async def list_exports(ctx: Context, *, next_token: str | None = None) -> dict[str, Any]:
    by_name = sorted((await stack_records(ctx).exports()).items())
    page_items, token = page(by_name, lambda one: one[0], PAGE, next_token, BAD_TOKEN)
    exports = [
        {"ExportingStackId": entry["stack_id"], "Name": name, "Value": entry["value"]}
        for name, entry in page_items
    ]
    return {"Exports": exports, "NextToken": token}


async def list_imports(ctx: Context, *, export_name: str, next_token: str | None = None) -> dict[str, Any]:
    if export_name not in await stack_records(ctx).exports():
        raise AwsError("ValidationError", f"Export '{export_name}' does not exist.")
    importers = await stack_records(ctx).importers(export_name)
    if not importers:
        raise AwsError("ValidationError", f"Export '{export_name}' is not imported by any stack.")
    page_items, token = page(importers, lambda name: name, PAGE, next_token, BAD_TOKEN)
    return {"Imports": page_items, "NextToken": token}
