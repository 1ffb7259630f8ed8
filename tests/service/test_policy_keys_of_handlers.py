"""The policies of resources that handlers ask know what the whole request has: tags of the caller and of the resource.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambda_rig import code
from nodes import RunningNode
from url_rig import make

ACCOUNT = "000000000000"
ROOT = {
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    "Action": "kms:*",
    "Resource": "*",
}
HELD = [  # with which the request is denied
    {"StringEquals": {"aws:PrincipalTag/team": "blue"}},
    {"StringEquals": {"aws:ResourceTag/stage": "test"}},
    {"StringLike": {"aws:userid": "AIDA*"}},
    {"Bool": {"aws:MultiFactorAuthPresent": "false"}, "StringEquals": {"aws:SourceIdentity": "me"}},
]
NOT_HELD = [
    {"StringNotEquals": {"aws:PrincipalTag/team": "blue"}},
    {"StringNotEquals": {"aws:ResourceTag/stage": "test"}},
    {"StringNotLike": {"aws:userid": "AIDA*"}},
    {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
    {"DateGreaterThan": {"aws:TokenIssueTime": "2020-01-01T00:00:00Z"}},
]
_OWN = ("sqs", "sns", "events", "kms", "secretsmanager", "ecr")
SERVICES = (*_OWN, "a key behind a queue")


class Rig:
    """A user who may do everything, and a resource of each service. `deny` stores its policy, `ask` is the request."""

    def __init__(self, node: RunningNode) -> None:
        iam = node.client("iam")
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
        iam.create_user(UserName="clerk", Tags=[{"Key": "team", "Value": "blue"}])
        iam.put_user_policy(UserName="clerk", PolicyName="all", PolicyDocument=policy)
        key = iam.create_access_key(UserName="clerk")["AccessKey"]
        role = iam.create_role(
            RoleName="clerk-role",
            AssumeRolePolicyDocument=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"AWS": ACCOUNT},
                            "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
                        }
                    ],
                }
            ),
            Tags=[{"Key": "team", "Value": "blue"}],
        )["Role"]["Arn"]
        iam.put_role_policy(RoleName="clerk-role", PolicyName="all", PolicyDocument=policy)
        self.user = {
            "aws_access_key_id": key["AccessKeyId"],
            "aws_secret_access_key": key["SecretAccessKey"],
        }
        given = node.client("sts", **self.user).assume_role(
            RoleArn=role, RoleSessionName="clerk", SourceIdentity="me"
        )["Credentials"]
        self.session = {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }
        self.node = node
        self._tags = [{"Key": "stage", "Value": "test"}]
        self.services = {
            "sqs": self._sqs(),
            "sns": self._sns(),
            "events": self._events(),
            "kms": self._kms(),
            "secretsmanager": self._secret(),
            "ecr": self._ecr(),
            "a key behind a queue": self._queue_with_key(),
        }

    def _sqs(self) -> tuple[Callable[[str], Any], str, str, dict[str, Any]]:
        sqs = self.node.client("sqs")
        url = sqs.create_queue(QueueName="guarded", tags={"stage": "test"})["QueueUrl"]
        entries = [{"Id": "1", "MessageBody": "m"}]
        return (
            lambda policy: sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy}),
            "sqs:SendMessage", "send_message_batch", {"QueueUrl": url, "Entries": entries},
        )  # fmt: skip

    def _sns(self) -> tuple[Callable[[str], Any], str, str, dict[str, Any]]:
        sns = self.node.client("sns")
        topic = sns.create_topic(Name="guarded", Tags=self._tags)["TopicArn"]
        return (
            lambda policy: sns.set_topic_attributes(
                TopicArn=topic, AttributeName="Policy", AttributeValue=policy
            ),
            "sns:Publish", "publish", {"TopicArn": topic, "Message": "m"},
        )  # fmt: skip

    def _events(self) -> tuple[Callable[[str], Any], str, str, dict[str, Any]]:
        events = self.node.client("events")
        events.create_event_bus(Name="guarded", Tags=self._tags)
        entry = {"EventBusName": "guarded", "Source": "s", "DetailType": "d", "Detail": "{}"}
        return (
            lambda policy: events.put_permission(EventBusName="guarded", Policy=policy),
            "events:PutEvents", "put_events", {"Entries": [entry]},
        )  # fmt: skip

    def _kms(self) -> tuple[Callable[[str], Any], str, str, dict[str, Any]]:
        kms = self.node.client("kms")
        tags = [{"TagKey": "stage", "TagValue": "test"}]
        key = kms.create_key(Tags=tags)["KeyMetadata"]["Arn"]
        return (
            lambda policy: kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy),
            "kms:Encrypt", "encrypt", {"KeyId": key, "Plaintext": b"m"},
        )  # fmt: skip

    def _queue_with_key(self) -> tuple[Callable[[str], Any], str, str, dict[str, Any]]:
        kms, sqs = self.node.client("kms"), self.node.client("sqs")
        key = kms.create_key(Tags=[{"TagKey": "stage", "TagValue": "test"}])["KeyMetadata"]["Arn"]
        url = sqs.create_queue(QueueName="sealed", Attributes={"KmsMasterKeyId": key})["QueueUrl"]
        return (
            lambda policy: kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy),
            "kms:GenerateDataKey", "send_message", {"QueueUrl": url, "MessageBody": "m"},
        )  # fmt: skip

    def _secret(self) -> tuple[Callable[[str], Any], str, str, dict[str, Any]]:
        secrets = self.node.client("secretsmanager")
        arn = secrets.create_secret(Name="guarded", SecretString="s", Tags=self._tags)["ARN"]
        return (
            lambda policy: secrets.put_resource_policy(SecretId=arn, ResourcePolicy=policy),
            "secretsmanager:GetSecretValue", "batch_get_secret_value", {"SecretIdList": [arn]},
        )  # fmt: skip

    def _ecr(self) -> tuple[Callable[[str], Any], str, str, dict[str, Any]]:
        ecr = self.node.client("ecr")
        ecr.create_repository(repositoryName="guarded", tags=self._tags)
        return (
            lambda policy: ecr.set_repository_policy(repositoryName="guarded", policyText=policy),
            "ecr:ListImages", "list_images", {"repositoryName": "guarded"},
        )  # fmt: skip

    def asked(self, service: str, condition: dict[str, Any], keys: dict[str, str]) -> str:
        """The error's code of the request with this Deny in the resource's policy, "" without one."""
        deny, action, operation, params = self.services[service]
        statement = {"Sid": "d", "Effect": "Deny", "Principal": "*", "Action": action, "Condition": condition}
        if service != "ecr":
            statement["Resource"] = {
                "sqs": f"arn:aws:sqs:us-east-1:{ACCOUNT}:guarded",
                "sns": f"arn:aws:sns:us-east-1:{ACCOUNT}:guarded",
                "events": f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/guarded",
            }.get(service, "*")
        statements = [statement, *([ROOT] if action.startswith("kms:") else [])]
        deny(json.dumps({"Version": "2012-10-17", "Statement": statements}))
        try:
            client = self.node.client(service if service in _OWN else "sqs", **keys)
            reply = getattr(client, operation)(**params)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        entries = reply.get("Entries") or reply.get("Errors") or [{}]
        return str(entries[0].get("ErrorCode", ""))


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    node = RunningNode(environ={"NIGHTBUS_AUTHORIZATION": "enforce"})
    yield Rig(node)
    node.stop()


@pytest.mark.parametrize("service", SERVICES)
def test_a_deny_holds_by_what_only_the_whole_request_says(rig: Rig, service: str) -> None:
    for condition in HELD:
        keys = rig.session if "Bool" in condition else rig.user
        refused = rig.asked(service, condition, keys)
        assert "AccessDenied" in refused or refused == "AuthorizationError", (condition, refused)


@pytest.mark.parametrize("service", SERVICES)
def test_a_deny_that_does_not_hold_refuses_nothing(rig: Rig, service: str) -> None:
    for condition in NOT_HELD:
        assert rig.asked(service, condition, rig.user) == "", condition


@pytest.mark.parametrize(("condition", "refused"), [(HELD[0], True), (NOT_HELD[0], False)])
def test_a_queue_of_a_function_is_asked_with_the_tags_of_the_functions_role(
    rig: Rig, condition: dict[str, Any], refused: bool
) -> None:
    client = rig.node.client
    function, sqs = make(client, code("def handler(event, context): pass")), client("sqs")
    client("iam").tag_role(RoleName=function, Tags=[{"Key": "team", "Value": "blue"}])
    url, queue = (
        sqs.create_queue(QueueName=function)["QueueUrl"],
        f"arn:aws:sqs:us-east-1:{ACCOUNT}:{function}",
    )
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": queue, "Condition": condition}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    asked = {"FunctionName": function, "EventSourceArn": queue}
    if refused:
        with pytest.raises(ClientError, match="does not have permissions to call ReceiveMessage on SQS"):
            client("lambda").create_event_source_mapping(**asked)
    else:
        client("lambda").create_event_source_mapping(**asked)


def tagged_resources(node: RunningNode) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Of each service the ARN of a resource, the operation that tags it, and its parameters but for the tags."""
    sqs, arn = node.client("sqs"), f"arn:aws:sqs:us-east-1:{ACCOUNT}:tagged"
    url = sqs.create_queue(QueueName="tagged")["QueueUrl"]
    topic = node.client("sns").create_topic(Name="tagged")["TopicArn"]
    secret = node.client("secretsmanager").create_secret(Name="tagged", SecretString="s")["ARN"]
    key = node.client("kms").create_key()["KeyMetadata"]["Arn"]
    repository = node.client("ecr").create_repository(repositoryName="tagged")["repository"]
    return {
        "sqs": (arn, "sqs:TagQueue", {"QueueUrl": url}),
        "sns": (topic, "sns:TagResource", {"ResourceArn": topic}),
        "secretsmanager": (secret, "secretsmanager:TagResource", {"SecretId": secret}),
        "kms": (key, "kms:TagResource", {"KeyId": key}),
        "ecr": (repository["repositoryArn"], "ecr:TagResource", {"resourceArn": repository["repositoryArn"]}),
    }


