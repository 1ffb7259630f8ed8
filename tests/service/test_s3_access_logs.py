"""Server access logs of a bucket: its settings, and the lines of its requests."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from nodes import RunningNode


@pytest.fixture
def buckets(node: RunningNode) -> tuple[Any, str, str]:
    s3, name = node.client("s3"), f"logged-{uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    s3.create_bucket(Bucket=f"{name}-logs")
    return s3, name, f"{name}-logs"


def test_the_setting_is_kept_and_taken_away(buckets: tuple[Any, str, str]) -> None:
    s3, bucket, logs = buckets
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    enabled = {"TargetBucket": logs, "TargetPrefix": "a/"}
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": enabled})
    assert s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"] == enabled
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)


def test_a_target_that_cannot_be(node: RunningNode, buckets: tuple[Any, str, str]) -> None:
    s3, bucket, _ = buckets
    foreign = f"{bucket}-foreign"
    node.client("s3", account="111122223333").create_bucket(Bucket=foreign)
    for target, words in (("no-such-bucket-here", "does not exist"), (foreign, "must be the same")):
        enabled = {"TargetBucket": target, "TargetPrefix": ""}
        with pytest.raises(ClientError, match=words) as refused:
            s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": enabled})
        assert refused.value.response["Error"]["Code"] == "InvalidTargetBucketForLogging"


def test_the_grants_of_log_delivery_write(buckets: tuple[Any, str, str]) -> None:
    s3, _, logs = buckets
    group = "http://acs.amazonaws.com/groups/s3/LogDelivery"
    with pytest.raises(ClientError, match="The bucket does not allow ACLs"):
        s3.put_bucket_acl(Bucket=logs, GrantWrite=f'uri="{group}"')
    ownership = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    s3.put_bucket_ownership_controls(Bucket=logs, OwnershipControls=ownership)
    s3.put_bucket_acl(Bucket=logs, GrantWrite=f'uri="{group}"', GrantReadACP=f'uri="{group}"')
    grants = s3.get_bucket_acl(Bucket=logs)["Grants"]
    assert [one["Permission"] for one in grants if one["Grantee"].get("URI") == group] == [
        "WRITE",
        "READ_ACP",
    ]
    with pytest.raises(ClientError, match="not supported"):
        s3.put_bucket_acl(Bucket=logs, GrantWrite='uri="http://acs.amazonaws.com/groups/global/AllUsers"')
