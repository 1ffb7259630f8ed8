"""Checks the KMS key of a function's environment variables, when it is set and at each invocation of a function with
variables. `environment_variables` encrypts them with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.keys.uses import (
    ACCESS_DENIED,
    DISABLED,
    INVALID_STATE,
    INVALID_USAGE,
    NOT_FOUND,
    KeyUser,
    data_key_source,
)
from nightbus.services.context import Context, Platform
from nightbus.services.key_uses import use
from nightbus.services.lambda_.errors import invalid_parameter_value
from nightbus.services.lambda_.invocations.role_session import role_session
from nightbus.services.lambda_.names import function_arn

_BAD_GATEWAY = 502
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html
_CONFIGURING = ("kms:CreateGrant", "kms:Encrypt")
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html#filter-criteria-encryption
_FILTERING = ("kms:GenerateDataKey", "kms:DescribeKey", "kms:Decrypt")
_CODES = {
    # KMS's code: Lambda's, and its reason
    NOT_FOUND: ("KMSNotFoundException", "the KMS key was not found"),
    DISABLED: ("KMSDisabledException", "the KMS key used is disabled"),
    INVALID_STATE: ("KMSInvalidStateException", "the KMS key used is in an invalid state for Decrypt"),
    ACCESS_DENIED: ("KMSAccessDeniedException", "KMS access was denied"),
    INVALID_USAGE: ("KMSInvalidStateException", "the KMS key used is not valid for Decrypt"),
}


async def check_key(ctx: Context, key: str | None) -> None:
    """Raise AwsError for a key that a function is to have and that cannot be used. "" removes the key."""
    await _check(ctx, key, "configure access to your environment variables", _CONFIGURING)


async def check_key_of_filter(ctx: Context, key: str | None) -> None:
    """Raise AwsError for such a key of an event source mapping, which is for its filter criteria."""
    await _check(ctx, key, "encrypt the filter criteria", _FILTERING)


async def _check(ctx: Context, key: str | None, purpose: str, actions: tuple[str, ...]) -> None:
    if not key:
        return
    user = KeyUser(ctx.caller, "lambda", actions)
    try:
        await use(ctx, ctx.scope, key, user)
    except AwsError as error:
        raise invalid_parameter_value(
            f"Lambda was unable to {purpose} because the KMS key is invalid for CreateGrant. "
            f"Please check your KMS key settings. KMS Exception: {error.code} KMS Message: {error.message}"
        ) from None


async def require_key(platform: Platform, scope: Scope, config: Mapping[str, Any]) -> None:
    """Raise AwsError where a function with a key has variables that its role cannot decrypt with this key now."""
    if not config.get("Environment"):
        return
    role = role_session(config["Role"], function_arn(scope, config["FunctionName"]))
    user = KeyUser(role, "lambda", ("kms:Decrypt",))
    try:
        await data_key_source(platform.keys, scope, config["KMSKeyArn"], user)
    except AwsError as error:
        raise undecryptable(error.code, error.message) from None


def undecryptable(kms_code: str, kms_message: str) -> AwsError:
    """Return Lambda's error for variables that cannot be decrypted, because of an error of KMS."""
    code, reason = _CODES.get(kms_code, _CODES[ACCESS_DENIED])
    text = f"Lambda was unable to decrypt the environment variables because {reason}. Please check the function's"
    text += f" KMS key settings. KMS Exception: {kms_code} KMS Message: {kms_message}"
    return AwsError(code, text, _BAD_GATEWAY, fields={"Type": "Server"})
