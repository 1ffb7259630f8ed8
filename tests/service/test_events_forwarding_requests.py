"""Each service that is not part of Nightbus gets the request that its rule target asks for."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest

from forwarding_rig import ACCOUNT, Elsewhere, Source, arn_of, done, forwarding_node
from nodes import RunningNode

SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:s"


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    server = Elsewhere()
    yield server
    server.close()


@pytest.fixture(scope="module")
def node(elsewhere: Elsewhere) -> Iterator[RunningNode]:
    with forwarding_node(elsewhere) as running:
        yield running


@pytest.fixture
def source(node: RunningNode) -> Source:
    return Source(node)


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
