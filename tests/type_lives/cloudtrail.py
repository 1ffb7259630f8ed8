"""The lives of the types of CloudTrail."""

from __future__ import annotations

from typing import Any

from type_lives import Drift, Life

# Log files stay in the bucket, which so outlives the stack.
BUCKET = {"Bucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"}, "BucketPolicy": {
    "Type": "AWS::S3::BucketPolicy",
    "Properties": {
        "Bucket": {"Ref": "Bucket"},
        "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "cloudtrail.amazonaws.com"},
                    "Action": "s3:PutObject",
                    "Resource": {"Fn::Sub": "${Bucket.Arn}/*"},
                }
            ],
        },
    },
}}  # fmt: skip


def stop(client: Any, id: str, name: str) -> None:
    client("cloudtrail").stop_logging(Name=id)


LIVES = [
    Life(
        "AWS::CloudTrail::Trail",
        {
            "S3BucketName": {"Ref": "Bucket"},
            "IsLogging": "true",
            "EnableLogFileValidation": "true",
            "Tags": [{"Key": "a", "Value": "1"}],
        },
        update={"S3KeyPrefix": "NAME", "EventSelectors": [{"ReadWriteType": "WriteOnly"}]},
        replacement={"TrailName": "NAME-other"},
        failing={"S3BucketName": "NAME-no-such-bucket"},
        drift=Drift(stop, "/IsLogging"),
        around=BUCKET,
        attributes={"DependsOn": "BucketPolicy"},
    ),
]
