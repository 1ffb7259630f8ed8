"""Answers GetAccountSummary: how many entities the account has, and IAM's quotas.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

from __future__ import annotations

from typing import Any

from nightbus.identity.principals import GROUP, POLICY, ROLE, USER
from nightbus.services.context import Context
from nightbus.services.iam.keys_of_users import keys_of
from nightbus.services.iam.profiles_of_roles import INSTANCE_PROFILE
from nightbus.services.iam.provider_records import OIDC_PROVIDER, SAML_PROVIDER

_QUOTAS = {
    "AccessKeysPerUserQuota": 2,
    "AssumeRolePolicySizeQuota": 2048,
    "AttachedPoliciesPerGroupQuota": 10,
    "AttachedPoliciesPerRoleQuota": 10,
    "AttachedPoliciesPerUserQuota": 10,
    "GlobalEndpointTokenVersion": 1,
    "GroupPolicySizeQuota": 5120,
    "GroupsPerUserQuota": 10,
    "GroupsQuota": 300,
    "InstanceProfilesQuota": 1000,
    "PoliciesQuota": 1500,
    "PolicySizeQuota": 6144,
    "PolicyVersionsInUseQuota": 10_000,
    "RolePolicySizeQuota": 10_240,
    "RolesQuota": 1000,
    "ServerCertificatesQuota": 20,
    "SigningCertificatesPerUserQuota": 2,
    "UserPolicySizeQuota": 2048,
    "UsersQuota": 5000,
    "VersionsPerPolicyQuota": 5,
}
# What no account of a node has.
_NONE = (
    "AccountMFAEnabled",
    "AccountPasswordPresent",
    "AccountSigningCertificatesPresent",
    "MFADevices",
    "MFADevicesInUse",
    "ServerCertificates",
)
_COUNTS = {
    "Groups": GROUP,
    "InstanceProfiles": INSTANCE_PROFILE,
    "Policies": POLICY,
    "Roles": ROLE,
    "Users": USER,
}


async def get_account_summary(ctx: Context) -> dict[str, Any]:
    counts = {name: await _count(ctx, kind) for name, kind in _COUNTS.items()}
    providers = [await _count(ctx, kind) for kind in (OIDC_PROVIDER, SAML_PROVIDER)]
    policies = await ctx.store.list(ctx.global_scope, POLICY)
    versions = sum(len(record.value["Versions"]) for record in policies)
    summary = {
        **_QUOTAS,
        **dict.fromkeys(_NONE, 0),
        **counts,
        "AccountAccessKeysPresent": int(bool(await keys_of(ctx, ""))),  # the root user's
        "PolicyVersionsInUse": versions,
        "Providers": sum(providers),
    }
    return {"SummaryMap": dict(sorted(summary.items()))}


async def _count(ctx: Context, kind: str) -> int:
    return await ctx.store.count_records(ctx.global_scope, kind)
