"""Creates, lists, retires and revokes grants, by which a principal may use a key without a change of its policy.

A grant holds at once, so its token adds nothing; a token is checked to be one that CreateGrant gave.
"""

from __future__ import annotations

from typing import Any

from nightbus.aws.arn import is_arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_hex
from nightbus.aws.pagination import decode_token, encode_token, page
from nightbus.keys.directory import place_of
from nightbus.keys.errors import no_key, not_found
from nightbus.keys.grant_policies import GRANT_ID
from nightbus.keys.records import GRANT, KEY, SYMMETRIC, grant_key, key_arn, key_of_grant
from nightbus.policies.request import Need
from nightbus.services.context import Context
from nightbus.services.kms.access import authorize
from nightbus.services.kms.condition_keys import keys_of_grant
from nightbus.services.kms.errors import bad_marker, invalid, limit_exceeded
from nightbus.services.kms.errors import dry_run as dry_run_error
from nightbus.services.kms.finding import KeyRecord, key_record, refuse_pending_deletion, refuse_unusable
from nightbus.services.known_principals import existing_principals
from nightbus.store.interface import DeleteRecord, PutRecord, Record, RequireRecord

_MOST_OF_A_KEY = 50_000  # https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html
_PAGE = 50
_OF_SYMMETRIC_KEYS = {
    "Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo",
}  # fmt: skip
_ALWAYS = {"CreateGrant", "RetireGrant", "DescribeKey"}
_OF_USAGE = {
    "ENCRYPT_DECRYPT": {"Decrypt", "Encrypt", "ReEncryptFrom", "ReEncryptTo", "GetPublicKey"},
    "SIGN_VERIFY": {"Sign", "Verify", "GetPublicKey"},
    "GENERATE_VERIFY_MAC": {"GenerateMac", "VerifyMac"},
    "KEY_AGREEMENT": {"DeriveSharedSecret", "GetPublicKey"},
    "ENCAPSULATE_DECAPSULATE": {"Encapsulate", "Decapsulate", "GetPublicKey"},
}


