"""S3 by boto3: objects in a bucket whose default encryption is `aws:kms`, and what is refused elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import refusal

Client = Callable[..., Any]
ACCOUNT = "000000000000"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1111"


@pytest.fixture
def s3(client: Client) -> Any:
    return client("s3")


def made(s3: Any, key: str | None, bucket_key: bool) -> str:
    name = f"kms-{uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    default = {"SSEAlgorithm": "aws:kms", **({"KMSMasterKeyID": key} if key else {})}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": bucket_key}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    return name


def encryption(reply: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(reply.get(name) for name in ("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled"))


def test_objects_are_encrypted_as_their_bucket_says(s3: Any) -> None:
    bucket, expected = made(s3, "1111", True), ("aws:kms", KEY, True)
    assert encryption(s3.put_object(Bucket=bucket, Key="k", Body=b"tea")) == expected
    assert encryption(s3.head_object(Bucket=bucket, Key="k")) == expected
    found = s3.get_object(Bucket=bucket, Key="k")
    assert (found["Body"].read(), encryption(found)) == (b"tea", expected)
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k"})
    assert encryption(copied) == expected
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")
    assert encryption(upload) == expected
    named = {"Bucket": bucket, "Key": "parts", "UploadId": upload["UploadId"]}
    part = s3.upload_part(**named, PartNumber=1, Body=b"tea")
    assert encryption(part) == expected
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    assert encryption(s3.complete_multipart_upload(**named, MultipartUpload=parts)) == expected


def test_a_request_may_name_what_the_bucket_has(s3: Any) -> None:
    bucket = made(s3, KEY, False)
    own = {"Bucket": bucket, "ServerSideEncryption": "aws:kms"}
    for key in ("1111", KEY):
        assert encryption(s3.put_object(**own, Key="k", Body=b"", SSEKMSKeyId=key)) == ("aws:kms", KEY, None)
    copied = s3.copy_object(**own, Key="k", CopySource=f"{bucket}/k", SSEKMSKeyId=KEY, BucketKeyEnabled=True)
    assert encryption(copied) == ("aws:kms", KEY, True)
    plain = s3.put_object(Bucket=bucket, Key="plain", Body=b"", ServerSideEncryption="AES256")
    assert encryption(plain) == ("AES256", None, None)


def test_without_a_key_it_is_the_one_of_aws(s3: Any) -> None:
    bucket = made(s3, None, False)
    algorithm, key, _ = encryption(s3.put_object(Bucket=bucket, Key="k", Body=b""))
    assert algorithm == "aws:kms"
    assert key.startswith(f"arn:aws:kms:us-east-1:{ACCOUNT}:key/")
    named = s3.put_object(Bucket=bucket, Key="k", Body=b"", ServerSideEncryption="aws:kms")
    assert encryption(named) == (algorithm, key, None)
    assert encryption(s3.put_object(Bucket=made(s3, None, False), Key="k", Body=b""))[1] == key


def test_other_keys_and_other_buckets_are_refused(s3: Any) -> None:
    bucket = made(s3, "1111", False)
    code, status, message = refusal(
        s3.put_object, Bucket=bucket, Key="k", Body=b"", ServerSideEncryption="aws:kms", SSEKMSKeyId="2222"
    )
    assert (code, status) == ("NotImplementedException", 501)
    assert "SSEKMSKeyId 2222" in message
    code, status, _ = refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"", SSEKMSKeyId="1111")
    assert (code, status) == ("InvalidArgument", 400)
    s3.put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    _, _, message = refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"", ServerSideEncryption="aws:kms")
    assert "ServerSideEncryption aws:kms" in message
