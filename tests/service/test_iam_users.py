"""Users, groups, access keys and instance profiles by boto3 and by a stack; and what IAM refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from aws_refusals import refusal
from iam_rig import BASIC, fresh
from lambda_rig import trust

Clients = Callable[..., Any]
POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}
)


@pytest.fixture
def iam(client: Clients) -> Any:
    return client("iam")


@pytest.fixture
def user(iam: Any) -> str:
    name = fresh("User")
    iam.create_user(UserName=name)
    return name


@pytest.fixture
def group(iam: Any) -> str:
    name = fresh("group")
    iam.create_group(GroupName=name)
    return name


def test_a_user_is_shown_as_it_was_made_renamed_and_deleted(iam: Any) -> None:
    name, other = fresh("user"), fresh("other")
    made = iam.create_user(
        UserName=name, Path="/team/", Tags=[{"Key": "a", "Value": "b"}], PermissionsBoundary=BASIC
    )
    assert made["User"]["Arn"] == f"arn:aws:iam::000000000000:user/team/{name}"
    shown = iam.get_user(UserName=name)["User"]
    assert shown["Tags"] == [{"Key": "a", "Value": "b"}]
    assert shown["PermissionsBoundary"]["PermissionsBoundaryArn"] == BASIC
    iam.tag_user(UserName=name, Tags=[{"Key": "c", "Value": "d"}])
    iam.untag_user(UserName=name, TagKeys=["a"])
    iam.delete_user_permissions_boundary(UserName=name)
    iam.update_user(UserName=name, NewUserName=other, NewPath="/")
    assert iam.list_user_tags(UserName=other)["Tags"] == [{"Key": "c", "Value": "d"}]
    assert "PermissionsBoundary" not in iam.get_user(UserName=other)["User"]
    assert other in [one["UserName"] for one in iam.list_users(PathPrefix="/")["Users"]]
    told = refusal(iam.get_user, UserName=name)
    assert told == ("NoSuchEntity", 404, f"The user with name {name} cannot be found.")
    assert refusal(iam.create_user, UserName=other.upper())[0] == "EntityAlreadyExists"
    iam.delete_user(UserName=other)
    assert refusal(iam.delete_user, UserName=other)[0] == "NoSuchEntity"


@pytest.mark.parametrize("noun", ["user", "group"])
def test_policies_are_put_attached_and_go(iam: Any, user: str, group: str, noun: str) -> None:
    chosen = {f"{noun.capitalize()}Name": {"user": user, "group": group}[noun]}

    def call(operation: str, **params: Any) -> Any:
        return getattr(iam, operation.format(noun))(**chosen, **params)

    call("put_{}_policy", PolicyName="p", PolicyDocument=POLICY)
    assert call("list_{}_policies")["PolicyNames"] == ["p"]
    assert call("get_{}_policy", PolicyName="p")["PolicyDocument"] == json.loads(POLICY)
    call("attach_{}_policy", PolicyArn=BASIC)
    (attached,) = call("list_attached_{}_policies")["AttachedPolicies"]
    assert attached["PolicyArn"] == BASIC
    found = iam.list_entities_for_policy(PolicyArn=BASIC, EntityFilter=noun.capitalize())
    holders = [one[f"{noun.capitalize()}Name"] for one in found[f"Policy{noun.capitalize()}s"]]
    assert set(chosen.values()) <= set(holders)
    for gone, said in (
        ("detach_{}_policy", "must detach all policies first"),
        ("delete_{}_policy", "must delete policies first"),
    ):
        with pytest.raises(iam.exceptions.DeleteConflictException, match=said):
            call("delete_{}")
        call(gone, **({"PolicyArn": BASIC} if gone.startswith("detach") else {"PolicyName": "p"}))
    with pytest.raises(iam.exceptions.NoSuchEntityException, match=f"The {noun} policy with name p"):
        call("get_{}_policy", PolicyName="p")
    large = json.loads(POLICY) | {"Id": "x" * 6000}
    with pytest.raises(iam.exceptions.LimitExceededException, match="Maximum policy size"):
        call("put_{}_policy", PolicyName="p", PolicyDocument=json.dumps(large))
    call("delete_{}")


def test_groups_have_users(iam: Any, user: str, group: str) -> None:
    iam.add_user_to_group(GroupName=group, UserName=user)
    iam.add_user_to_group(GroupName=group, UserName=user)
    renamed = fresh("renamed")
    iam.update_group(GroupName=group, NewGroupName=renamed, NewPath="/x/")
    assert [one["UserName"] for one in iam.get_group(GroupName=renamed)["Users"]] == [user]
    assert [one["GroupName"] for one in iam.list_groups_for_user(UserName=user)["Groups"]] == [renamed]
    assert renamed in [one["GroupName"] for one in iam.list_groups(PathPrefix="/x/")["Groups"]]
    said = "Cannot delete entity, must remove users from group first."
    assert refusal(iam.delete_group, GroupName=renamed) == ("DeleteConflict", 409, said)
    assert refusal(iam.delete_user, UserName=user) == ("DeleteConflict", 409, said)
    for _ in range(9):
        more = fresh("more")
        iam.create_group(GroupName=more)
        iam.add_user_to_group(GroupName=more, UserName=user)
    last = fresh("last")
    iam.create_group(GroupName=last)
    told = refusal(iam.add_user_to_group, GroupName=last, UserName=user)
    assert told == ("LimitExceeded", 409, "Cannot exceed quota for GroupsPerUser: 10")
    iam.remove_user_from_group(GroupName=renamed, UserName=user)
    iam.delete_group(GroupName=renamed)


def test_a_call_with_a_users_key_is_the_users(client: Clients, user: str) -> None:
    iam = client("iam", account="222233334444")
    name = fresh("caller")
    iam.create_user(UserName=name)
    allowed = {"Effect": "Allow", "Action": ["iam:GetUser", "iam:ListAccessKeys"], "Resource": "*"}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Statement": [allowed]}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    assert (key["Status"], len(key["AccessKeyId"]), len(key["SecretAccessKey"])) == ("Active", 20, 40)
    own = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    identity = client("sts", **own).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:iam::222233334444:user/{name}"
    mine = client("iam", **own)
    assert mine.get_user()["User"]["UserName"] == name
    assert [one["AccessKeyId"] for one in mine.list_access_keys()["AccessKeyMetadata"]] == [
        key["AccessKeyId"]
    ]
    iam.update_user(UserName=name, NewUserName=f"{name}-2")
    assert client("sts", **own).get_caller_identity()["Arn"].endswith(f":user/{name}-2")
    assert iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["UserName"] == f"{name}-2"
    iam.delete_user_policy(UserName=f"{name}-2", PolicyName="p")
    iam.update_access_key(UserName=f"{name}-2", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert refusal(client("sts", **own).get_caller_identity)[:2] == ("InvalidClientTokenId", 403)
    assert refusal(client("s3", **own).list_buckets)[:2] == ("InvalidAccessKeyId", 403)
    assert refusal(client("logs", **own).describe_log_groups)[:2] == ("UnrecognizedClientException", 400)
    iam.create_access_key(UserName=f"{name}-2")
    told = refusal(iam.create_access_key, UserName=f"{name}-2")
    assert told == ("LimitExceeded", 409, "Cannot exceed quota for AccessKeysPerUser: 2")
    with pytest.raises(iam.exceptions.DeleteConflictException, match="must delete access keys first"):
        iam.delete_user(UserName=f"{name}-2")
    for one in iam.list_access_keys(UserName=f"{name}-2")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=f"{name}-2", AccessKeyId=one["AccessKeyId"])
    iam.delete_user(UserName=f"{name}-2")


def test_instance_profiles_have_one_role(iam: Any) -> None:
    name, role = fresh("profile"), fresh("role")
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust("ec2.amazonaws.com")))
    iam.create_instance_profile(InstanceProfileName=name, Tags=[{"Key": "a", "Value": "b"}])
    iam.tag_instance_profile(InstanceProfileName=name, Tags=[{"Key": "c", "Value": "d"}])
    iam.untag_instance_profile(InstanceProfileName=name, TagKeys=["a"])
    assert iam.list_instance_profile_tags(InstanceProfileName=name)["Tags"] == [{"Key": "c", "Value": "d"}]
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
    assert (
        refusal(iam.add_role_to_instance_profile, InstanceProfileName=name, RoleName=role)[0]
        == "LimitExceeded"
    )
    (shown,) = iam.list_instance_profiles_for_role(RoleName=role)["InstanceProfiles"]
    assert [one["RoleName"] for one in shown["Roles"]] == [role]
    assert name in [one["InstanceProfileName"] for one in iam.list_instance_profiles()["InstanceProfiles"]]
    said = "Cannot delete entity, must remove roles from instance profile first."
    assert refusal(iam.delete_role, RoleName=role) == ("DeleteConflict", 409, said)
    assert refusal(iam.delete_instance_profile, InstanceProfileName=name) == ("DeleteConflict", 409, said)
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role)
    iam.delete_instance_profile(InstanceProfileName=name)
    assert refusal(iam.get_instance_profile, InstanceProfileName=name)[0] == "NoSuchEntity"


def template(version: int) -> str:
    document = json.loads(POLICY) | {"Id": f"version{version}"}
    user, group = {"Ref": "User"}, {"Ref": "Group"}
    role = {"Ref": "Role"}
    inline = {"PolicyName": "own", "PolicyDocument": document}
    resources: dict[str, tuple[str, dict[str, Any]]] = {
        "Role": ("Role", {"AssumeRolePolicyDocument": trust("ec2.amazonaws.com")}),
        "Group": ("Group", {"Policies": [inline], "Path": f"/v{version}/"}),
        "Team": ("Group", {"ManagedPolicyArns": [BASIC] if version == 1 else []}),
        "User": (
            "User",
            {"Groups": [group], "Policies": [inline], "Tags": [{"Key": "version", "Value": str(version)}]},
        ),
        "Addition": (
            "UserToGroupAddition",
            {"GroupName": {"Ref": "Team"}, "Users": [user] if version == 1 else [{"Ref": "Second"}]},
        ),
        "Second": ("User", {}),
        "Key": ("AccessKey", {"UserName": user, "Status": "Active" if version == 1 else "Inactive"}),
        "Profile": ("InstanceProfile", {"Roles": [role]}),
        "UserPolicy": ("UserPolicy", {"UserName": user, "PolicyName": "one", "PolicyDocument": document}),
        "GroupPolicy": ("GroupPolicy", {"GroupName": group, "PolicyName": "one", "PolicyDocument": document}),
        "RolePolicy": ("RolePolicy", {"RoleName": role, "PolicyName": "one", "PolicyDocument": document}),
        "Policy": (
            "Policy",
            {
                "PolicyName": "many",
                "PolicyDocument": document,
                "Users": [user],
                "Groups": [group] if version == 1 else [],
            },
        ),
        "Managed": ("ManagedPolicy", {"PolicyDocument": document, "Users": [user], "Groups": [group]}),
    }
    outputs = {
        "User": user,
        "Group": group,
        "Key": {"Ref": "Key"},
        "Secret": {"Fn::GetAtt": ["Key", "SecretAccessKey"]},
        "Profile": {"Fn::GetAtt": ["Profile", "Arn"]},
        "Team": {"Ref": "Team"},
    }
    return json.dumps(
        {
            "Resources": {
                name: {"Type": f"AWS::IAM::{kind}", "Properties": properties}
                for name, (kind, properties) in resources.items()
            },
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
    )


def test_a_stack_makes_changes_and_deletes_all_of_them(client: Clients, iam: Any) -> None:
    stacks, name = client("cloudformation"), fresh("Iam")

    def outputs() -> dict[str, str]:
        (stack,) = stacks.describe_stacks(StackName=name)["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    capable = {"StackName": name, "Capabilities": ["CAPABILITY_NAMED_IAM"]}
    stacks.create_stack(TemplateBody=template(1), **capable)
    stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    made = outputs()
    own = {"aws_access_key_id": made["Key"], "aws_secret_access_key": made["Secret"]}
    assert client("sts", **own).get_caller_identity()["Arn"].endswith(f":user/{made['User']}")
    groups = {one["GroupName"] for one in iam.list_groups_for_user(UserName=made["User"])["Groups"]}
    assert groups == {made["Group"], made["Team"]}
    assert sorted(iam.list_user_policies(UserName=made["User"])["PolicyNames"]) == ["many", "one", "own"]
    assert sorted(iam.list_group_policies(GroupName=made["Group"])["PolicyNames"]) == ["many", "one", "own"]
    stacks.update_stack(TemplateBody=template(2), **capable)
    stacks.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    assert outputs() == made
    (key,) = iam.list_access_keys(UserName=made["User"])["AccessKeyMetadata"]
    assert key["Status"] == "Inactive"
    groups = {one["GroupName"] for one in iam.list_groups_for_user(UserName=made["User"])["Groups"]}
    assert groups == {made["Group"]}
    assert iam.get_group(GroupName=made["Group"])["Group"]["Path"] == "/v2/"
    assert sorted(iam.list_group_policies(GroupName=made["Group"])["PolicyNames"]) == ["one", "own"]
    assert iam.get_user_policy(UserName=made["User"], PolicyName="one")["PolicyDocument"]["Id"] == "version2"
    stacks.delete_stack(StackName=name)
    stacks.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    assert refusal(iam.get_user, UserName=made["User"])[0] == "NoSuchEntity"
    assert refusal(iam.get_group, GroupName=made["Group"])[0] == "NoSuchEntity"


def test_what_a_user_never_has_is_listed_as_none(iam: Any, user: str) -> None:
    """Terraform's `force_destroy` and boto3's resources read all of these."""
    for kind in ("mfa_devices", "signing_certificates", "ssh_public_keys", "service_specific_credentials"):
        listed = getattr(iam, f"list_{kind}")
        (members,) = (value for value in listed(UserName=user).values() if isinstance(value, list))
        assert members == []
        assert refusal(lambda listed=listed: listed(UserName="nobody"))[0] == "NoSuchEntity"
    for kind in ("virtual_mfa_devices", "server_certificates", "saml_providers", "open_id_connect_providers"):
        (members,) = (value for value in getattr(iam, f"list_{kind}")().values() if isinstance(value, list))
        assert members == []
    assert refusal(iam.get_account_password_policy)[1] == 404
