"""Refuses callers who may not do something with a key, and changes of AWS managed keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.pagination import decode_token
from nightbus.keys.access import refusal_of_use
from nightbus.keys.directory import Key
from nightbus.keys.errors import access_denied
from nightbus.keys.records import AWS, AWS_KMS
from nightbus.policies.callers import not_allowed, request_by
from nightbus.policies.request import NO_KEYS, Values
from nightbus.services.context import Context, Platform

_MENDING = frozenset({"kms:GetKeyPolicy", "kms:PutKeyPolicy"})
# What the policies of AWS managed keys, which nobody can change, let their account do directly.
_OF_MANAGED_KEYS = ("kms:Describe", "kms:Get", "kms:List", "kms:RevokeGrant", "kms:RetireGrant")
# https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html
_BY_OTHER_ACCOUNTS = frozenset(
    {
        "kms:CreateGrant", "kms:Decrypt", "kms:DeriveSharedSecret", "kms:DescribeKey", "kms:Encrypt",
        "kms:GenerateDataKey", "kms:GenerateDataKeyPair", "kms:GenerateDataKeyPairWithoutPlaintext",
        "kms:GenerateDataKeyWithoutPlaintext", "kms:GenerateMac", "kms:GetKeyRotationStatus", "kms:GetPublicKey",
        "kms:ListGrants", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:RetireGrant", "kms:RevokeGrant", "kms:Sign",
        "kms:Verify", "kms:VerifyMac", "kms:Encapsulate", "kms:Decapsulate",
    }
)  # fmt: skip


async def key_of(platform: Platform, home: Scope | None, arn: str) -> Key | None:
    """Return the key that an ARN of a key or an alias names, None if there is none."""
    try:
        named = Arn.parse(arn)
        scope = Scope(named.account, named.region)
        return await platform.keys.find(home or scope, arn)
    except (ValueError, AwsError):
        return None


def kind_of(key: Key) -> Mapping[str, Values]:
    """Return the condition keys that say what kind of key it is."""
    multi_region = key.value.get("MultiRegion")
    return {
        "kms:keyspec": key.spec,
        "kms:keyusage": key.usage,
        "kms:keyorigin": str(key.value.get("Origin", AWS_KMS)),
        "kms:multiregion": "true" if multi_region else "false",
    }


async def authorize(
    ctx: Context,
    key: Key,
    action: str,
    context: Mapping[str, str] | None = None,
    tokens: Sequence[str] | None = None,
    alias: str = "",
    further: Mapping[str, Values] = NO_KEYS,
) -> None:
    """Raise AwsError unless the caller may do `action` (such as `kms:Encrypt`) with the key. `further` are condition
    keys of this action."""
    for token in tokens or ():
        decode_token(token, AwsError("InvalidGrantTokenException", "The grant token is invalid."))
    authorizer = ctx.platform.authorizer
    if authorizer is not None and not authorizer.enforces:
        return  # the Authorizer has written down what would be refused
    caller = ctx.caller
    own = caller.account == key.scope.account
    if action in _MENDING and own and caller.arn.endswith(":root"):
        return
    via = ctx.call.via[-1] if ctx.call.via else ""
    asked = ctx.policy_keys(key.policy, action, key.arn) or NO_KEYS
    of_others = {name: asked[name] for name in key.policy.condition_keys & asked.keys() if name[:4] != "kms:"}
    refusal = await refusal_of_use(
        ctx.platform.keys,
        key,
        caller,
        action,
        context or {},
        alias=alias,
        via=via,
        further={**of_others, **further},
    )
    if refusal is None:
        foreign = bool(caller.arn) and not own and action not in _BY_OTHER_ACCOUNTS
        refusal = access_denied(not_allowed(request_by(caller, action, key.arn))) if foreign else None
    if refusal is not None and ctx.enforces:
        raise refusal


def refuse_managed(ctx: Context, key_arn: str, value: Mapping[str, Any], action: str) -> None:
    """Raise AwsError for a change of an AWS managed key, which belongs to its service."""
    if value["KeyManager"] == AWS and not action.startswith(_OF_MANAGED_KEYS):
        raise access_denied(not_allowed(request_by(ctx.caller, action, key_arn)))
