"""The CDK in Python, with Powertools for TypeScript bundled by esbuild; imports, and a deployment that fails."""

from __future__ import annotations

import importlib.util
import json
import shutil
from functools import partial
from pathlib import Path

import pytest
from test_cdk import MODULES, Cdk, invoices

from nodes import RunningNode
from waiting import wait_for

SOURCE = Path(__file__).parent / "cdk-python"
NEEDED = ("aws-cdk", "esbuild", "@aws-lambda-powertools/parameters")

pytestmark = [
    pytest.mark.timeout(600),  # a synthesis takes minutes where the machine does much else
    pytest.mark.skipif(
        not all((MODULES / name).exists() for name in NEEDED)
        or shutil.which("node") is None
        or importlib.util.find_spec("aws_cdk") is None,
        reason="the CDK is not installed: `scripts/install test` does that where npm is there",
    ),
]


@pytest.fixture(scope="module")
def cdk(node: RunningNode, tmp_path_factory: pytest.TempPathFactory) -> Cdk:
    """The application, synthesized once: Python and jsii take longer than a deployment."""
    app = Cdk(node, tmp_path_factory.mktemp("python") / "app", SOURCE)
    (app.folder / "node_modules").symlink_to(MODULES)
    (app.folder / "package-lock.json").write_text("{}")
    app.run("synth", "--quiet")
    return app


def run(cdk: Cdk, *arguments: str) -> str:
    return cdk.run("--app", "cdk.out", *arguments)


def status(cdk: Cdk) -> str:
    (stack,) = cdk.node.client("cloudformation").describe_stacks(StackName="Life")["Stacks"]
    return str(stack["StackStatus"])


def test_the_account_is_bootstrapped_from_the_assembly(cdk: Cdk) -> None:
    assert "bootstrapped" in run(cdk, "bootstrap", "aws://000000000000/us-east-1")


def test_two_stacks_are_deployed_without_change_sets(cdk: Cdk) -> None:
    run(cdk, "deploy", "Shop", "Life", "--method", "direct", "--require-approval", "never")
    assert cdk.node.client("cloudformation").list_change_sets(StackName="Shop")["Summaries"] == []


def test_events_messages_and_objects_reach_the_function(cdk: Cdk) -> None:
    outputs, node = cdk.outputs(), cdk.node
    assert outputs["AnswerText"] == "TEA?"
    assert node.client("ssm").get_parameter(Name="/shop/told")["Parameter"]["Value"] == "told"
    entry = {"Source": "shop", "DetailType": "OrderPlaced", "Detail": json.dumps({"item": "by event"})}
    node.client("events").put_events(Entries=[{**entry, "EventBusName": outputs["BusName"]}])
    kind = {"kind": {"DataType": "String", "StringValue": "order"}}
    node.client("sns").publish(TopicArn=outputs["TopicArn"], Message="by topic", MessageAttributes=kind)
    node.client("sqs").send_message(QueueUrl=outputs["QueueUrl"], MessageBody="by queue")
    node.client("s3").put_object(Bucket=outputs["BucketName"], Key="in/by-object", Body=b"")
    for text in ("by event", "by topic", "by queue", "by-object"):
        wait_for(partial(invoices, cdk, outputs["ReceiverName"], text))


def test_powertools_for_typescript_do_their_work(cdk: Cdk) -> None:
    name = cdk.outputs()["TypedName"]
    reply = cdk.node.client("lambda").invoke(FunctionName=name, Payload=json.dumps({"item": "tea"}))
    payload = json.loads(reply["Payload"].read())
    assert "FunctionError" not in reply, payload
    assert payload["trace"].startswith("1-")
    assert payload["greeting"] == "hello"
    assert payload["secret"]["user"] == "shop" and len(payload["secret"]["password"]) == 32
    assert "appconfigdata:StartConfigurationSession is not supported" in payload["refused"]
    assert payload["payments"] == [
        {"id": "a", "number": 1},
        {"id": "a", "number": 1},
        {"id": "b", "number": 2},
    ]
    (line,) = wait_for(lambda: invoices(cdk, name, "typed invoice"))
    assert json.loads(line["message"])["item"] == "tea"
    assert invoices(cdk, name, "CloudWatchMetrics")


def test_what_existed_before_comes_into_the_stack(cdk: Cdk) -> None:
    cdk.node.client("s3").create_bucket(Bucket="bucket-before")
    url = cdk.node.client("sqs").create_queue(QueueName="queue-before")["QueueUrl"]
    template = json.loads((cdk.folder / "cdk.out" / "LifeImported.template.json").read_text())
    identifiers = {
        "AWS::S3::Bucket": {"BucketName": "bucket-before"},
        "AWS::SQS::Queue": {"QueueUrl": url},
    }
    mapping = {
        name: identifiers[resource["Type"]]
        for name, resource in template["Resources"].items()
        if resource["Type"] in identifiers
    }
    (cdk.folder / "mapping.json").write_text(json.dumps(mapping))
    run(cdk, "import", "LifeImported", "--resource-mapping", "mapping.json")
    assert status(cdk) == "IMPORT_COMPLETE"
    assert "There were no differences" in run(cdk, "diff", "LifeImported", "--fail")
    assert "No drift detected" in run(cdk, "drift", "LifeImported", "--fail")


def test_a_failed_deployment_stays_as_it_is_until_it_is_rolled_back(cdk: Cdk) -> None:
    command = ("deploy", "LifeBroken", "--no-rollback", "--require-approval", "never")
    with pytest.raises(AssertionError, match=r"Event\s+pattern\s+is\s+not\s+valid"):
        run(cdk, *command)
    assert status(cdk) == "UPDATE_FAILED"
    run(cdk, "rollback", "LifeBroken")
    assert status(cdk) == "UPDATE_ROLLBACK_COMPLETE"
    assert "There were no differences" in run(cdk, "diff", "LifeImported", "--fail")


def test_destroy_keeps_what_was_imported_to_be_retained(cdk: Cdk) -> None:
    bucket = cdk.outputs()["BucketName"]
    run(cdk, "destroy", "Shop", "LifeImported", "--force")
    found = {one["Name"] for one in cdk.node.client("s3").list_buckets()["Buckets"]}
    assert "bucket-before" in found and bucket not in found
    cdk.node.client("sqs").get_queue_url(QueueName="queue-before")
    left = cdk.node.client("cloudformation").describe_stacks()["Stacks"]
    assert [stack["StackName"] for stack in left] == ["CDKToolkit"]
