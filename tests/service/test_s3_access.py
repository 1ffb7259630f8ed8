"""Who may use buckets and objects: by policies across accounts, by tags, for keys that are not there, and by copies.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-policy-language-overview.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/tagging-and-policies.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.request import urlopen

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from nodes import RunningNode
from users import OTHER_ACCOUNT, User, code_of, document, refusal, statement
from waiting import wait_for

BUCKET = "guarded-bucket"
ARN, OBJECTS = f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"
OTHERS = {"AWS": f"arn:aws:iam::{OTHER_ACCOUNT}:root"}
PART = {"Bucket": BUCKET, "Key": "parts"}
Object = dict[str, Any]


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    running = RunningNode(environ={"NIGHTBUS_AUTHORIZATION": "enforce"})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def s3(node: RunningNode) -> Any:
    owner = node.client("s3")
    owner.create_bucket(Bucket=BUCKET)
    owner.put_object(Bucket=BUCKET, Key="tagged", Body=b"text", Tagging="team=blue")
    owner.put_object(Bucket=BUCKET, Key="plain", Body=b"text")
    return owner


@pytest.fixture
def unguarded(s3: Any) -> Iterator[None]:
    yield
    s3.delete_bucket_policy(Bucket=BUCKET)
    s3.delete_public_access_block(Bucket=BUCKET)


def status_of(call: Callable[..., Any], **params: Any) -> int:
    try:
        reply = call(**params)
    except ClientError as error:
        reply = error.response
    return int(reply["ResponseMetadata"]["HTTPStatusCode"])


def test_an_object_that_is_not_there_is_known_to_those_who_may_list(node: RunningNode, s3: Any) -> None:
    reader = User(node, "reader", ("s3:Get*", OBJECTS)).client("s3")
    lister = User(node, "lister", ("s3:Get*", OBJECTS), ("s3:ListBucket", ARN)).client("s3")
    text = refusal(reader.get_object, Bucket=BUCKET, Key="none")
    assert f's3:ListBucket on resource: "{ARN}" because no identity-based policy allows' in text
    refusal(reader.get_object_tagging, Bucket=BUCKET, Key="none")
    assert status_of(reader.head_object, Bucket=BUCKET, Key="none") == 403
    assert code_of(lister.get_object, Bucket=BUCKET, Key="none") == "NoSuchKey"
    assert status_of(lister.head_object, Bucket=BUCKET, Key="none") == 404
    copier = User(node, "copier", (["s3:GetObject", "s3:PutObject"], OBJECTS)).client("s3")
    refusal(copier.copy_object, Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/none")


def test_a_copy_of_tags_needs_their_permissions(node: RunningNode, s3: Any) -> None:
    copying = ["s3:GetObject", "s3:PutObject"]
    none = User(node, "copies-none", (copying, OBJECTS)).client("s3")
    reads = User(node, "copies-reads", ([*copying, "s3:GetObjectTagging"], OBJECTS)).client("s3")
    able = User(node, "copies-able", ([*copying, "s3:*ObjectTagging"], OBJECTS)).client("s3")
    copy = {"Bucket": BUCKET, "Key": "copied", "CopySource": f"{BUCKET}/tagged"}
    for client in none, reads:
        refusal(client.copy_object, **copy)
        refusal(client.copy_object, **copy, TaggingDirective="REPLACE", Tagging="a=b")
        client.copy_object(**copy, TaggingDirective="REPLACE")
    able.copy_object(**copy)
    none.copy_object(**{**copy, "CopySource": f"{BUCKET}/plain"})


def test_the_tags_of_an_object_are_conditions(node: RunningNode, s3: Any) -> None:
    condition = {"StringEquals": {"s3:ExistingObjectTag/team": "blue"}}
    blue = User(node, "blue", statement("s3:*", OBJECTS, Condition=condition)).client("s3")
    assert blue.get_object(Bucket=BUCKET, Key="tagged")["Body"].read() == b"text"
    refusal(blue.get_object, Bucket=BUCKET, Key="plain")
    # These two have no such key on AWS, so that no existing tag allows them.
    refusal(blue.put_object, Bucket=BUCKET, Key="tagged", Body=b"")
    refusal(blue.delete_object, Bucket=BUCKET, Key="tagged")
    versioned = "guarded-versions"
    s3.create_bucket(Bucket=versioned)
    s3.put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket=versioned, Key="o", Body=b"", Tagging="team=blue")["VersionId"]
    s3.put_object(Bucket=versioned, Key="o", Body=b"", Tagging="team=red")
    resource = f"arn:aws:s3:::{versioned}/*"
    blue = User(node, "blue-version", statement("s3:*", resource, Condition=condition)).client("s3")
    blue.get_object(Bucket=versioned, Key="o", VersionId=old)
    refusal(blue.get_object, Bucket=versioned, Key="o")


def test_versions_have_actions_of_their_own(node: RunningNode, s3: Any) -> None:
    plain = User(node, "of-objects", (["s3:GetObject", "s3:DeleteObject"], OBJECTS)).client("s3")
    refusal(plain.get_object, Bucket=BUCKET, Key="plain", VersionId="null")
    refusal(plain.delete_object, Bucket=BUCKET, Key="plain", VersionId="null")
    errors = plain.delete_objects(
        Bucket=BUCKET, Delete={"Objects": [{"Key": "plain", "VersionId": "null"}, {"Key": "none"}]}
    )
    assert [one["Key"] for one in errors["Errors"]] == ["plain"]
    assert [one["Key"] for one in errors["Deleted"]] == ["none"]


@pytest.mark.usefixtures("unguarded")
def test_another_account_needs_the_buckets_policy_and_its_own(node: RunningNode, s3: Any) -> None:
    able = User(node, "far-able", ("s3:*", "*"), account=OTHER_ACCOUNT).client("s3")
    unable = User(node, "far-unable", account=OTHER_ACCOUNT).client("s3")
    root = node.client("s3", account=OTHER_ACCOUNT)
    for client in able, unable, root:
        refusal(client.get_object, Bucket=BUCKET, Key="plain")
        refusal(client.list_objects_v2, Bucket=BUCKET)
    actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:*BucketPolicy"]
    policy = document(statement(actions, [ARN, OBJECTS], Principal=OTHERS))
    s3.put_bucket_policy(Bucket=BUCKET, Policy=policy)
    for client in able, root:
        assert client.get_object(Bucket=BUCKET, Key="plain")["Body"].read() == b"text"
        client.put_object(Bucket=BUCKET, Key="far", Body=b"far")
        client.copy_object(Bucket=BUCKET, Key="far-copy", CopySource=f"{BUCKET}/far")
        upload = client.create_multipart_upload(**PART)["UploadId"]
        etag = client.upload_part(**PART, UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
        parts = {"Parts": [{"ETag": etag, "PartNumber": 1}]}
        client.complete_multipart_upload(**PART, UploadId=upload, MultipartUpload=parts)
        client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "far"}]})
        assert client.list_objects_v2(Bucket=BUCKET, Prefix="far")["KeyCount"] == 1
        client.get_object(Bucket=BUCKET, Key="plain", ExpectedBucketOwner="000000000000")
        refusal(client.get_object, Bucket=BUCKET, Key="plain", ExpectedBucketOwner=OTHER_ACCOUNT)
        refusal(client.get_object_tagging, Bucket=BUCKET, Key="tagged")
        refusal(client.put_bucket_versioning, Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        refusal(client.delete_bucket, Bucket=BUCKET)
        # Only its account has to do with a bucket's policy.
        assert code_of(client.get_bucket_policy, Bucket=BUCKET) == "MethodNotAllowed"
        assert code_of(client.put_bucket_policy, Bucket=BUCKET, Policy=policy) == "MethodNotAllowed"
        assert code_of(client.delete_bucket_policy, Bucket=BUCKET) == "MethodNotAllowed"
    refusal(unable.get_object, Bucket=BUCKET, Key="plain")


@pytest.mark.usefixtures("unguarded")
def test_a_public_policy_is_for_everybody_unless_it_is_restricted(node: RunningNode, s3: Any) -> None:
    far = User(node, "far-public", ("s3:*", "*"), account=OTHER_ACCOUNT).client("s3")
    own = User(node, "near-public").client("s3")
    s3.put_bucket_policy(Bucket=BUCKET, Policy=document(statement("s3:GetObject", OBJECTS, Principal="*")))
    for client in far, own:
        client.get_object(Bucket=BUCKET, Key="plain")
    with urlopen(f"{node.endpoint}/{BUCKET}/plain") as reply:
        assert reply.read() == b"text"
    for key, code in ("plain", 200), ("none", 403):
        assert node_status(node, f"/{BUCKET}/{key}") == code
    restricted = {"RestrictPublicBuckets": True}
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=restricted)
    refusal(far.get_object, Bucket=BUCKET, Key="plain")
    assert node_status(node, f"/{BUCKET}/plain") == 403
    own.get_object(Bucket=BUCKET, Key="plain")
    s3.put_bucket_policy(Bucket=BUCKET, Policy=document(statement("s3:GetObject", OBJECTS, Principal=OTHERS)))
    far.get_object(Bucket=BUCKET, Key="plain")  # not a public policy


def node_status(node: RunningNode, path: str) -> int:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=20)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.usefixtures("unguarded")
@pytest.mark.parametrize(
    ("condition", "public"),
    [
        ({}, True),
        ({"StringLike": {"aws:UserAgent": "shop"}}, True),
        ({"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}}, True),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, False),
        ({"StringEquals": {"aws:PrincipalAccount": OTHER_ACCOUNT}}, False),
        ({"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}, True),
        ({"StringNotEquals": {"aws:PrincipalAccount": OTHER_ACCOUNT}}, True),
    ],
)
def test_a_policy_is_public_unless_a_condition_fixes_who_asks(
    s3: Any, condition: dict[str, Any], public: bool
) -> None:
    limits = {"Condition": condition} if condition else {}
    policy = document(statement("s3:GetObject", OBJECTS, Principal="*", **limits))
    s3.put_bucket_policy(Bucket=BUCKET, Policy=policy)
    assert s3.get_bucket_policy_status(Bucket=BUCKET)["PolicyStatus"]["IsPublic"] is public
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration={"BlockPublicPolicy": True})
    refused = code_of(s3.put_bucket_policy, Bucket=BUCKET, Policy=policy)
    assert refused == ("AccessDenied" if public else "")


def test_what_an_upload_brings_along_needs_its_own_action(node: RunningNode, s3: Any) -> None:
    writer = User(node, "writer", ("s3:PutObject", OBJECTS)).client("s3")
    extras: list[Object] = [
        {"Tagging": "a=b"},
        {"ACL": "bucket-owner-full-control"},
        {"ObjectLockLegalHoldStatus": "ON"},
        {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": "2030-01-01T00:00:00Z"},
    ]
    for extra in extras:
        refusal(writer.put_object, Bucket=BUCKET, Key="new", Body=b"", **extra)
        refusal(writer.create_multipart_upload, Bucket=BUCKET, Key="new", **extra)
        refusal(writer.copy_object, Bucket=BUCKET, Key="new", CopySource=f"{BUCKET}/plain", **extra)
    upload = writer.create_multipart_upload(**PART)["UploadId"]
    part = {**PART, "UploadId": upload}
    writer.upload_part(**part, PartNumber=1, Body=b"x")
    refusal(writer.upload_part_copy, **part, PartNumber=2, CopySource=f"{BUCKET}/plain")
    refusal(writer.abort_multipart_upload, **part)
    refusal(writer.list_parts, **part)
    refusal(writer.list_multipart_uploads, Bucket=BUCKET)


def test_a_link_is_known_by_its_kind_and_its_age(node: RunningNode, s3: Any) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html"""

    def reads(name: str, condition: dict[str, Any], version: str = "s3v4") -> tuple[bool, int]:
        user = User(node, name, statement("s3:GetObject", OBJECTS, Condition=condition))
        client = user.client("s3", config=Config(signature_version=version))
        by_header = code_of(client.get_object, Bucket=BUCKET, Key="plain") == ""
        link = client.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "plain"})
        return by_header, node_status(node, link.removeprefix(node.endpoint))

    by_header, by_query = (
        {"StringEquals": {"s3:authType": f"REST-{one}"}} for one in ("HEADER", "QUERY-STRING")
    )
    assert reads("only-header", by_header) == (True, 403)
    assert reads("only-link", by_query) == (False, 200)
    young = {"NumericLessThan": {"s3:signatureAge": "600000"}}
    assert reads("young", young) == (False, 200)
    assert reads("old", {"NumericGreaterThan": {"s3:signatureAge": "600000"}}) == (False, 403)
    fourth = {"StringEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}}
    assert reads("fourth", fourth) == (True, 200)
    second = {"StringEquals": {"s3:signatureversion": "AWS"}}
    assert reads("second", second, "s3")[1] == 200
    assert reads("not-second", fourth, "s3")[1] == 403


def test_a_name_that_another_account_takes_is_theirs_whoever_used_it_before(node: RunningNode) -> None:
    bucket, key = "passed-on-bucket", {"Bucket": "passed-on-bucket", "Key": "note"}
    early = User(node, "early", ("s3:*", "*")).client("s3")
    assert code_of(early.get_object, **key) == "NoSuchBucket"
    theirs = node.client("s3", account=OTHER_ACCOUNT)
    theirs.create_bucket(Bucket=bucket)
    theirs.put_object(**key, Body=b"theirs")
    assert code_of(early.get_object, **key) == "AccessDenied"
    assert code_of(early.put_object, **key, Body=b"mine") == "AccessDenied"


def test_a_refused_name_makes_no_line_in_the_log(node: RunningNode, s3: Any) -> None:
    reader = User(node, "forger").client("s3")
    assert code_of(reader.get_object, Bucket=BUCKET, Key="a\nFORGED LINE") == "AccessDenied"
    wait_for(lambda: any("FORGED LINE" in line for line in node.output))
    assert not any(line.startswith("FORGED") for line in node.output)
