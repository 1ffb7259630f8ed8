"""Answers the operations of code signing as for an account without a code signing configuration.

Nightbus verifies no signatures, so no configuration can be made: CreateCodeSigningConfig is refused by name.
"""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.context import Context
from nightbus.services.lambda_.errors import not_found
from nightbus.services.lambda_.names import function_ref
from nightbus.services.lambda_.records import require_function


async def get_function_code_signing_config(ctx: Context, *, function_name: str) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name)
    await require_function(ctx, ref)
    return {"FunctionName": ref.name}


async def put_function_code_signing_config(
    ctx: Context, *, code_signing_config_arn: str, function_name: str
) -> dict[str, Any]:
    await require_function(ctx, function_ref(ctx.scope, function_name))
    raise AwsError(
        "CodeSigningConfigNotFoundException",
        f"The code signing configuration cannot be found: {code_signing_config_arn}",
        404,
        fields={"Type": "User"},
    )


async def delete_function_code_signing_config(ctx: Context, *, function_name: str) -> None:
    await require_function(ctx, function_ref(ctx.scope, function_name))


async def get_code_signing_config(ctx: Context, *, code_signing_config_arn: str) -> dict[str, Any]:
    raise _missing(code_signing_config_arn)


async def list_functions_by_code_signing_config(
    ctx: Context, *, code_signing_config_arn: str, marker: str | None = None, max_items: int | None = None
) -> dict[str, Any]:
    raise _missing(code_signing_config_arn)


async def list_code_signing_configs(
    ctx: Context, *, marker: str | None = None, max_items: int | None = None
) -> dict[str, Any]:
    return {"CodeSigningConfigs": []}


def _missing(arn: str) -> AwsError:
    return not_found(f"The code signing configuration cannot be found: {arn}")
