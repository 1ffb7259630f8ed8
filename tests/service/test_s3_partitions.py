"""A bucket is reached by the Regions of its partition alone, so that its policies name it by one ARN.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nodes import RunningNode
from signed_requests import Key, send, sign
from users import OTHER_ACCOUNT, User, code_of, document, statement

OTHER_PARTITION = ("cn-north-1", "us-gov-west-1")
BUCKET = "one-arn-bucket"


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    running = RunningNode(environ={"NIGHTBUS_AUTHORIZATION": "enforce"})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def user(node: RunningNode) -> User:
    denial = {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "arn:aws:s3:::*",
    }
    return User(node, "kept-out", ("*", "*"), denial)


@pytest.fixture(scope="module")
def bucket(node: RunningNode) -> str:
    s3 = node.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="note", Body=b"text")
    return BUCKET


@pytest.mark.parametrize("region", OTHER_PARTITION)
def test_a_bucket_is_not_reached_by_a_region_of_another_partition(
    node: RunningNode, user: User, bucket: str, region: str
) -> None:
    credentials: Any = user.client("s3")._request_signer._credentials
    key = Key(credentials.access_key, credentials.secret_key)
    for method, target in (("GET", f"/{bucket}/note"), ("PUT", f"/{bucket}/new"), ("GET", f"/{bucket}")):
        status, text = send(node, sign(node, key, "s3", method, target, region=region))
        assert (status, "AuthorizationHeaderMalformed" in text) == (400, True), text
        assert "expecting 'us-east-1'" in text


def test_several_objects_of_a_bucket_in_china_are_deleted_by_their_arns(node: RunningNode) -> None:
    china = OTHER_PARTITION[0]
    owner = node.client("s3", region=china)
    owner.create_bucket(Bucket="bucket-in-china", CreateBucketConfiguration={"LocationConstraint": china})
    for key in ("kept", "loose"):
        owner.put_object(Bucket="bucket-in-china", Key=key, Body=b"text", Tagging="team=blue")
    objects = "arn:aws-cn:s3:::bucket-in-china"
    denial = {"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": f"{objects}/kept"}
    cleaner = User(node, "cleaner", ("s3:*", f"{objects}/*"), denial).client("s3", region=china)
    cleaner.copy_object(
        Bucket="bucket-in-china", Key="copy", CopySource={"Bucket": "bucket-in-china", "Key": "kept"}
    )
    both = {"Objects": [{"Key": "kept"}, {"Key": "loose"}]}
    reply = cleaner.delete_objects(Bucket="bucket-in-china", Delete=both)
    assert [one["Key"] for one in reply["Deleted"]] == ["loose"]
    assert [one["Code"] for one in reply["Errors"]] == ["AccessDenied"]


def test_who_reads_a_bucket_in_china_by_its_policy_names_it_by_its_arn(node: RunningNode) -> None:
    china = OTHER_PARTITION[0]
    owner = node.client("s3", region=china)
    name = "shared-in-china"
    owner.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": china})
    owner.put_object(Bucket=name, Key="note", Body=b"text")
    allowed = {**statement("s3:GetObject", f"arn:aws-cn:s3:::{name}/*"), "Principal": {"AWS": OTHER_ACCOUNT}}
    owner.put_bucket_policy(Bucket=name, Policy=document(allowed))
    theirs = node.client("s3", region=china, account=OTHER_ACCOUNT)
    assert theirs.get_object(Bucket=name, Key="note")["Body"].read() == b"text"


def test_an_object_in_china_is_encrypted_for_its_arn(node: RunningNode) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#encryption-context"""
    china = OTHER_PARTITION[0]
    node.client("s3", region=china).create_bucket(
        Bucket="sealed-in-china", CreateBucketConfiguration={"LocationConstraint": china}
    )
    key = node.client("kms", region=china).create_key()["KeyMetadata"]["Arn"]
    encrypted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    for partition, stored in (("aws", ""), ("aws-cn", "note")):
        context = {"kms:EncryptionContext:aws:s3:arn": f"arn:{partition}:s3:::sealed-in-china/note"}
        allowed = statement("kms:GenerateDataKey", key, Condition={"StringEquals": context})
        writer = User(node, f"writer-{partition}", ("s3:PutObject", "*"), allowed).client("s3", region=china)
        code = code_of(writer.put_object, Bucket="sealed-in-china", Key="note", Body=b"x", **encrypted)
        assert code == ("" if stored else "AccessDenied")
