"""Answers DescribeParameters and GetParameterHistory."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import validation_error
from nightbus.aws.pagination import page
from nightbus.services.context import Context
from nightbus.services.ssm.errors import invalid_token
from nightbus.services.ssm.filters import tests_of, tests_of_older_filters
from nightbus.services.ssm.names import parameter_arn, parse_reference
from nightbus.services.ssm.records import (
    PARAMETER,
    find_parameter,
    metadata_reply,
    older_versions,
    value_of,
)

_PAGE = 50
_FILTER_KEYS = ("tag:", "Name", "Type", "KeyId", "Path", "Tier", "DataType")


async def describe_parameters(
    ctx: Context,
    *,
    filters: list[dict[str, Any]] | None = None,
    parameter_filters: list[dict[str, Any]] | None = None,
    max_results: int = _PAGE,
    next_token: str | None = None,
) -> dict[str, Any]:
    if filters and parameter_filters:
        raise validation_error(
            "You can use either Filters or ParameterFilters but not both in a single request."
        )
    tests = tests_of(parameter_filters or [], _FILTER_KEYS) + tests_of_older_filters(filters or [])
    records = [
        record for record in await ctx.store.list(ctx.scope, PARAMETER) if all(test(record) for test in tests)
    ]
    shown, token = page(records, lambda record: record.key, max_results, next_token, invalid_token())
    described = [
        {**metadata_reply(record.key, record.value["newest"]), "ARN": parameter_arn(ctx.scope, record.key)}
        for record in shown
    ]
    return {"Parameters": described, "NextToken": token}


async def get_parameter_history(
    ctx: Context,
    *,
    name: str,
    with_decryption: bool = False,
    max_results: int = _PAGE,
    next_token: str | None = None,
) -> dict[str, Any]:
    record = await find_parameter(ctx, parse_reference(ctx.scope, name))
    versions = [*await older_versions(ctx, record.key), record.value["newest"]]
    shown, token = page(
        versions, lambda version: f"{version['number']:012d}", max_results, next_token, invalid_token()
    )
    labels: dict[int, list[str]] = {}
    for label, number in record.value["labels"].items():
        labels.setdefault(number, []).append(label)
    history = [
        {
            **metadata_reply(record.key, version),
            "Value": await value_of(ctx, record.key, version, with_decryption),
            "Labels": labels.get(version["number"], []),
        }
        for version in shown
    ]
    return {"Parameters": history, "NextToken": token}
