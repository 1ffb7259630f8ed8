"""The lives of the types of IAM."""

from __future__ import annotations

import json
from typing import Any

from type_lives import Drift, Life

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
ROLE = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}


def policy(action: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def set_inline_policy(client: Any, id: str, name: str) -> None:
    for role in client("iam").get_paginator("list_roles").paginate().search("Roles[].RoleName"):
        if f"{name}-Role" in role:
            document = json.dumps(policy("s3:ListBucket"))
            client("iam").put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=document)


def replace_document(noun: str) -> Any:
    """Return what sets another document of the inline policy with the physical id `policy|principal`."""

    def act(client: Any, id: str, name: str) -> None:
        document = json.dumps(policy("s3:ListBucket"))
        inline, principal = id.split("|")
        put = getattr(client("iam"), f"put_{noun.lower()}_policy")
        put(PolicyName=inline, PolicyDocument=document, **{f"{noun}Name": principal})

    return act


def owner_of_key(client: Any, key: str) -> str:
    return str(client("iam").get_access_key_last_used(AccessKeyId=key)["UserName"])


def activate_key(client: Any, id: str, name: str) -> None:
    client("iam").update_access_key(UserName=owner_of_key(client, id), AccessKeyId=id, Status="Active")


def leave_group(client: Any, id: str, name: str) -> None:
    for group in client("iam").list_groups()["Groups"]:
        for user in client("iam").get_group(GroupName=group["GroupName"])["Users"]:
            if f"{name}-Two" in user["UserName"]:
                client("iam").remove_user_from_group(GroupName=group["GroupName"], UserName=user["UserName"])


def empty_profile(client: Any, id: str, name: str) -> None:
    profile = client("iam").get_instance_profile(InstanceProfileName=id)["InstanceProfile"]
    for role in profile["Roles"]:
        client("iam").remove_role_from_instance_profile(InstanceProfileName=id, RoleName=role["RoleName"])


METADATA = f'<EntityDescriptor entityID="urn:one">{" " * 1000}</EntityDescriptor>'

