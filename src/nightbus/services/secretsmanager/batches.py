"""Answers BatchGetSecretValue."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.pagination import page
from nightbus.identity.request_keys import ABSENT
from nightbus.identity.secrets import CURRENT
from nightbus.policies.request import Need, Values
from nightbus.services.context import Context
from nightbus.services.secretsmanager.errors import invalid_parameter, invalid_token
from nightbus.services.secretsmanager.filters import filtered_secrets
from nightbus.services.secretsmanager.reading import get_secret_value
from nightbus.services.secretsmanager.records import existing_secret

_PAGE = 20
_CURRENT_VERSION = {"secretsmanager:versionstage": CURRENT, "secretsmanager:versionid": ABSENT}


async def batch_get_secret_value(
    ctx: Context,
    *,
    secret_id_list: list[str] | None = None,
    filters: list[dict[str, Any]] | None = None,
    max_results: int | None = None,
    next_token: str | None = None,
) -> dict[str, Any]:
    if bool(secret_id_list) == bool(filters):
        raise invalid_parameter("Either 'SecretIdList' or 'Filters' must be provided, but not both.")
    if secret_id_list and max_results is not None:
        raise invalid_parameter(
            "'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided."
        )
    token = None
    names = list(dict.fromkeys(secret_id_list or []))
    if filters:
        found = await filtered_secrets(ctx, filters, deleted=False)
        shown, token = page(found, lambda one: one.name, max_results or _PAGE, next_token, invalid_token())
        names = [secret.name for secret in shown]
    values, errors = [], []
    for name in names:
        try:
            secret = await existing_secret(ctx, name, "GetSecretValue")
            keys: dict[str, Values] = {"secretsmanager:secretid": secret.arn, **_CURRENT_VERSION}
            await ctx.authorize(Need("secretsmanager:GetSecretValue", secret.arn, keys))
            values.append(await get_secret_value(ctx, secret_id=name))
        except AwsError as error:
            errors.append({"SecretId": name, "ErrorCode": error.code, "Message": error.message})
    return {"SecretValues": values, "Errors": errors, "NextToken": token}
