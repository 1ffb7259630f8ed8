"""Targets whose service is not part of Nightbus go, by boto3, to the endpoint that the setting names."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import refusal
from forwarding_rig import Elsewhere, Sent
from nodes import RunningNode
from waiting import wait_for

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
MACHINE = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:orders"
STREAM = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/orders"
SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:s"
SERVICES = (
    "states", "kinesis", "firehose", "ecs", "batch", "ssm", "codebuild", "codepipeline", "glue", "sagemaker",
    "redshift-data", "inspector", "appsync",
)  # fmt: skip


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    server = Elsewhere()
    yield server
    server.close()


@pytest.fixture(scope="module")
def node(elsewhere: Elsewhere) -> Iterator[RunningNode]:
    forwards = [f"{service}={elsewhere.url}" for service in SERVICES]
    forwards.append(f"execute-api={elsewhere.url}/apis/{{api}}/{{stage}}")
    running = RunningNode(environ={"NIGHTBUS_FORWARD": ",".join(forwards)})
    yield running
    assert running.stop() == 0


class Source:
    """A rule of its own for each target."""

    def __init__(self, node: RunningNode) -> None:
        self.events = node.client("events")
        self.sqs = node.client("sqs")

    def target(self, arn: str, **more: Any) -> str:
        source = f"shop-{uuid4().hex[:8]}"
        self.events.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))
        given = {"Id": "t", "Arn": arn, "RoleArn": ROLE, **more}
        target = {name: value for name, value in given.items() if value is not None}
        assert self.events.put_targets(Rule=source, Targets=[target])["FailedEntryCount"] == 0
        return source

    def put(self, source: str, **detail: Any) -> str:
        entry = {"Source": source, "DetailType": "order", "Detail": json.dumps({"of": source, **detail})}
        reply = self.events.put_events(Entries=[entry])
        assert reply["FailedEntryCount"] == 0
        return str(reply["Entries"][0]["EventId"])

    def queue(self) -> tuple[str, str]:
        """URL and ARN of a queue that takes everything from EventBridge."""
        url = self.sqs.create_queue(QueueName=f"q-{uuid4().hex[:8]}")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        statement = {
            "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": arn,
        }  # fmt: skip
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        return url, arn

    def letter(self, url: str) -> dict[str, Any]:
        def receive() -> dict[str, Any] | None:
            reply = self.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MessageAttributeNames=["All"])
            return next(iter(reply.get("Messages", [])), None)

        return wait_for(receive)


@pytest.fixture
def source(node: RunningNode) -> Source:
    return Source(node)


def only(elsewhere: Elsewhere, words: str) -> Sent:
    found = wait_for(lambda: elsewhere.of(words))
    assert len(found) == 1
    return found[0]


def test_an_event_starts_an_execution(source: Source, elsewhere: Elsewhere) -> None:
    name = source.target(MACHINE)
    event_id = source.put(name)
    sent = only(elsewhere, name)
    assert (sent.target, sent.headers["content-type"]) == (
        "AWSStepFunctions.StartExecution", "application/x-amz-json-1.0",
    )  # fmt: skip
    assert sent.body["stateMachineArn"] == MACHINE
    assert sent.body["name"].startswith(f"{event_id}_")
    assert json.loads(sent.body["input"])["detail"] == {"of": name}
    assert f"Credential={ACCOUNT}/" in sent.headers["authorization"]
    assert "/us-east-1/states/" in sent.headers["authorization"]


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({}, None),
        ({"KinesisParameters": {"PartitionKeyPath": "$.detail.customer"}}, "ada"),
        ({"KinesisParameters": {"PartitionKeyPath": "$.detail.customer"}, "InputPath": "$.detail"}, "ada"),
        ({"KinesisParameters": {"PartitionKeyPath": "$.detail.n"}}, "7"),
        ({"KinesisParameters": {"PartitionKeyPath": "$.detail.nothing"}}, None),
    ],
)
def test_an_event_becomes_a_record_of_a_stream(
    source: Source, elsewhere: Elsewhere, more: dict[str, Any], key: str | None
) -> None:
    before = len(elsewhere.requests)
    name = source.target(STREAM, **more)
    event_id = source.put(name, customer="ada", n=7)
    sent = wait_for(lambda: elsewhere.requests[before:])[0]
    assert (sent.target, sent.headers["content-type"]) == (
        "Kinesis_20131202.PutRecord", "application/x-amz-json-1.1",
    )  # fmt: skip
    assert (sent.body["StreamName"], sent.body["PartitionKey"]) == ("orders", key or event_id)
    data = json.loads(base64.b64decode(sent.body["Data"]))
    assert (data if "InputPath" in more else data["detail"])["of"] == name


def test_a_refusal_is_a_dead_letter(source: Source, elsewhere: Elsewhere) -> None:
    url, dead = source.queue()
    name = source.target(MACHINE, DeadLetterConfig={"Arn": dead})
    elsewhere.answer = lambda sent: (
        400,
        {"__type": "StateMachineDoesNotExist", "message": "no such machine"},
    )
    try:
        event_id = source.put(name)
        letter = source.letter(url)
    finally:
        elsewhere.answer = lambda sent: None
    assert json.loads(letter["Body"])["id"] == event_id
    told = {key: value["StringValue"] for key, value in letter["MessageAttributes"].items()}
    assert (told["TARGET_ARN"], told["ERROR_MESSAGE"], told["RETRY_ATTEMPTS"]) == (
        MACHINE,
        "no such machine",
        "0",
    )


def test_what_fails_for_now_is_tried_again_under_the_same_name(source: Source, elsewhere: Elsewhere) -> None:
    name = source.target(MACHINE)
    answers: list[tuple[int, dict[str, Any]]] = [
        (500, {"__type": "InternalError", "message": "later"}),
        (400, {"__type": "ThrottlingException", "message": "slowly"}),
        (400, {"__type": "ExecutionAlreadyExists", "message": "it runs"}),
    ]
    elsewhere.answer = lambda sent: answers.pop(0) if answers else None
    source.put(name)
    found = wait_for(lambda: elsewhere.of(name)[2:] and elsewhere.of(name))
    elsewhere.answer = lambda sent: None
    assert len({sent.body["name"] for sent in found}) == 1


def test_a_target_needs_a_role(source: Source) -> None:
    source.events.put_rule(Name="needs", EventPattern='{"source": ["shop"]}')
    code, status, message = refusal(
        source.events.put_targets, Rule="needs", Targets=[{"Id": "t", "Arn": MACHINE}]
    )
    assert (code, status, message) == (
        "ValidationException",
        400,
        f"RoleArn is required for target {MACHINE}.",
    )


def done(source: Source, elsewhere: Elsewhere, arn: str, path: str, **more: Any) -> Sent:
    """What the service was sent for an event that its rule matched."""
    before = len(elsewhere.requests)
    source.put(source.target(arn, **more), color="red")
    sent = wait_for(lambda: elsewhere.requests[before:])[0]
    assert path in (sent.path, sent.target)
    return sent


def arn_of(service: str, resource: str) -> str:
    return f"arn:aws:{service}:us-east-1:{ACCOUNT}:{resource}"


def test_firehose(source: Source, elsewhere: Elsewhere) -> None:
    arn = arn_of("firehose", "deliverystream/lake")
    sent = done(source, elsewhere, arn, "Firehose_20150804.PutRecord", InputPath="$.detail.color")
    assert sent.body == {
        "DeliveryStreamName": "lake",
        "Record": {"Data": base64.b64encode(b'"red"').decode()},
    }


def test_ecs_gets_nothing_of_the_event_by_itself(source: Source, elsewhere: Elsewhere) -> None:
    arn = arn_of("ecs", "cluster/main")
    parameters = {
        "TaskDefinitionArn": arn_of("ecs", "task-definition/work:3"),
        "TaskCount": 2,
        "LaunchType": "FARGATE",
        "NetworkConfiguration": {
            "awsvpcConfiguration": {"Subnets": ["subnet-1"], "AssignPublicIp": "ENABLED"}
        },
        "PropagateTags": "TASK_DEFINITION",
        "EnableECSManagedTags": True,
        "Tags": [{"Key": "a", "Value": "1"}],
        "PlacementStrategy": [{"type": "spread", "field": "instanceId"}],
    }
    path = "AmazonEC2ContainerServiceV20141113.RunTask"
    body = done(source, elsewhere, arn, path, EcsParameters=parameters).body
    assert body.pop("startedBy").startswith("events-rule/shop-")
    assert body.pop("clientToken")
    assert body == {
        "cluster": arn,
        "taskDefinition": parameters["TaskDefinitionArn"],
        "count": 2,
        "launchType": "FARGATE",
        "networkConfiguration": {
            "awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "ENABLED"}
        },
        "propagateTags": "TASK_DEFINITION",
        "enableECSManagedTags": True,
        "tags": [{"key": "a", "value": "1"}],
        "placementStrategy": [{"type": "spread", "field": "instanceId"}],
    }
    overrides = {"containerOverrides": [{"name": "c", "command": ["run"]}]}
    body = done(source, elsewhere, arn, path, EcsParameters=parameters, Input=json.dumps(overrides)).body
    assert body["overrides"] == overrides


def test_batch(source: Source, elsewhere: Elsewhere) -> None:
    arn = arn_of("batch", "job-queue/night")
    parameters = {
        "JobDefinition": "work", "JobName": "once", "ArrayProperties": {"Size": 3}, "RetryStrategy": {"Attempts": 2},
    }  # fmt: skip
    template = (
        '{"Parameters": {"Color": <c>}, "ContainerOverrides": {"Environment": [{"Name": "C", "Value": <c>}]}}'
    )
    transformer = {"InputPathsMap": {"c": "$.detail.color"}, "InputTemplate": template}
    body = done(
        source, elsewhere, arn, "/v1/submitjob", BatchParameters=parameters, InputTransformer=transformer
    ).body
    assert body == {
        "jobQueue": arn,
        "jobDefinition": "work",
        "jobName": "once",
        "arrayProperties": {"size": 3},
        "retryStrategy": {"attempts": 2},
        "parameters": {"Color": "red"},
        "containerOverrides": {"environment": [{"name": "C", "value": "red"}]},
    }
    given = {
        "DependsOn": [{"JobId": "j-1", "Type": "SEQUENTIAL"}],
        "ContainerOverrides": {"Command": ["run"], "Vcpus": 2, "Memory": 512, "InstanceType": "m5.large"},
        "JobName": "another",
    }
    parameters = {"JobDefinition": "work", "JobName": "once"}
    body = done(
        source, elsewhere, arn, "/v1/submitjob", BatchParameters=parameters, Input=json.dumps(given)
    ).body
    assert body == {
        "jobQueue": arn,
        "jobDefinition": "work",
        "jobName": "once",
        "dependsOn": [{"jobId": "j-1"}],
        "containerOverrides": {"command": ["run"], "vcpus": 2, "memory": 512},
    }


def test_systems_manager(source: Source, elsewhere: Elsewhere) -> None:
    targets = [{"Key": "tag:role", "Values": ["web"]}]
    body = done(
        source,
        elsewhere,
        "arn:aws:ssm:us-east-1::document/AWS-RunShellScript",
        "AmazonSSM.SendCommand",
        RunCommandParameters={"RunCommandTargets": targets},
        Input='{"commands": ["ls"], "workingDirectory": "/tmp"}',
    ).body
    assert body == {
        "DocumentName": "AWS-RunShellScript",
        "Targets": targets,
        "Parameters": {"commands": ["ls"], "workingDirectory": ["/tmp"]},
    }
    whole = {"DocumentVersion": "2", "Parameters": {"commands": ["ls"]}}
    for more, document in (({}, "AWS-RunShellScript"), ({"DocumentName": "Other"}, "Other")):
        body = done(
            source,
            elsewhere,
            "arn:aws:ssm:us-east-1::document/AWS-RunShellScript",
            "AmazonSSM.SendCommand",
            RunCommandParameters={"RunCommandTargets": targets},
            Input=json.dumps({**whole, **more}),
        ).body
        assert body == {
            "DocumentName": document,
            "DocumentVersion": "2",
            "Targets": targets,
            "Parameters": {"commands": ["ls"]},
        }
    automation = arn_of("ssm", "automation-definition/Restart:4")
    body = done(source, elsewhere, automation, "AmazonSSM.StartAutomationExecution").body
    assert body.pop("ClientToken")
    assert body == {"DocumentName": "Restart", "DocumentVersion": "4"}


def test_builds_and_pipelines(source: Source, elsewhere: Elsewhere) -> None:
    arn = arn_of("codebuild", "project/site")
    body = done(source, elsewhere, arn, "CodeBuild_20161006.StartBuild", Input='{"sourceVersion": "v1"}').body
    assert (body["projectName"], body["sourceVersion"]) == ("site", "v1")
    given = '{"sourceVersion": "v2", "buildType": "BATCH"}'
    body = done(source, elsewhere, arn, "CodeBuild_20161006.StartBuildBatch", Input=given).body
    assert body.pop("idempotencyToken")
    assert body == {"projectName": "site", "sourceVersion": "v2"}
    arn = arn_of("codepipeline", "release")
    body = done(source, elsewhere, arn, "CodePipeline_20150709.StartPipelineExecution").body
    assert body["name"] == "release"
    body = done(source, elsewhere, arn_of("glue", "workflow/etl"), "AWSGlue.StartWorkflowRun").body
    assert body == {"Name": "etl"}
    values = [{"Name": "size", "Value": "$.detail.color"}]
    body = done(
        source,
        elsewhere,
        arn_of("sagemaker", "pipeline/train"),
        "SageMaker.StartPipelineExecution",
        SageMakerPipelineParameters={"PipelineParameterList": values},
    ).body
    assert (body["PipelineName"], body["PipelineParameters"]) == (
        "train", [{"Name": "size", "Value": "red"}],
    )  # fmt: skip
    template = arn_of("inspector", "target/0-a/template/0-b")
    body = done(source, elsewhere, template, "InspectorService.StartAssessmentRun").body
    assert body == {"assessmentTemplateArn": template}


def test_redshift(source: Source, elsewhere: Elsewhere) -> None:
    body = done(
        source,
        elsewhere,
        arn_of("redshift", "cluster:sales"),
        "RedshiftData.ExecuteStatement",
        RedshiftDataParameters={"Database": "dev", "DbUser": "u", "Sql": "select 1", "WithEvent": True},
    ).body
    assert body.pop("ClientToken")
    assert body == {
        "ClusterIdentifier": "sales", "Database": "dev", "DbUser": "u", "Sql": "select 1", "WithEvent": True,
    }  # fmt: skip
    group = arn_of("redshift-serverless", "workgroup/0-1")
    statements = {"Database": "dev", "Sqls": ["select 1", "select 2"], "SecretManagerArn": SECRET}
    body = done(
        source, elsewhere, group, "RedshiftData.BatchExecuteStatement", RedshiftDataParameters=statements
    ).body
    assert (body["WorkgroupName"], body["Sqls"], body["SecretArn"]) == (
        group, ["select 1", "select 2"], SECRET,
    )  # fmt: skip


def test_an_api(source: Source, elsewhere: Elsewhere) -> None:
    arn = arn_of("execute-api", "abc123/prod/PUT/orders/*/lines/*")
    parameters = {
        "PathParameterValues": ["a b", "7"], "QueryStringParameters": {"x": "1 2"},
        "HeaderParameters": {"X-Shop": "s", "content-type": "text/plain"},
    }  # fmt: skip
    sent = done(
        source,
        elsewhere,
        arn,
        "/apis/abc123/prod/orders/a%20b/lines/7?x=1%202",
        HttpParameters=parameters,
        InputPath="$.detail",
    )
    assert (sent.method, sent.headers["x-shop"], sent.body["color"]) == ("PUT", "s", "red")
    assert sent.headers["content-type"] == "text/plain"
    assert "/us-east-1/execute-api/" in sent.headers["authorization"]


def test_an_api_without_authorization_needs_no_role(source: Source, elsewhere: Elsewhere) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html#targets-permissions"""
    arn = arn_of("execute-api", "abc123/prod/POST/orders")
    sent = done(source, elsewhere, arn, "/apis/abc123/prod/orders", RoleArn=None)
    assert "authorization" not in sent.headers


