"""Fifty calls of five threads that change one thing: none is refused, and no change is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from aws_refusals import refusal
from lambda_rig import code, trust

Client = Callable[..., Any]
CALLS = 50
THREADS = 5
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"


def at_once(call: Callable[[int], Any]) -> None:
    """Raises what the first failing call raised."""
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(call, range(CALLS)))


@pytest.fixture
def name() -> str:
    return f"raced-{uuid4().hex[:8]}"


def test_changes_of_a_rule(client: Client, name: str) -> None:
    events = client("events")
    arn = events.put_rule(Name=name, EventPattern='{"source": ["a"]}')["RuleArn"]
    at_once(lambda n: events.put_targets(Rule=name, Targets=[{"Id": f"t{n % 5}", "Arn": f"{QUEUE}{n % 5}"}]))
    assert len(events.list_targets_by_rule(Rule=name)["Targets"]) == 5
    at_once(lambda n: events.tag_resource(ResourceARN=arn, Tags=[{"Key": f"k{n}", "Value": "v"}]))
    assert len(events.list_tags_for_resource(ResourceARN=arn)["Tags"]) == CALLS
    at_once(lambda n: events.put_rule(Name=name, EventPattern=f'{{"source": ["s{n}"]}}'))
    at_once(lambda n: events.remove_targets(Rule=name, Ids=[f"t{n % 5}"]))
    assert events.list_targets_by_rule(Rule=name)["Targets"] == []


def test_permissions_of_a_bus(client: Client, name: str) -> None:
    events = client("events")
    events.create_event_bus(Name=name)
    at_once(
        lambda n: events.put_permission(
            EventBusName=name,
            StatementId=f"s{n}",
            Action="events:PutEvents",
            Principal=f"{n:012d}",
        )
    )
    policy = json.loads(events.describe_event_bus(Name=name)["Policy"])
    assert {one["Sid"] for one in policy["Statement"]} == {f"s{n}" for n in range(CALLS)}


def test_changes_of_a_function(client: Client, name: str) -> None:
    role = client("iam").create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps(trust("lambda.amazonaws.com"))
    )["Role"]["Arn"]
    functions = client("lambda")
    arn = functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": code("def handler(e, c): pass\n")},
    )["FunctionArn"]
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    at_once(
        lambda n: functions.add_permission(
            FunctionName=name,
            StatementId=f"s{n}",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
        )
    )
    policy = json.loads(functions.get_policy(FunctionName=name)["Policy"])
    assert len(policy["Statement"]) == CALLS
    at_once(lambda n: functions.tag_resource(Resource=arn, Tags={f"k{n}": "v"}))
    assert len(functions.list_tags(Resource=arn)["Tags"]) == CALLS
    at_once(lambda n: functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=n))
    at_once(lambda n: functions.remove_permission(FunctionName=name, StatementId=f"s{n}"))
    assert refusal(functions.get_policy, FunctionName=name)[0] == "ResourceNotFoundException"


def test_versions_of_a_layer_are_numbered_one_after_the_other(client: Client, name: str) -> None:
    functions = client("lambda")
    content = {"ZipFile": code("X = 1\n")}
    at_once(lambda n: functions.publish_layer_version(LayerName=name, Content=content))
    versions = functions.list_layer_versions(LayerName=name)["LayerVersions"]
    assert [one["Version"] for one in versions] == list(range(CALLS, 0, -1))


def test_changes_of_a_queue_a_topic_and_a_bucket(client: Client, name: str) -> None:
    sqs, sns, s3 = client("sqs"), client("sns"), client("s3")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    at_once(lambda n: sqs.tag_queue(QueueUrl=url, Tags={f"k{n}": "v"}))
    assert len(sqs.list_queue_tags(QueueUrl=url)["Tags"]) == CALLS
    topic = sns.create_topic(Name=name)["TopicArn"]
    at_once(lambda n: sns.tag_resource(ResourceArn=topic, Tags=[{"Key": f"k{n}", "Value": "v"}]))
    assert len(sns.list_tags_for_resource(ResourceArn=topic)["Tags"]) == CALLS
    at_once(
        lambda n: sns.set_topic_attributes(
            TopicArn=topic, AttributeName="DisplayName", AttributeValue=f"n{n}"
        )
    )
    ends = [sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"{QUEUE}{n}", ReturnSubscriptionArn=True)
            for n in range(CALLS)]  # fmt: skip
    at_once(lambda n: sns.unsubscribe(SubscriptionArn=ends[n]["SubscriptionArn"]))
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsDeleted"] == str(CALLS)
    s3.create_bucket(Bucket=name)
    at_once(lambda n: s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"}))
    at_once(lambda n: s3.put_object(Bucket=name, Key="k", Body=b"%d" % n))
    versions = s3.list_object_versions(Bucket=name)["Versions"]
    bodies = {
        s3.get_object(Bucket=name, Key="k", VersionId=one["VersionId"])["Body"].read() for one in versions
    }
    assert bodies == {b"%d" % n for n in range(CALLS)}
    at_once(lambda n: s3.delete_object(Bucket=name, Key="k", VersionId=versions[n]["VersionId"]))
    assert "Versions" not in s3.list_object_versions(Bucket=name)


def test_policies_of_a_role_and_a_log_groups_tags(client: Client, name: str) -> None:
    iam, logs = client("iam"), client("logs")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust("lambda.amazonaws.com")))
    document = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "arn:aws:logs:*"}],
        }
    )
    at_once(lambda n: iam.put_role_policy(RoleName=name, PolicyName=f"p{n}", PolicyDocument=document))
    names: list[str] = []
    for page in iam.get_paginator("list_role_policies").paginate(RoleName=name):
        names += page["PolicyNames"]
    assert len(names) == CALLS
    at_once(lambda n: iam.tag_role(RoleName=name, Tags=[{"Key": f"k{n % 40}", "Value": "v"}]))
    logs.create_log_group(logGroupName=name)
    at_once(lambda n: logs.put_retention_policy(logGroupName=name, retentionInDays=(1, 3, 5)[n % 3]))


def test_attachments_of_policies(client: Client, name: str) -> None:
    iam = client("iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust("lambda.amazonaws.com")))
    statement = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    arns = [
        iam.create_policy(PolicyName=f"{name}-{n}", PolicyDocument=document)["Policy"]["Arn"]
        for n in range(10)
    ]
    at_once(lambda n: iam.attach_role_policy(RoleName=name, PolicyArn=arns[n % 10]))
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert {one["PolicyArn"] for one in attached} == set(arns)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda arn: iam.detach_role_policy(RoleName=name, PolicyArn=arn), arns))
    assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []


def test_of_many_who_create_the_same_one_does_and_the_others_hear_that_it_is_there(
    client: Client, name: str
) -> None:
    events, stacks = client("events"), client("cloudformation")

    def refusals(call: Callable[..., Any], **params: Any) -> list[str]:
        def attempt(_: int) -> str:
            try:
                call(**params)
            except ClientError as error:
                return str(error.response["Error"]["Code"])
            return ""

        with ThreadPoolExecutor(THREADS) as pool:
            return sorted(pool.map(attempt, range(THREADS)))

    others = THREADS - 1
    assert refusals(events.create_event_bus, Name=name) == ["", *["ResourceAlreadyExistsException"] * others]
    template = json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}})
    made = refusals(stacks.create_stack, StackName=name, TemplateBody=template)
    assert made == ["", *["AlreadyExistsException"] * others]


def test_of_many_who_subscribe_the_same_endpoint_all_get_one_subscription(client: Client, name: str) -> None:
    sns = client("sns")
    topic = sns.create_topic(Name=name)["TopicArn"]
    same = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": f"{QUEUE}1", "ReturnSubscriptionArn": True}
    at_once(lambda n: sns.subscribe(**same))
    (found,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    sns.unsubscribe(SubscriptionArn=found["SubscriptionArn"])
    assert sns.subscribe(**same)["SubscriptionArn"] != found["SubscriptionArn"]
