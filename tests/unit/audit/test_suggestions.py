"""What was seen becomes statements with the names that the stack's template has for its resources."""

from __future__ import annotations

from typing import Any

import pytest

from nightbus.audit.seen_needs import Seen
from nightbus.audit.stack_names import StackMember, StackNames
from nightbus.audit.suggestions import statements
from nightbus.cli.yaml_text import yaml_lines

ACCOUNT, REGION = "123456789012", "eu-west-1"
NAMES = StackNames(
    ACCOUNT,
    REGION,
    [
        StackMember("Queue", f"http://localhost:4566/{ACCOUNT}/shop-Queue-X", "AWS::SQS::Queue"),
        StackMember("Topic", f"arn:aws:sns:{REGION}:{ACCOUNT}:shop-Topic-X", "AWS::SNS::Topic"),
        StackMember("Bucket", "shop-bucket-x", "AWS::S3::Bucket"),
        StackMember("Worker", "shop-Worker-X", "AWS::Lambda::Function"),
        StackMember("Other", "shop-Other-X", "AWS::Lambda::Function"),
        StackMember("Named", "own-name", "AWS::Lambda::Function"),
        StackMember("Logs", "/shop/logs", "AWS::Logs::LogGroup"),
        StackMember("WorkerLogs", "/aws/lambda/shop-Worker-X", "AWS::Logs::LogGroup"),
        StackMember("Setting", "/shop/setting", "AWS::SSM::Parameter"),
        StackMember("Key", "1234", "AWS::KMS::Key"),
    ],
    own=["Worker", "Named"],
)
SELF = {
    "Fn::Sub": "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}-Worker-*"
}
LOGS = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda"


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (arn("sqs", "shop-Queue-X"), {"Fn::GetAtt": ["Queue", "Arn"]}),
        (arn("sns", "shop-Topic-X"), {"Ref": "Topic"}),
        ("arn:aws:s3:::shop-bucket-x", {"Fn::GetAtt": ["Bucket", "Arn"]}),
        ("arn:aws:s3:::shop-bucket-x/a/*", {"Fn::Sub": "${Bucket.Arn}/a/*"}),
        ("arn:aws:s3:::shop-bucket-xy/a", {"Fn::Sub": "arn:${AWS::Partition}:s3:::shop-bucket-xy/a"}),
        (arn("lambda", "function:shop-Other-X:live"), {"Fn::Sub": "${Other.Arn}:live"}),
        (arn("lambda", "function:shop-Worker-X"), SELF),
        (
            arn("lambda", "function:own-name"),
            {"Fn::Sub": "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:own-name"},
        ),
        (
            arn("logs", "log-group:/aws/lambda/shop-Worker-X:*"),
            {"Fn::Sub": f"{LOGS}/${{AWS::StackName}}-Worker-*:*"},
        ),
        (arn("logs", "log-group:/aws/lambda/own-name:*"), {"Fn::Sub": f"{LOGS}/own-name:*"}),
        (arn("logs", "log-group:/aws/lambda/shop-Other-X:*"), {"Fn::Sub": f"{LOGS}/${{Other}}:*"}),
        (
            arn("logs", "log-group:/shop/logs:*"),
            {"Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${Logs}:*"},
        ),
        (
            arn("ssm", "parameter/shop/setting"),
            {"Fn::Sub": "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${Setting}"},
        ),
        (arn("kms", "key/1234"), {"Fn::GetAtt": ["Key", "Arn"]}),
        (
            f"arn:aws:sqs:us-east-1:{ACCOUNT}:far",
            {"Fn::Sub": "arn:${AWS::Partition}:sqs:us-east-1:${AWS::AccountId}:far"},
        ),
    ],
)
def test_resources_of_the_stack_are_named_by_reference(given: str, written: Any) -> None:
    assert NAMES.written(given) == written


def test_actions_on_the_same_resources_share_a_statement_and_varying_keys_a_pattern() -> None:
    bucket = "arn:aws:s3:::b"
    seen = [
        Seen("s3:GetObject", f"{bucket}/invoices/2026/1.json"),
        Seen("s3:PutObject", f"{bucket}/invoices/2026/1.json"),
        Seen("s3:PutObject", f"{bucket}/invoices/2026/2.pdf"),
        Seen("s3:GetObject", f"{bucket}/config.json"),
        Seen("s3:ListBucket", bucket),
        Seen("sqs:SendMessage", arn("sqs", "q")),
        Seen("sqs:ReceiveMessage", arn("sqs", "q")),
        Seen("kms:GenerateRandom", "*"),
    ]
    seen += [Seen("s3:DeleteObject", f"{bucket}/{letter}/x") for letter in "abcdef"]
    made = {str(one["Action"]): one["Resource"] for one in statements(seen, lambda one: one)}
    assert made == {
        "kms:GenerateRandom": "*",
        "s3:DeleteObject": f"{bucket}/*",
        "s3:GetObject": [f"{bucket}/config.json", f"{bucket}/invoices/*"],
        "s3:ListBucket": bucket,
        "s3:PutObject": f"{bucket}/invoices/*",
        "['sqs:ReceiveMessage', 'sqs:SendMessage']": arn("sqs", "q"),
    }


def test_policies_are_written_as_people_write_them() -> None:
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["a:B", "a:C"],
                "Resource": [{"Ref": "Topic"}, "*", {"Fn::Sub": "${A.Arn}/x"}],
            }
        ],
    }
    assert "\n".join(yaml_lines({"Policies": [policy]})) == (
        'Policies:\n  - Version: "2012-10-17"\n    Statement:\n      - Effect: Allow\n        Action:\n          - a:B'
        '\n          - a:C\n        Resource:\n          - !Ref Topic\n          - "*"\n          - !Sub ${A.Arn}/x'
    )
