"""Keeps, lists and deletes query definitions: the queries of CloudWatch Logs Insights that an account saves by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.aws.pagination import page
from nightbus.services.context import Context
from nightbus.services.logs.errors import bad_token
from nightbus.store.interface import DeleteRecord, PutRecord, Record

QUERY = "logs/query-definition"
_MOST = 1000  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
_PAGE = 1000
_LANGUAGE = "CWLI"


async def put_query_definition(
    ctx: Context,
    *,
    name: str,
    query_string: str,
    query_definition_id: str | None = None,
    log_group_names: Sequence[str] | None = None,
    query_language: str = _LANGUAGE,
    client_token: str | None = None,
) -> dict[str, Any]:
    """Make a definition, or change the one with the id. A call with a client token makes at most one definition.

    A log group that is not there is accepted, as on AWS.
    """
    record = await _find(ctx, query_definition_id) if query_definition_id else None
    if record is None and client_token:
        records = await ctx.store.list(ctx.scope, QUERY)
        record = next((one for one in records if one.value.get("token") == client_token), None)
    value = {
        "name": name,
        "query": query_string,
        "groups": list(log_group_names or ()),
        "language": query_language,
        "modified": ctx.now_ms(),
        "token": client_token,
    }
    if record is None:
        await _check_quota(ctx)
        key, expect = new_uuid(), 0
    else:
        key, expect = record.key, record.revision
    await ctx.store.commit(PutRecord(ctx.scope, QUERY, key, value, expect=expect))
    return {"queryDefinitionId": key}


async def describe_query_definitions(
    ctx: Context,
    *,
    query_language: str | None = None,
    query_definition_name_prefix: str = "",
    max_results: int = _PAGE,
    next_token: str | None = None,
) -> dict[str, Any]:
    found = [
        record
        for record in await ctx.store.list(ctx.scope, QUERY)
        if record.value["name"].startswith(query_definition_name_prefix)
        and query_language in (None, record.value["language"])
    ]
    chosen, token = page(found, lambda record: record.key, max_results, next_token, bad_token())
    return {"queryDefinitions": [_described(one.key, one.value) for one in chosen], "nextToken": token}


async def delete_query_definition(ctx: Context, *, query_definition_id: str) -> dict[str, Any]:
    record = await _find(ctx, query_definition_id)
    await ctx.store.commit(DeleteRecord(ctx.scope, QUERY, record.key))
    return {"success": True}


async def _find(ctx: Context, query_id: str) -> Record:
    record = await ctx.store.get(ctx.scope, QUERY, query_id)
    if record is None:
        text = f"The specified query definition does not exist: {query_id}"
        raise AwsError("ResourceNotFoundException", text)
    return record


async def _check_quota(ctx: Context) -> None:
    if ctx.platform.quotas and len(await ctx.store.list(ctx.scope, QUERY)) >= _MOST:
        raise AwsError("LimitExceededException", "Resource limit exceeded.")


def _described(query_id: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "queryLanguage": value["language"],
        "queryDefinitionId": query_id,
        "name": value["name"],
        "queryString": value["query"],
        "lastModified": value["modified"],
        "logGroupNames": value["groups"],
    }
