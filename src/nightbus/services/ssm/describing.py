"""Answers DescribeParameters."""

from __future__ import annotations

from typing import Any

from nightbus.aws.pagination import page
from nightbus.services.context import Context
from nightbus.services.ssm.errors import invalid_token
from nightbus.services.ssm.names import parameter_arn
from nightbus.services.ssm.records import PARAMETER, metadata_reply

_PAGE = 50


async def describe_parameters(
    ctx: Context, *, max_results: int = _PAGE, next_token: str | None = None
) -> dict[str, Any]:
    records = await ctx.store.list(ctx.scope, PARAMETER)
    shown, token = page(records, lambda record: record.key, max_results, next_token, invalid_token())
    described = [
        {**metadata_reply(record.key, record.value["newest"]), "ARN": parameter_arn(ctx.scope, record.key)}
        for record in shown
    ]
    return {"Parameters": described, "NextToken": token}
