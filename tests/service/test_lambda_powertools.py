"""An application with AWS Lambda Powertools for Python, from a layer and from its own package, runs unchanged."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from installed_packages import package_with
from lambda_rig import allow, code, function_role
from nodes import RunningNode
from powertools_packages import PACKAGES, RUNTIME
from url_rig import ask, open_url
from waiting import wait_for

Client = Callable[..., Any]
APP = """
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.parameters import base
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="orders")
tracer = Tracer(service="orders")
metrics = Metrics(namespace="Shop", service="orders")
app = LambdaFunctionUrlResolver()
processor = BatchProcessor(event_type=EventType.SQS)

@app.get("/orders/<number>")
@tracer.capture_method
def order(number: str):
    metrics.add_metric(name="OrderRead", unit=MetricUnit.Count, value=1)
    logger.info("reading", extra={"number": number})
    return {"number": number, "by": app.current_event.get("headers", {}).get("user-agent", "")}

def one_record(record):
    if record.body == "bad":
        raise ValueError("bad")

@logger.inject_lambda_context(correlation_id_path=correlation_paths.LAMBDA_FUNCTION_URL)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict, context: LambdaContext):
    logger.debug("only at DEBUG")
    if "Records" in event:
        return process_partial_response(event, one_record, processor, context)
    return app.resolve(event, context)
"""


@pytest.fixture
def role(client: Client) -> str:
    return function_role(client("iam"))


def create(client: Client, role: str, package: bytes, **params: Any) -> str:
    name = f"power-{uuid4().hex[:8]}"
    client("lambda").create_function(
        FunctionName=name,
        Runtime=RUNTIME,
        Handler="app.handler",
        Role=role,
        Timeout=30,
        MemorySize=256,
        Code={"ZipFile": package},
        **params,
    )
    client("lambda").get_waiter("function_active_v2").wait(FunctionName=name)
    return name


def records_of(client: Client, name: str) -> list[dict[str, Any]]:
    try:
        found = client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    except client("logs").exceptions.ResourceNotFoundException:
        return []
    return [json.loads(event["message"]) for event in found if event["message"].startswith("{")]


def test_logger_tracer_metrics_and_event_handler_behind_a_function_url(
    node: RunningNode, client: Client, role: str
) -> None:
    layer = client("lambda").publish_layer_version(
        LayerName=f"power-{uuid4().hex[:8]}",
        Content={"ZipFile": package_with(*PACKAGES, prefix="python/")},
    )
    name = create(
        client, role, code(APP), Layers=[layer["LayerVersionArn"]], TracingConfig={"Mode": "Active"}
    )
    url = open_url(client, name)
    reply = ask(node, url, path="/orders/7")
    assert (reply.status, reply.json["number"]) == (200, "7")
    assert ask(node, url, path="/nowhere").status == 404
    records = wait_for(lambda: [one for one in records_of(client, name) if one.get("message") == "reading"])
    record = records[0]
    assert (record["level"], record["service"], record["number"]) == ("INFO", "orders", "7")
    assert (record["function_name"], record["cold_start"], record["function_memory_size"]) == (
        name,
        True,
        "256",
    )
    assert record["function_request_id"] and record["correlation_id"]
    assert record["xray_trace_id"].startswith("1-")
    metrics = [one for one in records_of(client, name) if "_aws" in one]
    assert [one for one in metrics if one.get("ColdStart") == [1.0]]
    assert [one for one in metrics if one.get("OrderRead") == [1.0] and one["service"] == "orders"]


def test_a_batch_and_lambda_s_own_log_levels(client: Client, role: str) -> None:
    """Powertools logs JSON to standard output, from the level that Lambda says, and Lambda filters it."""
    logging = {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"}
    name = create(client, role, package_with(*PACKAGES, app=APP), LoggingConfig=logging)
    message = {"messageId": "m", "receiptHandle": "r", "attributes": {}, "eventSource": "aws:sqs"}
    event = {"Records": [{**message, "messageId": body, "body": body} for body in ("good", "bad")]}
    reply = client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    assert json.load(reply["Payload"]) == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert [one for one in records_of(client, name) if one.get("message") == "only at DEBUG"]
    quiet = {"ApplicationLogLevel": "ERROR"}
    client("lambda").update_function_configuration(FunctionName=name, LoggingConfig=quiet)
    client("lambda").get_waiter("function_updated_v2").wait(FunctionName=name)
    before = len(records_of(client, name))
    client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    later = records_of(client, name)[before:]
    assert not [one for one in later if one.get("level") in ("DEBUG", "INFO")]


PARAMETERS = """
from aws_lambda_powertools.utilities.parameters import SecretsProvider, SSMProvider

ssm, secrets = SSMProvider(), SecretsProvider()

def handler(event, context):
    path = event["path"]
    if "value" in event:
        ssm.set(f"{path}/json", event["value"], overwrite=True)
    return {
        "plain": ssm.get(f"{path}/plain"),
        "secure": ssm.get(f"{path}/secure", decrypt=True),
        "json": ssm.get(f"{path}/json", transform="json", force_fetch=True),
        "below": ssm.get_multiple(path, decrypt=True),
        "byname": ssm.get_parameters_by_name({f"{path}/plain": {}, f"{path}/none": {}}, raise_on_error=False),
        "secret": secrets.get(event["secret"], transform="json"),
    }
"""


def test_parameters_and_secrets(client: Client, role: str) -> None:
    path = f"/power-{uuid4().hex[:8]}"
    ssm = client("ssm")
    ssm.put_parameter(Name=f"{path}/plain", Value="p", Type="String")
    ssm.put_parameter(Name=f"{path}/secure", Value="s", Type="SecureString")
    ssm.put_parameter(Name=f"{path}/json", Value="{}", Type="String")
    arn = client("secretsmanager").create_secret(Name=path[1:], SecretString='{"password": "hunter"}')["ARN"]
    reading = (
        "ssm:GetParameter",
        "ssm:GetParameters",
        "ssm:GetParametersByPath",
        "secretsmanager:GetSecretValue",
    )
    allow(client("iam"), role.rpartition("/")[2], "ssm:PutParameter", *reading)
    name = create(client, role, package_with(*PACKAGES, app=PARAMETERS))
    event = {"path": path, "secret": arn, "value": '{"a": 1}'}
    reply = client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    assert json.load(reply["Payload"]) == {
        "plain": "p",
        "secure": "s",
        "json": {"a": 1},
        "below": {"plain": "p", "secure": "s", "json": '{"a": 1}'},
        "byname": {f"{path}/plain": "p", "_errors": [f"{path}/none"]},
        "secret": {"password": "hunter"},
    }
