"""Who has a key by a grant may do what the grant says, pass on no more than that, and end only what it may end.

https://docs.aws.amazon.com/kms/latest/developerguide/create-grant-overview.html
https://docs.aws.amazon.com/kms/latest/developerguide/grant-delete.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nodes import RunningNode
from users import OTHER_ACCOUNT, User, refusal, statement


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    running = RunningNode(environ={"NIGHTBUS_AUTHORIZATION": "enforce"})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def kms(node: RunningNode) -> Any:
    return node.client("kms")


@pytest.fixture(scope="module")
def key(kms: Any) -> str:
    return str(kms.create_key()["KeyMetadata"]["Arn"])


@pytest.fixture(scope="module")
def nobody(node: RunningNode) -> User:
    return User(node, "nobody")


def test_a_grantee_needs_no_policy_and_passes_on_what_it_has(
    node: RunningNode, kms: Any, key: str, nobody: User
) -> None:
    user = User(node, "grantee")
    kms.create_grant(KeyId=key, GranteePrincipal=user.arn, Operations=["CreateGrant", "Decrypt"])
    blob, grantee = kms.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"], user.client("kms")
    assert grantee.decrypt(CiphertextBlob=blob)["Plaintext"] == b"text"
    for operations in (["Encrypt"], ["Decrypt", "Encrypt"], ["Decrypt", "RetireGrant"]):
        refusal(grantee.create_grant, KeyId=key, GranteePrincipal=user.arn, Operations=operations)
    refusal(grantee.encrypt, KeyId=key, Plaintext=b"text")
    other = nobody.client("kms")
    refusal(other.decrypt, CiphertextBlob=blob)
    grantee.create_grant(KeyId=key, GranteePrincipal=nobody.arn, Operations=["Decrypt"])
    assert other.decrypt(CiphertextBlob=blob)["Plaintext"] == b"text"
    refusal(other.create_grant, KeyId=key, GranteePrincipal=nobody.arn, Operations=["Decrypt"])


@pytest.mark.parametrize(
    ("kind", "stricter", "weaker"),
    [
        (
            "EncryptionContextSubset",
            [
                {"EncryptionContextSubset": {"a": "1", "c": "3"}},
                {"EncryptionContextEquals": {"a": "1", "c": "3"}},
            ],
            [{}, {"EncryptionContextSubset": {"a": "2"}}, {"EncryptionContextSubset": {"c": "3"}}],
        ),
        (
            "EncryptionContextEquals",
            [{"EncryptionContextEquals": {"a": "1"}}],
            [
                {},
                {"EncryptionContextEquals": {"a": "1", "c": "3"}},
                {"EncryptionContextSubset": {"a": "1"}},
                {"EncryptionContextSubset": {"a": "1", "c": "3"}},
            ],
        ),
    ],
)
def test_a_constraint_holds_and_is_passed_on(
    node: RunningNode,
    kms: Any,
    key: str,
    nobody: User,
    kind: str,
    stricter: list[dict[str, Any]],
    weaker: list[dict[str, Any]],
) -> None:
    user = User(node, kind)
    operations = ["CreateGrant", "Encrypt", "DescribeKey"]
    kms.create_grant(
        KeyId=key, GranteePrincipal=user.arn, Operations=operations, Constraints={kind: {"a": "1"}}
    )
    client = user.client("kms")
    client.describe_key(KeyId=key)
    client.encrypt(KeyId=key, Plaintext=b"text", EncryptionContext={"a": "1"})
    for context in {}, {"a": "2"}, {"b": "1"}, {"a": "${kms:CallerAccount}"}:
        refusal(client.encrypt, KeyId=key, Plaintext=b"text", EncryptionContext=context)
    more = {"KeyId": key, "Plaintext": b"text", "EncryptionContext": {"a": "1", "b": "2"}}
    if kind == "EncryptionContextEquals":
        refusal(client.encrypt, **more)
    else:
        client.encrypt(**more)
    passed_on = {"KeyId": key, "GranteePrincipal": nobody.arn, "Operations": ["Encrypt"]}
    for constraints in weaker:
        refusal(client.create_grant, **passed_on, Constraints=constraints)
    for constraints in stricter:
        client.create_grant(**passed_on, Constraints=constraints)


def test_the_grant_says_who_retires_it(node: RunningNode, kms: Any, key: str, nobody: User) -> None:
    def granted(*operations: str, **more: Any) -> dict[str, str]:
        reply = kms.create_grant(
            KeyId=key, GranteePrincipal=retiring.arn, Operations=["Decrypt", *operations], **more
        )
        return {"KeyId": key, "GrantId": reply["GrantId"]}

    retiring = User(node, "retiring")
    revoking = User(node, "revoking", ("kms:RevokeGrant", key))
    delegated = User(node, "delegated", ("kms:RetireGrant", key))
    foreign = User(node, "foreign-retiring", account=OTHER_ACCOUNT)
    denied = User(node, "denied-retiring", statement("kms:RetireGrant", "*", Effect="Deny"))
    plain = granted()
    for user in nobody, retiring, revoking, foreign:
        refusal(user.client("kms").retire_grant, **plain)
    retiring.client("kms").retire_grant(**granted("RetireGrant"))
    refusal(retiring.client("kms").retire_grant, **plain)  # although another grant let it
    refusal(denied.client("kms").retire_grant, **granted(RetiringPrincipal=denied.arn))
    for user in nobody, foreign:
        user.client("kms").retire_grant(**granted(RetiringPrincipal=user.arn))
    refusal(delegated.client("kms").revoke_grant, **plain)
    delegated.client("kms").retire_grant(**plain)
    revoking.client("kms").revoke_grant(**granted())
    kms.retire_grant(**granted())


def test_a_policy_limits_the_grants_that_may_be_made(
    node: RunningNode, kms: Any, key: str, nobody: User
) -> None:
    limits: dict[str, dict[str, Any]] = {
        "operations": {"ForAllValues:StringEquals": {"kms:GrantOperations": ["Decrypt"]}},
        "grantee": {"StringEquals": {"kms:GranteePrincipal": nobody.arn}},
        "constraint": {"ForAnyValue:StringEquals": {"kms:GrantConstraintType": "EncryptionContextSubset"}},
        "service": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
    }
    good = {
        "KeyId": key,
        "GranteePrincipal": nobody.arn,
        "Operations": ["Decrypt"],
        "Constraints": {"EncryptionContextSubset": {"a": "1"}},
    }
    bad: dict[str, dict[str, Any]] = {
        "operations": {**good, "Operations": ["Decrypt", "DescribeKey"]},
        "grantee": {**good, "GranteePrincipal": "arn:aws:iam::000000000000:root"},
        "constraint": {**good, "Constraints": {"EncryptionContextEquals": {"a": "1"}}},
        "service": good,
    }
    for name, condition in limits.items():
        user = User(node, f"by-{name}", statement("kms:CreateGrant", key, Condition=condition))
        refusal(user.client("kms").create_grant, **bad[name])
        if bad[name] != good:
            user.client("kms").create_grant(**good)


def test_a_grant_for_another_account(node: RunningNode, kms: Any, key: str) -> None:
    """A grant is enough for a principal of another account; one for the account leaves it to the account."""
    blob = kms.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
    named = User(node, "named", account=OTHER_ACCOUNT)
    able = User(node, "able", ("kms:*", "*"), account=OTHER_ACCOUNT)
    unable = User(node, "unable", account=OTHER_ACCOUNT)
    users = [one.client("kms") for one in (named, able, unable)]
    for user in users:
        refusal(user.decrypt, CiphertextBlob=blob, KeyId=key)
    kms.create_grant(KeyId=key, GranteePrincipal=named.arn, Operations=["Decrypt"])
    users[0].decrypt(CiphertextBlob=blob, KeyId=key)
    kms.create_grant(KeyId=key, GranteePrincipal=f"arn:aws:iam::{OTHER_ACCOUNT}:root", Operations=["Decrypt"])
    users[1].decrypt(CiphertextBlob=blob, KeyId=key)
    refusal(users[2].decrypt, CiphertextBlob=blob, KeyId=key)


def test_the_resource_of_listing_retirable_grants_is_the_retiring_principal(
    node: RunningNode, nobody: User
) -> None:
    lister = User(node, "lister", ("kms:ListRetirableGrants", nobody.arn)).client("kms")
    lister.list_retirable_grants(RetiringPrincipal=nobody.arn)
    refusal(lister.list_retirable_grants, RetiringPrincipal="arn:aws:iam::000000000000:root")


def test_aliases_of_keys_are_conditions(node: RunningNode, kms: Any, key: str) -> None:
    other = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/shop-one", TargetKeyId=key)
    condition = {"ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/shop-*"}}
    user = User(node, "by-alias", statement("kms:Encrypt", "*", Condition=condition)).client("kms")
    user.encrypt(KeyId=key, Plaintext=b"text")
    refusal(user.encrypt, KeyId=other, Plaintext=b"text")
    kms.update_alias(AliasName="alias/shop-one", TargetKeyId=other)
    user.encrypt(KeyId=other, Plaintext=b"text")
    refusal(user.encrypt, KeyId=key, Plaintext=b"text")


def test_both_keys_of_a_new_primary_region_are_judged(node: RunningNode, kms: Any) -> None:
    key = kms.create_key(MultiRegion=True)["KeyMetadata"]
    kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion="eu-west-1")
    both = [key["Arn"], key["Arn"].replace("us-east-1", "eu-west-1")]
    move = {"KeyId": key["KeyId"], "PrimaryRegion": "eu-west-1"}
    one = User(node, "one-region", ("kms:UpdatePrimaryRegion", both[0]))
    refusal(one.client("kms").update_primary_region, **move)
    two = User(node, "two-regions", ("kms:UpdatePrimaryRegion", both))
    two.client("kms").update_primary_region(**move)
