"""Answers GetAccountAuthorizationDetails: all users, groups, roles and managed policies with their policies.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nightbus.identity.principals import POLICY
from nightbus.policies import aws_managed as managed
from nightbus.policies.grammar import percent_encoded
from nightbus.services.context import Context
from nightbus.services.iam.instance_profiles import described as profile_reply
from nightbus.services.iam.last_used import role_last_used
from nightbus.services.iam.listing import DEFAULT_PAGE, listing
from nightbus.services.iam.policies import policy_reply, uses
from nightbus.services.iam.profiles_of_roles import profiles
from nightbus.services.iam.records import GROUPS, ROLES, USERS, entities, time_of

_LISTS = {
    "User": "UserDetailList",
    "Group": "GroupDetailList",
    "Role": "RoleDetailList",
    "LocalManagedPolicy": "Policies",
    "AWSManagedPolicy": "Policies",
}
_KINDS = {"User": USERS, "Group": GROUPS, "Role": ROLES}
Found = tuple[str, str, Any]  # the filter's word, the key that orders, the record's value or an ARN


@dataclass(frozen=True)
class _Account:
    """What the details of all entities of an account are made of, read once for each request."""

    groups: Mapping[str, str]  # names by id
    profiles: Sequence[dict[str, Any]]
    attached: Counter[str]  # by policy
    bounding: Counter[str]


async def get_account_authorization_details(
    ctx: Context,
    *,
    filter: Sequence[str] = (),
    max_items: int = DEFAULT_PAGE,
    marker: str | None = None,
) -> dict[str, Any]:
    """Return the account's entities and policies, of AWS's policies those that are in use."""
    groups = {one["GroupId"]: str(one["GroupName"]) for one in await entities(ctx, GROUPS)}
    account = _Account(groups, await profiles(ctx), *await uses(ctx))
    chosen = [word for word in _LISTS if not filter or word in filter]
    found = [one for word in chosen for one in await _found(ctx, account, word)]
    page = listing("Found", found, _order, max_items, marker)
    reply: dict[str, Any] = {name: [] for name in _LISTS.values()}
    for word, _, value in page.pop("Found"):
        reply[_LISTS[word]].append(await _DETAILS[word](ctx, account, value))
    return reply | page


def _order(found: Found) -> str:
    return f"{list(_LISTS).index(found[0])} {found[1]}"


async def _found(ctx: Context, account: _Account, word: str) -> list[Found]:
    if word in _KINDS:
        kind = _KINDS[word]
        return [(word, one[kind.member].lower(), one) for one in await entities(ctx, kind)]
    if word == "LocalManagedPolicy":
        records = await ctx.store.list(ctx.global_scope, POLICY)
        return [(word, record.key, record.value) for record in records]
    arns = {arn for arn in (*account.attached, *account.bounding) if managed.is_aws_managed(arn)}
    return [(word, arn, arn) for arn in arns]


async def _user(ctx: Context, account: _Account, value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_entity("User", value),
        "UserPolicyList": _inline(value),
        "GroupList": sorted(account.groups[one] for one in value["Groups"] if one in account.groups),
        "AttachedManagedPolicies": _attached(value),
        **_bounded(value),
        "Tags": value["Tags"],
    }


async def _group(ctx: Context, account: _Account, value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_entity("Group", value),
        "GroupPolicyList": _inline(value),
        "AttachedManagedPolicies": _attached(value),
    }


async def _role(ctx: Context, account: _Account, value: Mapping[str, Any]) -> dict[str, Any]:
    holding = [one for one in account.profiles if value["RoleName"] in one["Roles"]]
    return {
        **_entity("Role", value),
        "AssumeRolePolicyDocument": percent_encoded(value["Trust"]),
        "InstanceProfileList": [await profile_reply(ctx, one, tags=False) for one in holding],
        "RolePolicyList": _inline(value),
        "AttachedManagedPolicies": _attached(value),
        **_bounded(value),
        "Tags": value["Tags"],
        "RoleLastUsed": await role_last_used(ctx, value["RoleId"]),
    }


async def _local_policy(ctx: Context, account: _Account, value: Mapping[str, Any]) -> dict[str, Any]:
    arn = value["Arn"]
    reply = policy_reply(value, account.attached[arn], account.bounding[arn])
    versions = [
        {
            "Document": percent_encoded(version["Document"]),
            "VersionId": id,
            "IsDefaultVersion": value["Default"] == id,
            "CreateDate": time_of(version["Created"]),
        }
        for id, version in sorted(value["Versions"].items(), key=lambda one: -int(one[0][1:]))
    ]
    del reply["Tags"]  # which the reply's shape does not have
    return {**reply, "PolicyVersionList": versions}


async def _aws_policy(ctx: Context, account: _Account, arn: str) -> dict[str, Any]:
    reply = managed.aws_policy_reply(arn, account.attached[arn], account.bounding[arn])
    version = managed.aws_policy_version(arn)
    if version is None:
        return reply
    document = percent_encoded(version["Document"])
    return {**reply, "PolicyVersionList": [{**version, "Document": document}]}


_DETAILS: Mapping[str, Callable[[Context, _Account, Any], Awaitable[dict[str, Any]]]] = {
    "User": _user,
    "Group": _group,
    "Role": _role,
    "LocalManagedPolicy": _local_policy,
    "AWSManagedPolicy": _aws_policy,
}


def _entity(noun: str, value: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: value[name] for name in ("Path", f"{noun}Name", f"{noun}Id", "Arn")}
    return {**named, "CreateDate": time_of(value["Created"])}


def _inline(value: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {"PolicyName": name, "PolicyDocument": percent_encoded(text)}
        for name, text in sorted(value["Inline"].items())
    ]


def _attached(value: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"PolicyName": arn.rsplit("/", 1)[-1], "PolicyArn": arn} for arn in value["Attached"]]


def _bounded(value: Mapping[str, Any]) -> dict[str, Any]:
    boundary = value["PermissionsBoundary"]
    if not boundary:
        return {}
    shown = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary}
    return {"PermissionsBoundary": shown}
