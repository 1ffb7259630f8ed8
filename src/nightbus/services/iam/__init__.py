"""Registers the operations of AWS IAM on the roles and managed policies of an account."""

from __future__ import annotations

from nightbus.services.context import Handler
from nightbus.services.iam import (
    account,
    attachments,
    inline_policies,
    policies,
    policy_versions,
    roles,
    tags,
)

HANDLERS: dict[str, Handler] = {
    "AttachRolePolicy": attachments.attach_role_policy,
    "CreatePolicy": policies.create_policy,
    "CreatePolicyVersion": policy_versions.create_policy_version,
    "CreateRole": roles.create_role,
    "DeletePolicy": policies.delete_policy,
    "DeletePolicyVersion": policy_versions.delete_policy_version,
    "DeleteRole": roles.delete_role,
    "DeleteRolePermissionsBoundary": roles.delete_role_permissions_boundary,
    "DeleteRolePolicy": inline_policies.delete_role_policy,
    "DetachRolePolicy": attachments.detach_role_policy,
    "GetPolicy": policies.get_policy,
    "GetPolicyVersion": policy_versions.get_policy_version,
    "GetRole": roles.get_role,
    "GetRolePolicy": inline_policies.get_role_policy,
    "GetUser": account.get_user,
    "ListAccountAliases": account.list_account_aliases,
    "ListAttachedRolePolicies": attachments.list_attached_role_policies,
    "ListEntitiesForPolicy": attachments.list_entities_for_policy,
    "ListInstanceProfilesForRole": roles.list_instance_profiles_for_role,
    "ListPolicies": policies.list_policies,
    "ListPolicyTags": tags.list_policy_tags,
    "ListPolicyVersions": policy_versions.list_policy_versions,
    "ListRolePolicies": inline_policies.list_role_policies,
    "ListRoleTags": tags.list_role_tags,
    "ListRoles": roles.list_roles,
    "ListUsers": account.list_users,
    "PutRolePermissionsBoundary": roles.put_role_permissions_boundary,
    "PutRolePolicy": inline_policies.put_role_policy,
    "SetDefaultPolicyVersion": policy_versions.set_default_policy_version,
    "TagPolicy": tags.tag_policy,
    "TagRole": tags.tag_role,
    "UntagPolicy": tags.untag_policy,
    "UntagRole": tags.untag_role,
    "UpdateAssumeRolePolicy": roles.update_assume_role_policy,
    "UpdateRole": roles.update_role,
    "UpdateRoleDescription": roles.update_role_description,
}