LIVES = [
    Life(
        "AWS::IAM::Role",
        {
            "AssumeRolePolicyDocument": TRUST,
            "Description": "one",
            "Policies": [{"PolicyName": "own", "PolicyDocument": policy("s3:GetObject")}],
            "ManagedPolicyArns": ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"],
            "Tags": [{"Key": "a", "Value": "1"}],
        },
        update={"Description": "two", "MaxSessionDuration": "7200"},
        replacement={"Path": "/other/"},
        failing={"AssumeRolePolicyDocument": {"Statement": "nonsense"}},
        drift=Drift(
            lambda client, id, name: client("iam").attach_role_policy(
                RoleName=id, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
            ),
            "/ManagedPolicyArns/0",
            "ADD",
        ),
    ),
    Life(
        "AWS::IAM::Policy",
        {"PolicyName": "own", "PolicyDocument": policy("s3:GetObject"), "Roles": [{"Ref": "Role"}]},
        update={"PolicyDocument": policy("s3:PutObject")},
        replacement={"PolicyName": "other"},
        failing={"Roles": ["NAME-none"]},
        drift=Drift(set_inline_policy, "/PolicyDocument/Statement/0/Action"),
        around={"Role": ROLE},
    ),
    Life(
        "AWS::IAM::ManagedPolicy",
        {"PolicyDocument": policy("s3:GetObject"), "Roles": [{"Ref": "Role"}]},
        update={"PolicyDocument": policy("s3:PutObject")},
        replacement={"Description": "other"},
        failing={"PolicyDocument": {"Statement": "nonsense"}},
        drift=Drift(
            lambda client, id, name: client("iam").create_policy_version(
                PolicyArn=id, PolicyDocument=json.dumps(policy("s3:ListBucket")), SetAsDefault=True
            ),
            "/PolicyDocument/Statement/0/Action",
        ),
        around={"Role": ROLE},
    ),
    *(
        Life(
            f"AWS::IAM::{noun}Policy",
            {"PolicyName": "own", "PolicyDocument": policy("s3:GetObject"), f"{noun}Name": {"Ref": noun}},
            update={"PolicyDocument": policy("s3:PutObject")},
            replacement={"PolicyName": "other"},
            failing={f"{noun}Name": "NAME-none"},
            drift=Drift(replace_document(noun), "/PolicyDocument/Statement/0/Action"),
            around={noun: ROLE if noun == "Role" else {"Type": f"AWS::IAM::{noun}"}},
        )
        for noun in ("Role", "User", "Group")
    ),
    Life(
        "AWS::IAM::User",
        {
            "Groups": [{"Ref": "Group"}],
            "Policies": [{"PolicyName": "own", "PolicyDocument": policy("s3:GetObject")}],
            "LoginProfile": {"Password": "Sesame-42!"},
            "Tags": [{"Key": "a", "Value": "1"}],
        },
        update={
            "Path": "/x/",
            "LoginProfile": {"Password": "Sesame-43!", "PasswordResetRequired": True},
            "ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"],
            "Groups": None,
        },
        replacement={"UserName": "NAME-other"},
        failing={"Policies": [{"PolicyName": "own", "PolicyDocument": {"Statement": "nonsense"}}]},
        drift=Drift(lambda client, id, name: client("iam").update_user(UserName=id, NewPath="/y/"), "/Path"),
        around={"Group": {"Type": "AWS::IAM::Group"}},
    ),
    Life(
        "AWS::IAM::Group",
        {"Policies": [{"PolicyName": "own", "PolicyDocument": policy("s3:GetObject")}]},
        update={"Path": "/x/", "Policies": None},
        replacement={"GroupName": "NAME-other"},
        failing={"Policies": [{"PolicyName": "own", "PolicyDocument": {"Statement": "nonsense"}}]},
        drift=Drift(
            lambda client, id, name: client("iam").update_group(GroupName=id, NewPath="/y/"), "/Path"
        ),
    ),
    Life(
        "AWS::IAM::UserToGroupAddition",
        {"GroupName": {"Ref": "Group"}, "Users": [{"Ref": "One"}, {"Ref": "Two"}]},
        update={"Users": [{"Ref": "Two"}, {"Ref": "One"}, {"Ref": "Three"}]},
        replacement=None,
        failing={"Users": ["NAME-none"]},
        drift=Drift(leave_group, "/Users/2", "REMOVE"),
        around={
            "Group": {"Type": "AWS::IAM::Group"},
            **{name: {"Type": "AWS::IAM::User"} for name in ("One", "Two", "Three")},
        },
        why_not="no property of it is replaced on AWS",
    ),
    Life(
        "AWS::IAM::AccessKey",
        {"UserName": {"Ref": "User"}},
        update={"Status": "Inactive"},
        replacement={"Serial": "2"},
        failing={"UserName": "NAME-none"},
        drift=Drift(activate_key, "/Status"),
        around={"User": {"Type": "AWS::IAM::User"}},
    ),
    Life(
        "AWS::IAM::InstanceProfile",
        {"Roles": [{"Ref": "Role"}]},
        update={"Roles": [{"Ref": "Second"}]},
        replacement={"Path": "/x/"},
        failing={"Roles": ["NAME-none"]},
        drift=Drift(empty_profile, "/Roles", "REMOVE"),
        around={"Role": ROLE, "Second": ROLE},
    ),
    Life(
        "AWS::IAM::OIDCProvider",
        {
            "Url": "https://NAME.example.com/tenant",
            "ClientIdList": ["one", "two"],
            "ThumbprintList": ["a" * 40],
            "Tags": [{"Key": "a", "Value": "1"}],
        },
        update={"ClientIdList": ["two", "three"], "ThumbprintList": ["b" * 40], "Tags": None},
        replacement={"Url": "https://NAME.example.com/other"},
        failing={"Url": "http://NAME.example.com"},
        drift=Drift(
            lambda client, id, name: client("iam").update_open_id_connect_provider_thumbprint(
                OpenIDConnectProviderArn=id, ThumbprintList=["c" * 40]
            ),
            "/ThumbprintList/0",
            "ADD",
        ),
    ),
    Life(
        "AWS::IAM::SAMLProvider",
        {
            "AssertionEncryptionMode": "Allowed",
            "SamlMetadataDocument": METADATA,
            "Tags": [{"Key": "a", "Value": "1"}],
        },
        update={"SamlMetadataDocument": METADATA.replace("one", "two"), "Tags": None},
        replacement={"Name": "NAME-other"},
        failing={"SamlMetadataDocument": "nonsense" * 200},
        drift=Drift(
            lambda client, id, name: client("iam").update_saml_provider(
                SAMLProviderArn=id, AssertionEncryptionMode="Required"
            ),
            "/AssertionEncryptionMode",
        ),
    ),
    Life(
        "AWS::IAM::ServiceLinkedRole",
        {"AWSServiceName": "autoscaling.amazonaws.com", "CustomSuffix": "NAME", "Description": "one"},
        update={"Description": "two"},
        replacement={"CustomSuffix": "NAME-b"},
        failing={"AWSServiceName": "nonsense.amazonaws.com"},
        drift=Drift(
            lambda client, id, name: client("iam").update_role_description(RoleName=id, Description="x"),
            "/Description",
        ),
    ),
]
