"""What each operation needs: a table for each of SQS, SNS, S3, KMS, SSM, Secrets Manager and ECR."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import pytest

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.identity.needs import Asked
from nightbus.keys.ciphertexts import encrypt
from nightbus.services import SERVICES

ACCOUNT, REGION = "111122223333", "eu-central-1"
CALL = Call(Scope(ACCOUNT, REGION), Caller.root(ACCOUNT), "http://localhost")
URL = f"http://localhost:4566/{ACCOUNT}/jobs"
QUEUE, TOPIC = f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs", f"arn:aws:sns:{REGION}:{ACCOUNT}:news"
OTHERS = QUEUE.replace(ACCOUNT, "444455556666")
KEY_ID = "11111111-2222-3333-4444-555555555555"
KEY, ALIAS = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{KEY_ID}", f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/app"
BLOB = encrypt(b"k" * 32, ACCOUNT, KEY_ID, "ab" * 32, b"text", {"a": "b"})
PARAMETER = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret"
REPOSITORY = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository"
OBJECT = {"Bucket": "photos", "Key": "a/b"}
BUCKET_ARN, OBJECT_ARN = "arn:aws:s3:::photos", "arn:aws:s3:::photos/a/b"

CASES: list[tuple[str, str, Mapping[str, Any], list[tuple[str, str]]]] = [
    ("sqs", "SendMessage", {"QueueUrl": URL}, [("sqs:SendMessage", QUEUE)]),
    ("sqs", "SendMessageBatch", {"QueueUrl": URL}, [("sqs:SendMessage", QUEUE)]),
    ("sqs", "DeleteMessageBatch", {"QueueUrl": URL}, [("sqs:DeleteMessage", QUEUE)]),
    ("sqs", "ReceiveMessage", {"QueueUrl": "https://x/444455556666/jobs"}, [("sqs:ReceiveMessage", OTHERS)]),
    ("sqs", "ReceiveMessage", {"QueueUrl": "https://x/444455556666/%6Aobs/"}, [("sqs:ReceiveMessage", OTHERS)]),
    ("sqs", "CreateQueue", {"QueueName": "jobs"}, [("sqs:CreateQueue", QUEUE)]),
    (
        "sqs", "CreateQueue", {"QueueName": "jobs", "tags": {"a": "b"}},
        [("sqs:CreateQueue", QUEUE), ("sqs:TagQueue", QUEUE)],
    ),
    (
        "sqs", "GetQueueUrl", {"QueueName": "jobs", "QueueOwnerAWSAccountId": "444455556666"},
        [("sqs:GetQueueUrl", OTHERS)],
    ),
    ("sqs", "ListQueues", {}, [("sqs:ListQueues", "*")]),
    (
        "sqs", "StartMessageMoveTask", {"SourceArn": QUEUE, "DestinationArn": OTHERS},
        [("sqs:StartMessageMoveTask", QUEUE), ("sqs:ReceiveMessage", QUEUE), ("sqs:DeleteMessage", QUEUE),
         ("sqs:GetQueueAttributes", QUEUE), ("sqs:SendMessage", OTHERS)],
    ),
    ("sns", "Publish", {"TopicArn": TOPIC}, [("sns:Publish", TOPIC)]),
    ("sns", "Publish", {"TargetArn": f"{TOPIC}/endpoint"}, [("sns:Publish", f"{TOPIC}/endpoint")]),
    ("sns", "Publish", {"PhoneNumber": "+4915112345678"}, [("sns:Publish", "+4915112345678")]),
    ("sns", "PublishBatch", {"TopicArn": TOPIC}, [("sns:Publish", TOPIC)]),
    ("sns", "CreateTopic", {"Name": "news"}, [("sns:CreateTopic", TOPIC)]),
    (
        "sns", "CreateTopic", {"Name": "news", "Tags": [{"Key": "a", "Value": "b"}]},
        [("sns:CreateTopic", TOPIC), ("sns:TagResource", TOPIC)],
    ),
    ("sns", "Unsubscribe", {"SubscriptionArn": f"{TOPIC}:1"}, [("sns:Unsubscribe", TOPIC)]),
    ("s3", "GetObject", OBJECT, [("s3:GetObject", OBJECT_ARN)]),
    ("s3", "GetObject", {**OBJECT, "VersionId": "v"}, [("s3:GetObjectVersion", OBJECT_ARN)]),
    ("s3", "HeadObject", OBJECT, [("s3:GetObject", OBJECT_ARN)]),
    ("s3", "GetObjectTagging", {**OBJECT, "VersionId": "v"}, [("s3:GetObjectVersionTagging", OBJECT_ARN)]),
    ("s3", "GetObjectAcl", {**OBJECT, "VersionId": "v"}, [("s3:GetObjectVersionAcl", OBJECT_ARN)]),
    (
        "s3", "GetObjectAttributes", {**OBJECT, "VersionId": "v"},
        [("s3:GetObjectVersionAttributes", OBJECT_ARN), ("s3:GetObjectVersion", OBJECT_ARN)],
    ),
    ("s3", "HeadBucket", OBJECT, [("s3:ListBucket", BUCKET_ARN)]),
    ("s3", "ListObjectsV2", {"Bucket": "photos", "Prefix": "a/"}, [("s3:ListBucket", BUCKET_ARN)]),
    ("s3", "PutObject", OBJECT, [("s3:PutObject", OBJECT_ARN)]),
    (
        "s3", "PutObject",
        {**OBJECT, "Tagging": "a=b", "ACL": "private", "ObjectLockMode": "GOVERNANCE",
         "ObjectLockLegalHoldStatus": "ON"},
        [("s3:PutObject", OBJECT_ARN), ("s3:PutObjectTagging", OBJECT_ARN), ("s3:PutObjectAcl", OBJECT_ARN),
         ("s3:PutObjectRetention", OBJECT_ARN), ("s3:PutObjectLegalHold", OBJECT_ARN)],
    ),
    (
        "s3", "CopyObject", {**OBJECT, "CopySource": "/other/c%20d?versionId=7"},
        [("s3:PutObject", OBJECT_ARN), ("s3:GetObjectVersion", "arn:aws:s3:::other/c d")],
    ),
    (
        "s3", "CopyObject", {**OBJECT, "CopySource": "other/c", "Tagging": "a=b"},
        [("s3:PutObject", OBJECT_ARN), ("s3:GetObject", "arn:aws:s3:::other/c")],
    ),
    (
        "s3", "CopyObject", {**OBJECT, "CopySource": "other/c", "Tagging": "a=b", "TaggingDirective": "REPLACE"},
        [("s3:PutObject", OBJECT_ARN), ("s3:GetObject", "arn:aws:s3:::other/c"), ("s3:PutObjectTagging", OBJECT_ARN)],
    ),
    (
        "s3", "UploadPartCopy", {**OBJECT, "CopySource": "other/c"},
        [("s3:PutObject", OBJECT_ARN), ("s3:GetObject", "arn:aws:s3:::other/c")],
    ),
    (
        "s3", "DeleteObject", {**OBJECT, "VersionId": "v", "BypassGovernanceRetention": True},
        [("s3:DeleteObjectVersion", OBJECT_ARN), ("s3:BypassGovernanceRetention", OBJECT_ARN)],
    ),
    ("s3", "DeleteObjects", {"Bucket": "photos"}, []),
    ("s3", "CompleteMultipartUpload", OBJECT, [("s3:PutObject", OBJECT_ARN)]),
    (
        "s3", "CreateBucket", {"Bucket": "photos", "ObjectLockEnabledForBucket": True},
        [("s3:CreateBucket", BUCKET_ARN), ("s3:PutBucketObjectLockConfiguration", BUCKET_ARN),
         ("s3:PutBucketVersioning", BUCKET_ARN)],
    ),
    ("s3", "DeleteBucketCors", {"Bucket": "photos"}, [("s3:PutBucketCORS", BUCKET_ARN)]),
    ("s3", "ListBuckets", {}, [("s3:ListAllMyBuckets", "*")]),
    ("kms", "Encrypt", {"KeyId": KEY_ID}, [("kms:Encrypt", KEY)]),
    ("kms", "Encrypt", {"KeyId": "alias/app"}, [("kms:Encrypt", ALIAS)]),
    ("kms", "Encrypt", {"KeyId": KEY}, [("kms:Encrypt", KEY)]),
    ("kms", "Decrypt", {"CiphertextBlob": BLOB}, [("kms:Decrypt", KEY)]),
    ("kms", "Decrypt", {"CiphertextBlob": b"none"}, []),
    (
        "kms", "ReEncrypt", {"CiphertextBlob": BLOB, "DestinationKeyId": "alias/app"},
        [("kms:ReEncryptFrom", KEY), ("kms:ReEncryptTo", ALIAS)],
    ),
    (
        "kms", "CreateAlias", {"AliasName": "alias/app", "TargetKeyId": KEY_ID},
        [("kms:CreateAlias", ALIAS), ("kms:CreateAlias", KEY)],
    ),
    ("kms", "CreateKey", {}, [("kms:CreateKey", "*")]),
    (
        "kms", "CreateKey", {"Tags": [{"TagKey": "a", "TagValue": "b"}]},
        [("kms:CreateKey", "*"), ("kms:TagResource", "*")],
    ),
    ("kms", "ListKeys", {}, [("kms:ListKeys", "*")]),
    ("ssm", "GetParameter", {"Name": "/app/db"}, [("ssm:GetParameter", f"{PARAMETER}/app/db")]),
    ("ssm", "GetParameter", {"Name": "/app/db:3"}, [("ssm:GetParameter", f"{PARAMETER}/app/db")]),
    ("ssm", "GetParameter", {"Name": "db:live"}, [("ssm:GetParameter", f"{PARAMETER}/db")]),
    ("ssm", "GetParameter", {"Name": f"{PARAMETER}/app/db:3"}, [("ssm:GetParameter", f"{PARAMETER}/app/db")]),
    (
        "ssm", "GetParameters", {"Names": ["/a", "b:1"]},
        [("ssm:GetParameters", f"{PARAMETER}/a"), ("ssm:GetParameters", f"{PARAMETER}/b")],
    ),
    ("ssm", "GetParametersByPath", {"Path": "/app"}, [("ssm:GetParametersByPath", f"{PARAMETER}/app")]),
    (
        "ssm", "PutParameter", {"Name": "a", "Tags": [{"Key": "k", "Value": "v"}]},
        [("ssm:PutParameter", f"{PARAMETER}/a"), ("ssm:AddTagsToResource", f"{PARAMETER}/a")],
    ),
    ("ssm", "DescribeParameters", {}, [("ssm:DescribeParameters", "*")]),
    (
        "secretsmanager", "GetSecretValue", {"SecretId": "app/db"},
        [("secretsmanager:GetSecretValue", f"{SECRET}:app/db-??????")],
    ),
    (
        "secretsmanager", "CreateSecret", {"Name": "db", "Tags": [{"Key": "k", "Value": "v"}]},
        [("secretsmanager:CreateSecret", f"{SECRET}:db-??????"),
         ("secretsmanager:TagResource", f"{SECRET}:db-??????")],
    ),
    ("secretsmanager", "ListSecrets", {}, [("secretsmanager:ListSecrets", "*")]),
    ("ecr", "PutImage", {"repositoryName": "app"}, [("ecr:PutImage", f"{REPOSITORY}/app")]),
    ("ecr", "DescribeRepositories", {}, [("ecr:DescribeRepositories", f"{REPOSITORY}/*")]),
    (
        "ecr", "DescribeRepositories", {"repositoryNames": ["a", "b"]},
        [("ecr:DescribeRepositories", f"{REPOSITORY}/a"), ("ecr:DescribeRepositories", f"{REPOSITORY}/b")],
    ),
    ("ecr", "GetAuthorizationToken", {}, [("ecr:GetAuthorizationToken", "*")]),
]  # fmt: skip


def asked_of(service: str, operation: str, params: Mapping[str, Any]) -> list[Any]:
    actions = importlib.import_module(f"{SERVICES[service]}.actions").ACTIONS
    return list(actions[operation](Asked(params, CALL)))


@pytest.mark.parametrize(("service", "operation", "params", "expected"), CASES)
def test_an_operation_needs_its_actions(
    service: str, operation: str, params: Mapping[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert [(need.action, need.resource) for need in asked_of(service, operation, params)] == expected


KEYS: list[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]] = [
    (
        "sns", "Subscribe", {"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": QUEUE},
        {"sns:protocol": "sqs", "sns:endpoint": QUEUE},
    ),
    (
        "sqs", "CreateQueue", {"QueueName": "a", "tags": {"Team": "x"}},
        {"aws:requesttag/team": "x", "aws:tagkeys": ("Team",)},
    ),
    ("sqs", "UntagQueue", {"QueueUrl": URL, "TagKeys": ["a", "b"]}, {"aws:tagkeys": ("a", "b")}),
    (
        "s3", "ListObjectsV2", {"Bucket": "b", "Prefix": "a/", "MaxKeys": 5},
        {"s3:prefix": "a/", "s3:max-keys": "5", "s3:delimiter": ""},
    ),
    ("s3", "ListObjectsV2", {"Bucket": "b", "Prefix": ""}, {"s3:prefix": ("",)}),
    (
        "s3", "PutObject", {**OBJECT, "Tagging": "a=b&c=", "ServerSideEncryption": "aws:kms", "ACL": "private"},
        {"s3:requestobjecttag/a": "b", "s3:requestobjecttag/c": ("",), "s3:requestobjecttagkeys": ("a", "c"),
         "s3:x-amz-server-side-encryption": "aws:kms", "s3:x-amz-acl": "private"},
    ),
    (
        "s3", "PutObjectTagging", {**OBJECT, "Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]}},
        {"s3:requestobjecttag/a": "b"},
    ),
    ("s3", "GetObject", {**OBJECT, "VersionId": "v"}, {"s3:versionid": "v"}),
    (
        "kms", "Encrypt", {"KeyId": "alias/app", "EncryptionContext": {"App": "x"}},
        {"kms:requestalias": "alias/app", "kms:encryptioncontext:app": "x", "kms:encryptioncontextkeys": ("App",),
         "kms:calleraccount": ACCOUNT, "kms:viaservice": ""},
    ),
    (
        "kms", "CreateGrant", {"KeyId": KEY, "Operations": ["Decrypt"], "GranteePrincipal": "arn:aws:iam::1:root"},
        {"kms:grantoperations": ("Decrypt",), "kms:grantisforawsresource": "false"},
    ),
    ("ssm", "GetParametersByPath", {"Path": "/", "Recursive": True}, {"ssm:recursive": "true"}),
    ("secretsmanager", "GetSecretValue", {"SecretId": "a"}, {"secretsmanager:versionstage": "AWSCURRENT"}),
    (
        "ecr", "CreateRepository", {"repositoryName": "a", "tags": [{"Key": "k", "Value": "v"}]},
        {"aws:requesttag/k": "v"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("service", "operation", "params", "expected"), KEYS)
def test_the_condition_keys_of_the_service_come_with_the_need(
    service: str, operation: str, params: Mapping[str, Any], expected: Mapping[str, Any]
) -> None:
    keys = asked_of(service, operation, params)[0].keys
    assert {name: keys.get(name) for name in expected} == expected
