"""Says which actions an operation of AWS IAM needs, on which users, roles, groups, policies and instance profiles.

The ARN of an entity has its path, which requests do not name: `resolve` reads it from the entity's record, with its
permissions boundary and its tags.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagement.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.arn import partition_of
from nightbus.aws.calls import Scope
from nightbus.identity.access_keys import ACCESS_KEY
from nightbus.identity.needs import Asked, NeedsOf, Resource, merged, needs, request_tags, when
from nightbus.identity.principals import GROUP, POLICY, ROLE, USER
from nightbus.policies.request import Need, Values, named_values
from nightbus.services.context import Platform
from nightbus.services.iam.profiles_of_roles import INSTANCE_PROFILE
from nightbus.services.iam.provider_records import OIDC_PROVIDER, SAML_PROVIDER
from nightbus.services.iam.service_linked_roles import SERVICE_PATH, linked_role_name

_RECORDS = {
    "user": USER,
    "role": ROLE,
    "group": GROUP,
    "instance-profile": INSTANCE_PROFILE,
    "policy": POLICY,
    "oidc-provider": OIDC_PROVIDER,
    "saml-provider": SAML_PROVIDER,
}
_CREATIONS = frozenset(
    f"iam:Create{kind}"
    for kind in (
        "Group",
        "InstanceProfile",
        "OpenIDConnectProvider",
        "Policy",
        "Role",
        "SAMLProvider",
        "ServiceLinkedRole",
        "User",
    )
)
_USER_OF_KEY = "user/*"  # until the key's record says whose it is


def _arn(asked: Asked, resource: str) -> str:
    scope = asked.call.scope
    return f"arn:{partition_of(scope.region)}:iam::{scope.account}:{resource}"


def _new_arn(asked: Asked, resource: str) -> str:
    """Return the ARN of a new entity as the caller's policies name it: in the partition of the caller.

    On AWS an account is of one partition. Here a request may be signed for a region of any, which gets around no Deny.
    """
    _, partition, _ = f"{asked.call.caller.arn}::".split(":", 2)
    own = partition or partition_of(asked.call.scope.region)
    return f"arn:{own}:iam::{asked.call.scope.account}:{resource}"


def _existing(kind: str, member: str) -> Resource:
    """Return what makes the ARN of an entity without its path."""
    return lambda asked: _arn(asked, f"{kind}/{asked.text(member)}")


def _new(kind: str, member: str) -> Resource:
    """Return what makes the ARN of an entity that the request creates."""
    return lambda asked: _new_arn(asked, f"{kind}{asked.text('Path') or '/'}{asked.text(member)}")


def _user(asked: Asked) -> str:
    """Return the user's ARN, the caller's own if the request names no user."""
    name = asked.text("UserName")
    return _arn(asked, f"user/{name}") if name else asked.call.caller.arn


_ROLE, _GROUP = _existing("role", "RoleName"), _existing("group", "GroupName")
_PROFILE = _existing("instance-profile", "InstanceProfileName")
_TAGS, _TAG_KEYS = request_tags("Tags"), request_tags("TagKeys")


def _policy(asked: Asked) -> str:
    return asked.text("PolicyArn")


def _source(asked: Asked) -> str:
    """Return the user, group or role whose policies are simulated."""
    return asked.text("PolicySourceArn")


def _reported(asked: Asked) -> str:
    return asked.text("Arn")


def _attached(asked: Asked) -> Mapping[str, Values]:
    return {"iam:policyarn": asked.text("PolicyArn")}


def _boundary(asked: Asked) -> Mapping[str, Values]:
    return {"iam:permissionsboundary": asked.text("PermissionsBoundary")}


def _renamed(kind: str) -> NeedsOf:
    """Return the need of the name or the path that an entity gets."""

    def needs_of(asked: Asked) -> Sequence[Need]:
        name, path = asked.text(f"New{kind}Name"), asked.text("NewPath")
        if not name and not path:
            return []
        new = _new_arn(asked, f"{kind.lower()}{path or '/'}{name or asked.text(f'{kind}Name')}")
        return [Need(f"iam:Update{kind}", new)]

    return needs_of


def _passed_to_profile(asked: Asked) -> Sequence[Need]:
    return [
        Need(
            "iam:PassRole",
            _arn(asked, f"role/{asked.text('RoleName')}"),
            {"iam:passedtoservice": "ec2.amazonaws.com"},
        )
    ]


def _all(*actions: str) -> dict[str, NeedsOf]:
    return {action: needs(f"iam:{action}") for action in actions}


def _each(resource: Resource, *actions: str) -> dict[str, NeedsOf]:
    return {action: needs(f"iam:{action}", resource) for action in actions}


def _tagging(kind: str, resource: Resource) -> dict[str, NeedsOf]:
    return {
        f"Tag{kind}": needs(f"iam:Tag{kind}", resource, keys=_TAGS),
        f"Untag{kind}": needs(f"iam:Untag{kind}", resource, keys=_TAG_KEYS),
    }


def _oidc(asked: Asked) -> str:
    return asked.text("OpenIDConnectProviderArn")


def _saml(asked: Asked) -> str:
    return asked.text("SAMLProviderArn")


def _new_oidc(asked: Asked) -> str:
    return _new_arn(asked, f"oidc-provider/{asked.text('Url').removeprefix('https://').rstrip('/')}")


def _new_saml(asked: Asked) -> str:
    return _new_arn(asked, f"saml-provider/{asked.text('Name')}")


def _with_tags(kind: str, resource: Resource) -> NeedsOf:
    """Return what a new identity provider needs: its tags need an action of their own."""
    tag = when("Tags", needs(f"iam:Tag{kind}", resource, keys=_TAGS))
    return needs(f"iam:Create{kind}", resource, tag, keys=_TAGS)


def _linked_role(asked: Asked) -> str:
    service = asked.text("AWSServiceName")
    name = linked_role_name(service, asked.text("CustomSuffix")) or "*"
    return _new_arn(asked, f"role{SERVICE_PATH}{service}/{name}")


def _linked_service(asked: Asked) -> Mapping[str, Values]:
    return {"iam:awsservicename": asked.text("AWSServiceName")}


def _role_of_task(asked: Asked) -> str:
    """A task is called task/aws-service-role/SERVICE/ROLE/UUID."""
    return _arn(asked, f"role/{asked.text('DeletionTaskId').removeprefix('task/').rpartition('/')[0]}")


def _creation(kind: str) -> NeedsOf:
    """Return what a new entity needs: its tags need an action of their own.

    Stacks mark policies and instance profiles by tags, which AWS's do not, so that these tags need nothing.
    """
    name = {"InstanceProfile": "instance-profile"}.get(kind, kind.lower())
    resource, keys = _new(name, f"{kind}Name"), merged(_boundary, _TAGS)
    tag = needs(f"iam:Tag{kind}", resource, keys=_TAGS)
    own = needs(f"iam:Create{kind}", resource, keys=keys)

    def needs_of(asked: Asked) -> Sequence[Need]:
        tags = [str(one["Key"]) for one in asked.params.get("Tags") or ()]
        if kind in ("InstanceProfile", "Policy") and _is_of_stack(asked):
            tags = [key for key in tags if not key.startswith("aws:cloudformation:")]
        return [*own(asked), *(tag(asked) if tags else ())]

    return needs_of


def _is_of_stack(asked: Asked) -> bool:
    call = asked.call
    return "cloudformation" in call.via or call.caller.service == "cloudformation.amazonaws.com"


_UNSORTED: dict[str, NeedsOf] = {
    **_all("CreateAccountAlias", "DeleteAccountAlias", "DeleteAccountPasswordPolicy"),
    **_all("GetAccountPasswordPolicy", "ListAccountAliases", "ListGroups", "ListInstanceProfiles"),
    **_all("UpdateAccountPasswordPolicy"),
    **_each(_user, "CreateLoginProfile", "UpdateLoginProfile"),
    **_each(_ROLE, "DeleteServiceLinkedRole"),
    **_each(
        _oidc,
        "AddClientIDToOpenIDConnectProvider",
        "DeleteOpenIDConnectProvider",
        "GetOpenIDConnectProvider",
        "ListOpenIDConnectProviderTags",
        "RemoveClientIDFromOpenIDConnectProvider",
        "UpdateOpenIDConnectProviderThumbprint",
    ),
    **_each(_saml, "DeleteSAMLProvider", "GetSAMLProvider", "ListSAMLProviderTags", "UpdateSAMLProvider"),
    **_tagging("OpenIDConnectProvider", _oidc),
    **_tagging("SAMLProvider", _saml),
    "CreateOpenIDConnectProvider": _with_tags("OpenIDConnectProvider", _new_oidc),
    "CreateSAMLProvider": _with_tags("SAMLProvider", _new_saml),
    "CreateServiceLinkedRole": needs("iam:CreateServiceLinkedRole", _linked_role, keys=_linked_service),
    "GetServiceLinkedRoleDeletionStatus": needs("iam:GetServiceLinkedRoleDeletionStatus", _role_of_task),
    **_all(
        "ListOpenIDConnectProviders",
        "ListPolicies",
        "ListRoles",
        "ListSAMLProviders",
        "ListServerCertificates",
    ),
    **_all("GetContextKeysForCustomPolicy", "ListUsers", "ListVirtualMFADevices", "SimulateCustomPolicy"),
    **_all("GenerateCredentialReport", "GetAccountAuthorizationDetails", "GetAccountSummary"),
    **_all(
        "GetCredentialReport", "GetServiceLastAccessedDetails", "GetServiceLastAccessedDetailsWithEntities"
    ),
    **_each(_reported, "GenerateServiceLastAccessedDetails", "ListPoliciesGrantingServiceAccess"),
    **_each(_source, "GetContextKeysForPrincipalPolicy", "SimulatePrincipalPolicy"),
    **_each(
        _user, "CreateAccessKey", "DeleteAccessKey", "DeleteLoginProfile", "DeleteUser", "DeleteUserPolicy"
    ),
    **_each(
        _user,
        "DeleteUserPermissionsBoundary",
        "GetLoginProfile",
        "GetUser",
        "GetUserPolicy",
        "ListAccessKeys",
    ),
    **_each(_user, "ListAttachedUserPolicies", "ListGroupsForUser", "ListMFADevices", "ListSSHPublicKeys"),
    **_each(
        _user, "ListServiceSpecificCredentials", "ListSigningCertificates", "ListUserPolicies", "ListUserTags"
    ),
    **_each(_user, "PutUserPolicy", "UpdateAccessKey"),
    **_each(
        _ROLE, "DeleteRole", "DeleteRolePermissionsBoundary", "DeleteRolePolicy", "GetRole", "GetRolePolicy"
    ),
    **_each(
        _ROLE, "ListAttachedRolePolicies", "ListInstanceProfilesForRole", "ListRolePolicies", "ListRoleTags"
    ),
    **_each(_ROLE, "PutRolePolicy", "UpdateAssumeRolePolicy", "UpdateRole", "UpdateRoleDescription"),
    **_each(_GROUP, "AddUserToGroup", "DeleteGroup", "DeleteGroupPolicy", "GetGroup", "GetGroupPolicy"),
    **_each(
        _GROUP, "ListAttachedGroupPolicies", "ListGroupPolicies", "PutGroupPolicy", "RemoveUserFromGroup"
    ),
    **_each(_PROFILE, "DeleteInstanceProfile", "GetInstanceProfile", "ListInstanceProfileTags"),
    **_each(_PROFILE, "RemoveRoleFromInstanceProfile"),
    **_each(
        _policy, "CreatePolicyVersion", "DeletePolicy", "DeletePolicyVersion", "GetPolicy", "GetPolicyVersion"
    ),
    **_each(
        _policy, "ListEntitiesForPolicy", "ListPolicyTags", "ListPolicyVersions", "SetDefaultPolicyVersion"
    ),
    **_tagging("InstanceProfile", _PROFILE),
    **_tagging("Policy", _policy),
    **_tagging("Role", _ROLE),
    **_tagging("User", _user),
    "AddRoleToInstanceProfile": needs("iam:AddRoleToInstanceProfile", _PROFILE, _passed_to_profile),
    "AttachGroupPolicy": needs("iam:AttachGroupPolicy", _GROUP, keys=_attached),
    "AttachRolePolicy": needs("iam:AttachRolePolicy", _ROLE, keys=_attached),
    "AttachUserPolicy": needs("iam:AttachUserPolicy", _user, keys=_attached),
    "CreateGroup": needs("iam:CreateGroup", _new("group", "GroupName")),
    "CreateInstanceProfile": _creation("InstanceProfile"),
    "CreatePolicy": _creation("Policy"),
    "CreateRole": _creation("Role"),
    "CreateUser": _creation("User"),
    "DetachGroupPolicy": needs("iam:DetachGroupPolicy", _GROUP, keys=_attached),
    "DetachRolePolicy": needs("iam:DetachRolePolicy", _ROLE, keys=_attached),
    "DetachUserPolicy": needs("iam:DetachUserPolicy", _user, keys=_attached),
    "GetAccessKeyLastUsed": needs("iam:GetAccessKeyLastUsed", lambda asked: _arn(asked, _USER_OF_KEY)),
    "PutRolePermissionsBoundary": needs("iam:PutRolePermissionsBoundary", _ROLE, keys=_boundary),
    "PutUserPermissionsBoundary": needs("iam:PutUserPermissionsBoundary", _user, keys=_boundary),
    "UpdateGroup": needs("iam:UpdateGroup", _GROUP, _renamed("Group")),
    "UpdateUser": needs("iam:UpdateUser", _user, _renamed("User")),
}
ACTIONS: Mapping[str, NeedsOf] = {operation: _UNSORTED[operation] for operation in sorted(_UNSORTED)}


POLICY_RECORDS = (ROLE,)  # that have policies with principals


async def resolve(platform: Platform, asked: Asked, needed: Sequence[Need]) -> Sequence[Need]:
    """Put the path of an entity that exists into its ARN, and add its boundary and tags to the condition keys."""
    if asked.params.get("AccessKeyId") and needed[0].resource.endswith(f":{_USER_OF_KEY}"):
        scope = Scope(asked.call.scope.account, "")
        key = await platform.store.get(scope, ACCESS_KEY, asked.text("AccessKeyId"))
        if key is None or not key.value["UserName"]:  # a key of the root is of no user
            return needed
        needed = [needed[0]._replace(resource=_arn(asked, f"user/{key.value['UserName']}"))]
    if needed[0].action in _CREATIONS:
        return needed
    own, *further = needed
    passed = [await _of_record(platform, one) if one.action == "iam:PassRole" else one for one in further]
    return [await _of_record(platform, own), *passed]


async def _of_record(platform: Platform, need: Need) -> Need:
    value = await _entity(platform, need.resource)
    if value is None:
        return need
    boundary = value.get("PermissionsBoundary") or ""
    keys = {"iam:permissionsboundary": boundary, **_tags_of(value), **need.keys}
    return need._replace(resource=value["Arn"], keys=keys)


async def _entity(platform: Platform, arn: str) -> dict[str, Any] | None:
    """Return the record of an entity, by an ARN with or without its path."""
    account, _, resource = arn.partition(":iam::")[2].partition(":")
    kind, _, path = resource.partition("/")
    if kind not in _RECORDS or not path:
        return None
    key = path if kind.endswith("-provider") else path.rpartition("/")[2].lower()
    record = await platform.store.get(Scope(account, ""), _RECORDS[kind], key)
    return record.value if record is not None else None


def _tags_of(value: Mapping[str, Any]) -> Mapping[str, Values]:
    return named_values("iam:resourcetag/", [(tag["Key"], tag["Value"]) for tag in value.get("Tags") or ()])


async def resource_tags(platform: Platform, arn: str, keys: Mapping[str, Values]) -> Mapping[str, str]:
    """Return the tags of a user, role, policy or instance profile."""
    value = await _entity(platform, arn)
    return {tag["Key"]: tag["Value"] for tag in value.get("Tags") or ()} if value is not None else {}
