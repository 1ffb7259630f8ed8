"""Buckets by boto3: names, regions, settings, listings."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from aws_refusals import code_and_status, refusal

Client = Callable[..., Any]


@pytest.fixture
def s3(client: Client) -> Any:
    return client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = new_name()
    s3.create_bucket(Bucket=name)
    return name


def new_name() -> str:
    return f"buckets-{uuid4().hex[:12]}"


def test_a_bucket_is_made_found_and_gone(s3: Any, bucket: str) -> None:
    assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    assert bucket in [one["Name"] for one in s3.list_buckets()["Buckets"]]
    s3.delete_bucket(Bucket=bucket)
    assert code_and_status(s3.head_bucket, Bucket=bucket) == ("404", 404)
    assert code_and_status(s3.delete_bucket, Bucket=bucket) == ("NoSuchBucket", 404)
    s3.create_bucket(Bucket=bucket)


def test_a_name_is_taken_for_the_whole_node(client: Client, s3: Any, bucket: str) -> None:
    s3.create_bucket(Bucket=bucket)
    stranger = client("s3", account="111122223333")
    assert code_and_status(stranger.create_bucket, Bucket=bucket) == ("BucketAlreadyExists", 409)
    assert code_and_status(stranger.head_bucket, Bucket=bucket) == ("403", 403)
    assert bucket not in [one["Name"] for one in stranger.list_buckets()["Buckets"]]


def test_regions(client: Client) -> None:
    name, frankfurt = new_name(), client("s3", region="eu-central-1")
    code, status, _ = refusal(frankfurt.create_bucket, Bucket=name)
    assert (code, status) == ("IllegalLocationConstraintException", 400)
    where = {"LocationConstraint": "eu-central-1"}
    frankfurt.create_bucket(Bucket=name, CreateBucketConfiguration=where)
    again = code_and_status(frankfurt.create_bucket, Bucket=name, CreateBucketConfiguration=where)
    assert again == ("BucketAlreadyOwnedByYou", 409)
    assert client("s3").get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-central-1"
    assert client("s3").head_bucket(Bucket=name)["BucketRegion"] == "eu-central-1"


@pytest.mark.parametrize(
    "name", ["ab", "Upper-case", "under_score", "a..b", "-first", "192.168.0.1", "xn--a"]
)
def test_names_that_no_bucket_has(client: Client, name: str) -> None:
    s3 = client("s3")
    s3.meta.events.unregister("before-parameter-build.s3", _validator(s3))
    assert code_and_status(s3.create_bucket, Bucket=name) == ("InvalidBucketName", 400)


def _validator(s3: Any) -> Any:
    """boto3 looks at names itself; what the node says is what is tested."""
    from botocore.handlers import validate_bucket_name

    return validate_bucket_name


def test_settings_that_a_new_bucket_has(s3: Any, bucket: str) -> None:
    encryption = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    rules = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    grants = s3.get_bucket_acl(Bucket=bucket)["Grants"]
    assert [grant["Permission"] for grant in grants] == ["FULL_CONTROL"]
    for operation, code in [
        ("get_bucket_policy", "NoSuchBucketPolicy"),
        ("get_bucket_tagging", "NoSuchTagSet"),
        ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
        ("get_bucket_cors", "NoSuchCORSConfiguration"),
        ("get_bucket_website", "NoSuchWebsiteConfiguration"),
        ("get_bucket_replication", "ReplicationConfigurationNotFoundError"),
        ("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
    ]:
        assert code_and_status(getattr(s3, operation), Bucket=bucket) == (code, 404)
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)


def test_settings_are_kept_until_they_are_deleted(s3: Any, bucket: str) -> None:
    tags = [{"Key": "team", "Value": "shop"}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    s3.delete_bucket_tagging(Bucket=bucket)
    assert refusal(s3.get_bucket_tagging, Bucket=bucket)[0] == "NoSuchTagSet"
    s3.delete_public_access_block(Bucket=bucket)
    assert refusal(s3.get_public_access_block, Bucket=bucket)[0] == "NoSuchPublicAccessBlockConfiguration"
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    assert refusal(s3.get_bucket_ownership_controls, Bucket=bucket)[0] == "OwnershipControlsNotFoundError"


def test_what_has_no_effect_yet_is_refused(s3: Any, bucket: str) -> None:
    kms = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms:dsse"}}]}
    _, _, message = refusal(s3.put_bucket_encryption, Bucket=bucket, ServerSideEncryptionConfiguration=kms)
    assert "aws:kms:dsse" in message


def policy(bucket: str, **changes: Any) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement | changes]})


def test_bucket_policies(s3: Any, bucket: str) -> None:
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(bucket))
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == json.loads(policy(bucket))
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"] == {"IsPublic": False}
    for wrong, message in [
        ("no json", "This policy contains invalid Json"),
        (policy("another"), "Policy has invalid resource"),
        (policy(bucket, Action="sqs:SendMessage"), "Policy has invalid action"),
        ('{"Version":"2012-10-17","Statement":[{"Effect":"Allow"}]}', "Missing required field Action"),
    ]:
        assert refusal(s3.put_bucket_policy, Bucket=bucket, Policy=wrong) == ("MalformedPolicy", 400, message)
    public = policy(bucket, Principal="*")
    assert code_and_status(s3.put_bucket_policy, Bucket=bucket, Policy=public) == ("AccessDenied", 403)
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=public)
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"] == {"IsPublic": True}
    s3.delete_bucket_policy(Bucket=bucket)
    assert refusal(s3.get_bucket_policy, Bucket=bucket)[0] == "NoSuchBucketPolicy"


KEYS = ["a.txt", "b c/ü 1", "b c/ü+2", "dir/one", "dir/sub/two", "dir/sub/three", "dir0", "z"]


@pytest.fixture
def filled(s3: Any, bucket: str) -> str:
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return bucket


def keys(page: Any) -> list[str]:
    return [one["Key"] for one in page.get("Contents", [])]


def prefixes(page: Any) -> list[str]:
    return [one["Prefix"] for one in page.get("CommonPrefixes", [])]


def test_listing_with_prefix_and_delimiter(s3: Any, filled: str) -> None:
    ordered = sorted(KEYS, key=str.encode)
    assert keys(s3.list_objects_v2(Bucket=filled)) == ordered
    top = s3.list_objects_v2(Bucket=filled, Delimiter="/")
    assert (keys(top), prefixes(top)) == (["a.txt", "dir0", "z"], ["b c/", "dir/"])
    assert top["KeyCount"] == 5
    inside = s3.list_objects_v2(Bucket=filled, Delimiter="/", Prefix="dir/")
    assert (keys(inside), prefixes(inside)) == (["dir/one"], ["dir/sub/"])
    assert keys(s3.list_objects_v2(Bucket=filled, StartAfter="dir/sub/three")) == ["dir/sub/two", "dir0", "z"]
    assert s3.list_objects_v2(Bucket=filled, MaxKeys=0)["IsTruncated"] is False
    assert "Owner" in s3.list_objects_v2(Bucket=filled, FetchOwner=True)["Contents"][0]
    assert code_and_status(s3.list_objects_v2, Bucket=filled, ContinuationToken="x") == (
        "InvalidArgument",
        400,
    )


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize("delimiter", ["", "/"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_pages_are_the_whole_listing(s3: Any, filled: str, operation: str, delimiter: str, size: int) -> None:
    whole = getattr(s3, operation)(Bucket=filled, Delimiter=delimiter)
    pages = s3.get_paginator(operation).paginate(
        Bucket=filled, Delimiter=delimiter, PaginationConfig={"PageSize": size}
    )
    listed = list(pages)
    assert [key for page in listed for key in keys(page)] == keys(whole)
    assert [one for page in listed for one in prefixes(page)] == prefixes(whole)
    assert all(len(keys(page)) + len(prefixes(page)) <= size for page in listed)


def test_a_bucket_with_objects_stays(s3: Any, filled: str) -> None:
    with pytest.raises(ClientError, match="The bucket you tried to delete is not empty"):
        s3.delete_bucket(Bucket=filled)
    s3.put_object(Bucket=filled, Key="more", Body=b"")