def test_a_graphql_api(source: Source, elsewhere: Elsewhere) -> None:
    arn = arn_of("appsync", "endpoints/graphql-api/xyz")
    query = "mutation M($color: String!) { put(color: $color) { id } }"
    sent = done(
        source,
        elsewhere,
        arn,
        "/graphql",
        AppSyncParameters={"GraphQLOperation": query},
        InputPath="$.detail",
    )
    assert (sent.method, sent.body["query"], sent.body["variables"]["color"]) == ("POST", query, "red")


@pytest.mark.parametrize(
    ("arn", "more", "named"),
    [
        (arn_of("ecs", "cluster/main"), {}, "Parameter(s) EcsParameters must be specified"),
        (arn_of("batch", "job-queue/q"), {}, "Parameter(s) BatchParameters must be specified"),
        (
            arn_of("ssm", "document/d"),
            {},
            "Parameter(s) RunCommandParameters must be specified",
        ),
        (
            arn_of("redshift", "cluster:c"),
            {},
            "Parameter(s) RedshiftDataParameters must be specified",
        ),
        (
            arn_of("appsync", "endpoints/graphql-api/x"),
            {},
            "Parameter(s) AppSyncParameters must be specified",
        ),
        (
            MACHINE,
            {"KinesisParameters": {"PartitionKeyPath": "$.id"}},
            "Parameter(s) KinesisParameters not supported for target: t.",
        ),
        (
            arn_of("execute-api", "abc/prod/POST/x"),
            {"HttpParameters": {"HeaderParameters": {"X-Fine": "1", "X-Amzn-Trace-Id": "2"}}},
            "Header X-Amzn-Trace-Id is not permitted",
        ),
        (
            arn_of("execute-api", "abc/prod/POST/x"),
            {"HttpParameters": {"HeaderParameters": {"Host": "elsewhere"}}},
            "Header Host is not permitted",
        ),
        (arn_of("ssm", "opsitem"), {}, "opsitem"),
    ],
)
def test_what_does_not_fit_is_refused(source: Source, arn: str, more: dict[str, Any], named: str) -> None:
    source.events.put_rule(Name="unfit", EventPattern='{"source": ["shop"]}')
    target = {"Id": "t", "Arn": arn, "RoleArn": ROLE, **more}
    assert named in refusal(source.events.put_targets, Rule="unfit", Targets=[target])[2]


@pytest.mark.parametrize("input_", ['"text"', "[1]"])
def test_an_input_that_becomes_no_call_is_a_dead_letter(source: Source, input_: str) -> None:
    url, dead = source.queue()
    name = source.target(arn_of("codebuild", "project/site"), Input=input_, DeadLetterConfig={"Arn": dead})
    source.put(name)
    told = source.letter(url)["MessageAttributes"]
    assert told["ERROR_CODE"]["StringValue"] == "INVALID_PARAMETER"
    assert "must be a JSON object" in told["ERROR_MESSAGE"]["StringValue"]


def test_a_call_that_boto3_refuses_is_a_dead_letter(source: Source) -> None:
    url, dead = source.queue()
    name = source.target(
        arn_of("codebuild", "project/site"), Input='{"speed": 3}', DeadLetterConfig={"Arn": dead}
    )
    source.put(name)
    told = source.letter(url)["MessageAttributes"]
    assert told["ERROR_CODE"]["StringValue"] == "INVALID_PARAMETER"
    assert "speed" in told["ERROR_MESSAGE"]["StringValue"]
