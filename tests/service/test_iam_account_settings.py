"""Account aliases, the password policy, login profiles, service-linked roles and identity providers by boto3."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import refusal

Clients = Callable[..., Any]
ACCOUNT = "000000000000"
METADATA = (
    '<?xml version="1.0"?><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" '
    'validUntil="2031-05-06T07:08:09Z" entityID="urn:example">' + " " * 1000 + "</md:EntityDescriptor>"
)
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def fresh(noun: str) -> str:
    return f"{noun}-{uuid4().hex[:8]}"


@pytest.fixture
def iam(client: Clients) -> Any:
    return client("iam")


def test_an_account_has_one_alias_that_no_other_has(iam: Any, client: Clients) -> None:
    first, second = fresh("alias"), fresh("alias")
    iam.create_account_alias(AccountAlias=first)
    assert iam.list_account_aliases()["AccountAliases"] == [first]
    other = client("iam", account="222233334444")
    told = refusal(other.create_account_alias, AccountAlias=first)
    assert told == ("EntityAlreadyExists", 409, f"The account alias {first} already exists.")
    assert refusal(other.delete_account_alias, AccountAlias=first)[0] == "NoSuchEntity"
    iam.create_account_alias(AccountAlias=second)
    assert iam.list_account_aliases()["AccountAliases"] == [second]
    iam.delete_account_alias(AccountAlias=second)
    assert iam.list_account_aliases()["AccountAliases"] == []
    assert refusal(iam.delete_account_alias, AccountAlias=second)[:2] == ("NoSuchEntity", 404)


def test_the_password_policy_is_replaced_and_checked(client: Clients) -> None:
    iam = client("iam", account="333344445555")
    user = fresh("user")
    iam.create_user(UserName=user)
    assert refusal(iam.get_account_password_policy)[:2] == ("NoSuchEntity", 404)
    told = refusal(iam.create_login_profile, UserName=user, Password="password")
    assert told[0] == "PasswordPolicyViolation"
    iam.update_account_password_policy(MinimumPasswordLength=12, RequireNumbers=True, MaxPasswordAge=90)
    policy = iam.get_account_password_policy()["PasswordPolicy"]
    assert (policy["MinimumPasswordLength"], policy["RequireNumbers"], policy["ExpirePasswords"]) == (
        12,
        True,
        True,
    )
    iam.update_account_password_policy(RequireSymbols=True)
    policy = iam.get_account_password_policy()["PasswordPolicy"]
    assert (policy["MinimumPasswordLength"], policy["RequireNumbers"]) == (6, False)
    assert refusal(iam.create_login_profile, UserName=user, Password="abcdefgh")[0] == told[0]
    iam.create_login_profile(UserName=user, Password="abcde!")
    iam.delete_account_password_policy()
    assert refusal(iam.delete_account_password_policy)[0] == "NoSuchEntity"


def test_a_login_profile_is_kept_without_its_password(iam: Any) -> None:
    user = fresh("user")
    iam.create_user(UserName=user)
    made = iam.create_login_profile(UserName=user, Password="Sesame-42!", PasswordResetRequired=True)
    assert made["LoginProfile"]["PasswordResetRequired"] is True
    again = refusal(iam.create_login_profile, UserName=user, Password="Sesame-42!")
    assert again[:2] == ("EntityAlreadyExists", 409)
    iam.update_login_profile(UserName=user, PasswordResetRequired=False)
    assert iam.get_login_profile(UserName=user)["LoginProfile"]["PasswordResetRequired"] is False
    iam.generate_credential_report()
    report = iam.get_credential_report()["Content"].decode()
    (line,) = [one for one in report.splitlines() if one.startswith(f"{user},")]
    assert line.split(",")[3:5] == ["true", "no_information"]
    told = refusal(iam.delete_user, UserName=user)
    assert told == ("DeleteConflict", 409, "Cannot delete entity, must delete login profile first.")
    iam.delete_login_profile(UserName=user)
    assert refusal(iam.get_login_profile, UserName=user)[0] == "NoSuchEntity"
    iam.delete_user(UserName=user)


@pytest.fixture
def lambda_role(client: Clients) -> Any:
    iam = client("iam", account="444455556666")
    role = iam.create_service_linked_role(AWSServiceName="replicator.lambda.amazonaws.com")["Role"]
    yield iam, role
    iam.delete_service_linked_role(RoleName=role["RoleName"])


def test_a_service_linked_role_belongs_to_its_service(lambda_role: Any) -> None:
    iam, role = lambda_role
    name = role["RoleName"]
    assert name == "AWSServiceRoleForLambdaReplicator"
    assert role["Path"] == "/aws-service-role/replicator.lambda.amazonaws.com/"
    (attached,) = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert attached["PolicyArn"] == "arn:aws:iam::aws:policy/aws-service-role/AWSLambdaReplicator"
    protected = (
        f"Cannot perform the operation on the protected role '{name}' - this role is only modifiable by AWS"
    )
    document = json.dumps(role["AssumeRolePolicyDocument"])
    allowing = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    everything = json.dumps({"Version": "2012-10-17", "Statement": allowing})
    for operation, params in (
        ("delete_role", {}),
        ("attach_role_policy", {"PolicyArn": BASIC}),
        ("detach_role_policy", {"PolicyArn": attached["PolicyArn"]}),
        ("put_role_policy", {"PolicyName": "x", "PolicyDocument": everything}),
        ("delete_role_policy", {"PolicyName": "x"}),
        ("update_assume_role_policy", {"PolicyDocument": document}),
        ("put_role_permissions_boundary", {"PermissionsBoundary": BASIC}),
        ("delete_role_permissions_boundary", {}),
        ("update_role", {"MaxSessionDuration": 7200}),
    ):
        told = refusal(getattr(iam, operation), RoleName=name, **params)
        assert told == ("UnmodifiableEntity", 400, protected), operation
    iam.update_role(RoleName=name, Description="for the edge")
    assert iam.get_role(RoleName=name)["Role"]["Description"] == "for the edge"
    taken = refusal(iam.create_service_linked_role, AWSServiceName="replicator.lambda.amazonaws.com")
    assert taken[0] == "InvalidInput"
    assert "has been taken in this account" in taken[2]


def test_a_service_linked_role_is_deleted_by_a_task(client: Clients) -> None:
    iam = client("iam", account="555566667777")
    asked = {"AWSServiceName": "autoscaling.amazonaws.com", "CustomSuffix": "two"}
    role = iam.create_service_linked_role(**asked)["Role"]
    assert role["RoleName"] == "AWSServiceRoleForAutoScaling_two"
    task = iam.delete_service_linked_role(RoleName=role["RoleName"])["DeletionTaskId"]
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"
    assert refusal(iam.get_role, RoleName=role["RoleName"])[0] == "NoSuchEntity"
    assert (
        refusal(iam.get_service_linked_role_deletion_status, DeletionTaskId=f"{task}x")[0] == "NoSuchEntity"
    )
    assert (
        refusal(iam.create_service_linked_role, AWSServiceName="nonsense.amazonaws.com")[0] == "InvalidInput"
    )
    suffixed = {"AWSServiceName": "ecs.amazonaws.com", "CustomSuffix": "x"}
    assert refusal(iam.create_service_linked_role, **suffixed)[0] == "InvalidInput"


def test_an_oidc_provider_is_kept_with_its_clients(iam: Any) -> None:
    host = f"{fresh('idp')}.example.com/tenant"
    asked = {"Url": f"https://{host}", "ClientIDList": ["sts.amazonaws.com"], "ThumbprintList": ["a" * 40]}
    arn = iam.create_open_id_connect_provider(**asked, Tags=[{"Key": "a", "Value": "b"}])[
        "OpenIDConnectProviderArn"
    ]
    assert arn == f"arn:aws:iam::{ACCOUNT}:oidc-provider/{host}"
    chosen = {"OpenIDConnectProviderArn": arn}
    iam.add_client_id_to_open_id_connect_provider(**chosen, ClientID="two")
    iam.remove_client_id_from_open_id_connect_provider(**chosen, ClientID="sts.amazonaws.com")
    iam.update_open_id_connect_provider_thumbprint(**chosen, ThumbprintList=["b" * 40])
    iam.tag_open_id_connect_provider(**chosen, Tags=[{"Key": "c", "Value": "d"}])
    iam.untag_open_id_connect_provider(**chosen, TagKeys=["a"])
    shown = iam.get_open_id_connect_provider(**chosen)
    assert (shown["Url"], shown["ClientIDList"], shown["ThumbprintList"]) == (host, ["two"], ["b" * 40])
    assert (
        iam.list_open_id_connect_provider_tags(**chosen)["Tags"]
        == shown["Tags"]
        == [{"Key": "c", "Value": "d"}]
    )
    assert arn in [one["Arn"] for one in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
    assert refusal(iam.create_open_id_connect_provider, **asked)[:2] == ("EntityAlreadyExists", 409)
    for wrong in ({"Url": f"http://{host}"}, {"ThumbprintList": ["xyz" * 14]}):
        assert refusal(iam.create_open_id_connect_provider, **{**asked, **wrong})[0] == "ValidationError"
    iam.delete_open_id_connect_provider(**chosen)
    iam.delete_open_id_connect_provider(**chosen)
    assert refusal(iam.get_open_id_connect_provider, **chosen)[:2] == ("NoSuchEntity", 404)


def test_a_saml_provider_is_kept_with_its_metadata(iam: Any) -> None:
    name = fresh("idp")
    arn = iam.create_saml_provider(Name=name, SAMLMetadataDocument=METADATA)["SAMLProviderArn"]
    assert arn == f"arn:aws:iam::{ACCOUNT}:saml-provider/{name}"
    shown = iam.get_saml_provider(SAMLProviderArn=arn)
    assert shown["SAMLMetadataDocument"] == METADATA
    assert shown["ValidUntil"].isoformat() == "2031-05-06T07:08:09+00:00"
    iam.update_saml_provider(SAMLProviderArn=arn, SAMLMetadataDocument=METADATA.replace("2031", "2032"))
    assert iam.get_saml_provider(SAMLProviderArn=arn)["ValidUntil"].year == 2032
    iam.tag_saml_provider(SAMLProviderArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    assert iam.list_saml_provider_tags(SAMLProviderArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    iam.untag_saml_provider(SAMLProviderArn=arn, TagKeys=["a"])
    assert arn in [one["Arn"] for one in iam.list_saml_providers()["SAMLProviderList"]]
    assert refusal(iam.create_saml_provider, Name=name, SAMLMetadataDocument="x" * 1000)[0] == "InvalidInput"
    assert (
        refusal(iam.create_saml_provider, Name=name, SAMLMetadataDocument=METADATA)[0]
        == "EntityAlreadyExists"
    )
    iam.delete_saml_provider(SAMLProviderArn=arn)
    assert refusal(iam.get_saml_provider, SAMLProviderArn=arn)[0] == "NoSuchEntity"


def test_what_nobody_has_is_refused_by_name(iam: Any) -> None:
    for call, params in (
        (iam.create_virtual_mfa_device, {"VirtualMFADeviceName": "x"}),
        (
            iam.upload_server_certificate,
            {"ServerCertificateName": "x", "CertificateBody": "x", "PrivateKey": "x"},
        ),
        (iam.change_password, {"OldPassword": "x", "NewPassword": "y"}),
    ):
        assert refusal(call, **params)[:2] == ("NotImplementedException", 501)


def test_a_condition_names_the_service_of_a_linked_role(client: Clients) -> None:
    account = "666677778888"
    iam = client("iam", account=account)
    user = fresh("user")
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    statement = {
        "Effect": "Allow",
        "Action": "iam:CreateServiceLinkedRole",
        "Resource": f"arn:aws:iam::{account}:role/aws-service-role/*",
        "Condition": {"StringEquals": {"iam:AWSServiceName": "ecs.amazonaws.com"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=document)
    keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    own = client("iam", **keys)
    assert refusal(own.create_service_linked_role, AWSServiceName="rds.amazonaws.com")[0] == "AccessDenied"
    assert own.create_service_linked_role(AWSServiceName="ecs.amazonaws.com")["Role"]["RoleName"]