def close(client: Any, service: str, arn: str, policy: str) -> None:
    match service:
        case "sqs":
            url = client.get_queue_url(QueueName="tagged")["QueueUrl"]
            client.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        case "sns":
            client.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
        case "secretsmanager":
            client.put_resource_policy(SecretId=arn, ResourcePolicy=policy)
        case "kms":
            client.put_key_policy(KeyId=arn, PolicyName="default", Policy=policy)
        case "ecr":
            client.set_repository_policy(repositoryName="tagged", policyText=policy)


@pytest.fixture(scope="module")
def tagged(rig: Rig) -> dict[str, tuple[str, str, dict[str, Any]]]:
    return tagged_resources(rig.node)


@pytest.mark.parametrize("service", ["sqs", "sns", "secretsmanager", "kms", "ecr"])
def test_a_deny_by_the_tags_of_the_request_lets_the_others_pass_each_time(
    rig: Rig, tagged: dict[str, tuple[str, str, dict[str, Any]]], service: str
) -> None:
    """The Authorizer remembers what it has admitted; the handler asks the policy each time."""
    arn, action, params = tagged[service]
    condition = {"StringNotEquals": {"aws:RequestTag/stage": "test"}}
    deny = {"Sid": "d", "Effect": "Deny", "Principal": "*", "Action": action, "Condition": condition}
    deny |= {} if service == "ecr" else {"Resource": "*" if service in ("kms", "secretsmanager") else arn}
    statements = [deny, ROOT] if service == "kms" else [deny]
    close(
        rig.node.client(service), service, arn, json.dumps({"Version": "2012-10-17", "Statement": statements})
    )
    client = rig.node.client(service, **rig.user)
    tag = client.tag_queue if service == "sqs" else client.tag_resource

    def tags(value: str) -> dict[str, Any]:
        if service == "sqs":
            return {"Tags": {"stage": value}}
        if service == "kms":
            return {"Tags": [{"TagKey": "stage", "TagValue": value}]}
        return {"tags" if service == "ecr" else "Tags": [{"Key": "stage", "Value": value}]}

    for _ in range(3):
        tag(**params, **tags("test"))
    with pytest.raises(ClientError, match=r"AccessDenied|AuthorizationError"):
        tag(**params, **tags("live"))