async def create_grant(
    ctx: Context,
    *,
    key_id: str,
    operations: list[str],
    grantee_principal: str | None = None,
    grantee_service_principal: str | None = None,
    retiring_principal: str | None = None,
    retiring_service_principal: str | None = None,
    constraints: dict[str, Any] | None = None,
    grant_tokens: list[str] | None = None,
    name: str | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    members = {
        "GranteePrincipal": grantee_principal,
        "GranteeServicePrincipal": grantee_service_principal,
        "RetiringPrincipal": retiring_principal,
        "RetiringServicePrincipal": retiring_service_principal,
        "Operations": operations,
        "Constraints": constraints,
        "Name": name,
    }
    found = await key_record(ctx, key_id, "CreateGrant", further=keys_of_grant(members))
    refuse_unusable(found)
    if (grantee_principal is None) == (grantee_service_principal is None):
        raise invalid("Exactly one of GranteePrincipal and GranteeServicePrincipal must be specified.")
    principals = await _check_principals(ctx, found.scope, grantee_principal, retiring_principal)
    _check_operations(found, operations, constraints)
    if dry_run:
        raise dry_run_error()
    value = {member: one for member, one in members.items() if one is not None}
    records = await ctx.store.list(found.scope, GRANT, prefix=grant_key(found.id, ""))
    again = next((one for one in records if name is not None and _is_same(one, value)), None)
    if again is not None:
        return _created(found.scope, again.key)
    if ctx.platform.quotas and len(records) >= _MOST_OF_A_KEY:
        raise limit_exceeded(f"The KMS key {found.id} has {_MOST_OF_A_KEY} grants already.")
    key = grant_key(found.id, new_hex(64))
    issued = {"IssuingAccount": f"arn:aws:iam::{ctx.caller.account}:root", "CreationDate": ctx.now_ms()}
    await ctx.store.commit(
        PutRecord(found.scope, GRANT, key, {**value, **issued}, expect=0),
        RequireRecord(found.scope, KEY, found.id, found.record.revision),
        *principals,
    )
    return _created(found.scope, key)


async def _check_principals(ctx: Context, scope: Scope, *principals: str | None) -> tuple[PutRecord, ...]:
    """Return what belongs into the commit of the grant (`nightbus.services.known_principals`).

    Raises AwsError InvalidArnException for what is not an ARN, and for a user or role that does not exist.
    """
    named = [one for one in principals if one is not None]
    bad = next((one for one in named if not is_arn(one)), None)
    found = await existing_principals(ctx, scope.account, named)
    if bad is not None or found.unknown is not None:
        raise AwsError("InvalidArnException", f"{bad or found.unknown} is not a valid principal.")
    return found.changes


def _created(scope: Scope, key: str) -> dict[str, Any]:
    token = encode_token(f"{scope.account} {scope.region} {key}")
    return {"GrantToken": token, "GrantId": key.partition(":")[2]}


def _is_same(record: Record, value: dict[str, Any]) -> bool:
    issued = ("IssuingAccount", "CreationDate")
    return {name: one for name, one in record.value.items() if name not in issued} == value


def _check_operations(found: KeyRecord, operations: list[str], constraints: dict[str, Any] | None) -> None:
    symmetric = found.value["KeySpec"] == SYMMETRIC
    allowed = _ALWAYS | (_OF_SYMMETRIC_KEYS if symmetric else _OF_USAGE[found.value["KeyUsage"]])
    if any(one not in allowed for one in operations):
        raise invalid("Grant operations are not valid for the key usage of the KMS key.")
    if constraints and not symmetric:
        raise invalid("Grant constraints are supported only for symmetric encryption KMS keys.")


async def list_grants(
    ctx: Context,
    *,
    key_id: str,
    grant_id: str | None = None,
    grantee_principal: str | None = None,
    grantee_service_principal: str | None = None,
    limit: int = _PAGE,
    marker: str | None = None,
) -> dict[str, Any]:
    found = await key_record(ctx, key_id, "ListGrants", changes=False)
    refuse_pending_deletion(found)
    wanted = {"GranteePrincipal": grantee_principal, "GranteeServicePrincipal": grantee_service_principal}
    records = [
        one
        for one in await ctx.store.list(found.scope, GRANT, prefix=grant_key(found.id, ""))
        if (grant_id is None or one.key == grant_key(found.id, grant_id))
        and all(text is None or one.value.get(member) == text for member, text in wanted.items())
    ]
    return _page_of(found.scope, records, limit, marker)


async def list_retirable_grants(
    ctx: Context,
    *,
    retiring_principal: str | None = None,
    retiring_service_principal: str | None = None,
    limit: int = _PAGE,
    marker: str | None = None,
) -> dict[str, Any]:
    records = [
        one
        for one in await ctx.store.list(ctx.scope, GRANT)
        if (retiring_principal and one.value.get("RetiringPrincipal") == retiring_principal)
        or (
            retiring_service_principal
            and one.value.get("RetiringServicePrincipal") == retiring_service_principal
        )
    ]
    return _page_of(ctx.scope, records, limit, marker)


def _page_of(scope: Scope, records: list[Record], limit: int, marker: str | None) -> dict[str, Any]:
    chosen, following = page(records, lambda record: record.key, limit, marker, bad_marker())
    grants = [
        {
            **one.value,
            "KeyId": key_arn(scope, key_of_grant(one.key)),
            "GrantId": one.key.partition(":")[2],
            "CreationDate": one.value["CreationDate"] / 1000,
        }
        for one in chosen
    ]
    return {"Grants": grants, "NextMarker": following, "Truncated": following is not None}


async def retire_grant(
    ctx: Context,
    *,
    grant_token: str | None = None,
    key_id: str | None = None,
    grant_id: str | None = None,
    dry_run: bool = False,
) -> None:
    if grant_token is not None:
        account, region, key = _of_token(grant_token)
        scope = Scope(account, region)
        grant = await ctx.store.get(scope, GRANT, key)
    elif key_id is not None and grant_id is not None:
        scope, name = place_of(ctx.scope, key_id)
        if await ctx.store.get(scope, KEY, name) is None:
            raise no_key(key_arn(scope, name))
        grant = await ctx.store.get(scope, GRANT, grant_key(name, grant_id))
    else:
        raise invalid("Either GrantToken, or both KeyId and GrantId must be specified.")
    if grant is None:
        raise not_found(f"Grant ID {grant_id} not found" if grant_id else "Grant not found")
    await _authorize_retirement(ctx, scope, grant)
    if dry_run:
        raise dry_run_error()
    await ctx.store.commit(DeleteRecord(scope, GRANT, grant.key, expect=grant.revision))


async def _authorize_retirement(ctx: Context, scope: Scope, grant: Record) -> None:
    """Raise AwsError unless the grant lets the caller retire it, or the key's account or the retiring one does."""
    key_id, _, grant_id = grant.key.partition(":")
    which = {GRANT_ID: grant_id}
    await ctx.authorize(Need("kms:RetireGrant", key_arn(scope, key_id), which))
    key = await ctx.platform.keys.by_id(scope, key_id)
    if key is not None:
        await authorize(ctx, key, "kms:RetireGrant", further=which)


async def revoke_grant(ctx: Context, *, key_id: str, grant_id: str, dry_run: bool = False) -> None:
    found = await key_record(ctx, key_id, "RevokeGrant", changes=False)
    refuse_pending_deletion(found)
    grant = await ctx.store.get(found.scope, GRANT, grant_key(found.id, grant_id))
    if grant is None:
        raise not_found(f"Grant ID {grant_id} not found")
    if dry_run:
        raise dry_run_error()
    await ctx.store.commit(DeleteRecord(found.scope, GRANT, grant.key, expect=grant.revision))


def _of_token(token: str) -> list[str]:
    invalid_token = AwsError("InvalidGrantTokenException", "The grant token is invalid.")
    parts = decode_token(token, invalid_token).split(" ")
    if len(parts) != 3:  # a token of something else
        raise invalid_token
    return parts
