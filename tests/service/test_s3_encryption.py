"""S3 by boto3: objects under the key of their bucket or of the request, and what happens while it cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import refusal

Client = Callable[..., Any]
ACCOUNT = "000000000000"


@pytest.fixture
def s3(client: Client) -> Any:
    return client("s3")


@pytest.fixture
def kms(client: Client) -> Any:
    return client("kms")


def made(s3: Any, key: str | None, bucket_key: bool) -> str:
    name = f"kms-{uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    default = {"SSEAlgorithm": "aws:kms", **({"KMSMasterKeyID": key} if key else {})}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": bucket_key}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    return name


def encryption(reply: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(reply.get(name) for name in ("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled"))


def test_objects_are_encrypted_as_their_bucket_says(s3: Any, kms: Any) -> None:
    key = kms.create_key()["KeyMetadata"]
    bucket, expected = made(s3, key["KeyId"], True), ("aws:kms", key["Arn"], True)
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


def test_a_request_may_name_a_key(s3: Any, kms: Any) -> None:
    key, other = (kms.create_key()["KeyMetadata"] for _ in range(2))
    bucket = made(s3, key["Arn"], False)
    own = {"Bucket": bucket, "ServerSideEncryption": "aws:kms"}
    for one in (key, other):
        for name in (one["KeyId"], one["Arn"]):
            stored = s3.put_object(**own, Key="k", Body=b"", SSEKMSKeyId=name)
            assert encryption(stored) == ("aws:kms", one["Arn"], None)
    copied = s3.copy_object(
        **own, Key="k", CopySource=f"{bucket}/k", SSEKMSKeyId=key["Arn"], BucketKeyEnabled=True
    )
    assert encryption(copied) == ("aws:kms", key["Arn"], True)
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


def test_a_key_that_cannot_be_used(s3: Any, kms: Any) -> None:
    key = kms.create_key()["KeyMetadata"]
    signing = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    bucket = made(s3, key["Arn"], False)
    put: dict[str, Any] = {"Bucket": bucket, "Key": "k", "Body": b"tea"}
    s3.put_object(**put)
    by_request = {**put, "ServerSideEncryption": "aws:kms"}
    refused = refusal(s3.put_object, **by_request, SSEKMSKeyId="alias/missing")
    assert refused[:2] == ("KMS.NotFoundException", 400)
    assert refusal(s3.put_object, **by_request, SSEKMSKeyId=signing)[0] == "KMS.InvalidKeyUsageException"
    assert refusal(s3.put_object, **put, SSEKMSKeyId=key["Arn"])[:2] == ("InvalidArgument", 400)
    kms.disable_key(KeyId=key["KeyId"])
    disabled = ("KMS.DisabledException", 400, f"{key['Arn']} is disabled.")
    assert refusal(s3.put_object, **put) == disabled
    assert refusal(s3.get_object, Bucket=bucket, Key="k") == disabled
    copy = {"Bucket": bucket, "Key": "copy", "CopySource": f"{bucket}/k", "ServerSideEncryption": "AES256"}
    assert refusal(s3.copy_object, **copy) == disabled
    s3.head_object(Bucket=bucket, Key="k")
    kms.schedule_key_deletion(KeyId=key["KeyId"])
    assert refusal(s3.get_object, Bucket=bucket, Key="k")[0] == "KMS.KMSInvalidStateException"
    kms.cancel_key_deletion(KeyId=key["KeyId"])
    kms.enable_key(KeyId=key["KeyId"])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"tea"
