"""Decides whether a caller may do something with a key: by the key's policy and its grants.

As for queues and topics, the principals of the key's own account are stopped only by a Deny, until policies of users
and roles are evaluated; another account and an AWS service need an Allow of the key's policy, or a grant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.calls import Caller
from nightbus.aws.errors import AwsError
from nightbus.aws.pagination import decode_token
from nightbus.aws.resource_policy import PolicyRequest, Values, is_allowed, is_denied, not_allowed, refusal
from nightbus.keys.directory import Grant, Key
from nightbus.keys.records import AWS, AWS_KMS
from nightbus.services.context import Context
from nightbus.services.kms.errors import access_denied, other_account
from nightbus.services.kms.grant_constraints import allows

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


async def authorize(
    ctx: Context,
    key: Key,
    action: str,
    context: Mapping[str, str] | None = None,
    tokens: Sequence[str] | None = None,
    alias: str = "",
) -> None:
    """Raise AwsError unless the caller may do `action` (such as `kms:Encrypt`) with the key."""
    for token in tokens or ():
        decode_token(token, AwsError("InvalidGrantTokenException", "The grant token is invalid."))
    caller, owner = ctx.caller, key.scope.account
    if caller.arn and caller.account == owner and not key.denies:
        return
    if action in _MENDING and caller.arn.endswith(":root") and caller.account == owner:
        return
    request = _request(caller, key, action, context or {}, alias)
    if is_denied(key.statements, request):
        raise _denied(request, key)
    if caller.arn and caller.account == owner:
        return
    if caller.arn and action not in _BY_OTHER_ACCOUNTS:
        raise access_denied(not_allowed(request))
    if is_allowed(key.statements, request) or await _is_granted(ctx, key, action, context or {}):
        return
    raise other_account(caller.arn or caller.service, action, key.arn)


async def _is_granted(ctx: Context, key: Key, action: str, context: Mapping[str, str]) -> bool:
    grants: Sequence[Grant] = await ctx.platform.keys.grants(key)
    return any(allows(grant.value, ctx.caller, action.removeprefix("kms:"), context) for grant in grants)


def refuse_managed(ctx: Context, key_arn: str, value: Mapping[str, Any], action: str) -> None:
    """Raise AwsError for a change of an AWS managed key, which belongs to its service."""
    if value["KeyManager"] == AWS and not action.startswith(_OF_MANAGED_KEYS):
        raise access_denied(
            not_allowed(PolicyRequest(ctx.caller.service, action, key_arn, arn=ctx.caller.arn))
        )


def _denied(request: PolicyRequest, key: Key) -> Exception:
    return access_denied(refusal(key.statements, request, key.scope.account))


def _request(caller: Caller, key: Key, action: str, context: Mapping[str, str], alias: str) -> PolicyRequest:
    source_account = caller.source_arn.split(":")[4] if caller.source_arn.count(":") > 4 else ""
    values: dict[str, Values] = {
        "kms:calleraccount": caller.account,
        "kms:keyspec": key.spec,
        "kms:keyusage": key.usage,
        "kms:keyorigin": str(key.value.get("Origin", AWS_KMS)),
        "kms:multiregion": "true" if key.value.get("MultiRegion") else "false",
        "kms:requestalias": alias,
        "kms:viaservice": "",
        "kms:encryptioncontextkeys": tuple(context),
        **{f"kms:encryptioncontext:{name.lower()}": value for name, value in context.items()},
        **{f"aws:resourcetag/{name.lower()}": value for name, value in key.value["Tags"].items()},
    }
    account = caller.account if caller.arn else ""
    return PolicyRequest(
        caller.service, action, key.arn, caller.source_arn, source_account, account, caller.arn, values
    )
