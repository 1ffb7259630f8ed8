"""The lives of the types of S3."""

from __future__ import annotations

from typing import Any

from type_lives import Drift, Life

AROUND = {"Bucket": {"Type": "AWS::S3::Bucket"}, "Other": {"Type": "AWS::S3::Bucket"}}


def policy(action: str, bucket: str = "Bucket") -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}},
        "Action": action,
        "Resource": {"Fn::Sub": f"arn:aws:s3:::${{{bucket}}}/*"},
    }
    return {"Statement": [statement]}


LIVES = [
    Life(
        "AWS::S3::Bucket",
        {
            "VersioningConfiguration": {"Status": "Enabled"},
            "PublicAccessBlockConfiguration": {"BlockPublicAcls": "true", "BlockPublicPolicy": True},
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        },
        update={
            "Tags": [{"Key": "a", "Value": "1"}],
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "Id": "old",
                        "Status": "Enabled",
                        "Prefix": "logs/",
                        "TagFilters": [{"Key": "a", "Value": "b"}],
                        "ExpirationInDays": "90",
                        "NoncurrentVersionExpiration": {"NoncurrentDays": 3},
                        "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": 30}],
                    }
                ]
            },
            "CorsConfiguration": {
                "CorsRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAge": 5}]
            },
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                ]
            },
        },
        replacement={"BucketName": "NAME-other"},
        failing={"BucketName": "Not_A_Bucket"},
        drift=Drift(
            lambda client, id, name: client("s3").put_bucket_versioning(
                Bucket=id, VersioningConfiguration={"Status": "Suspended"}
            ),
            "/VersioningConfiguration/Status",
        ),
    ),
    Life(
        "AWS::S3::BucketPolicy",
        {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": policy("s3:GetObject")},
        update={"PolicyDocument": policy("s3:PutObject")},
        replacement={"Bucket": {"Ref": "Other"}, "PolicyDocument": policy("s3:GetObject", "Other")},
        failing={"PolicyDocument": {"Statement": "nonsense"}},
        drift=Drift(
            lambda client, id, name: client("s3").put_bucket_policy(
                Bucket=id,
                Policy=client("s3").get_bucket_policy(Bucket=id)["Policy"].replace("s3:Put", "s3:Get"),
            ),
            "/PolicyDocument/Statement/0/Action",
        ),
        around=AROUND,
    ),
]
