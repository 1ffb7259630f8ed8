"""Every template of examples/templates is deployed, driven once, and deleted without a trace."""

from __future__ import annotations

import base64
import http.server
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from example_stacks import (
    SECONDS,
    Deployed,
    begin_change,
    delete,
    deploy,
    empty,
    object_body,
    outputs_of,
    put_object,
)
from nodes import RunningNode
from waiting import wait_for

TEMPLATES = Path(__file__).parents[2] / "examples" / "templates"
PARTS = {"nested-queue", "macro-use", "shared-topic-subscriber"}  # that other templates use


def drive_object_thumbnails(stack: Deployed) -> None:
    put_object(stack, "Uploads", "other/x", b"no")
    put_object(stack, "Uploads", "in/a photo+1.jpg", b"12345")
    body = wait_for(lambda: object_body(stack, stack.outputs["Summaries"], "out/a photo+1.jpg"), SECONDS)
    assert body == b"5 bytes"
    assert stack.client("s3").list_objects_v2(Bucket=stack.outputs["Summaries"])["KeyCount"] == 1
    empty(stack, stack.outputs["Uploads"])
    empty(stack, stack.outputs["Summaries"])


def drive_object_events(stack: Deployed) -> None:
    put_object(stack, "Bucket", "small.csv", b"1")
    put_object(stack, "Bucket", "large.txt", b"x" * 100)
    put_object(stack, "Bucket", "large.csv", b"x" * 100)
    assert [json.loads(one) for one in stack.messages("Queue")] == [{"report": "large.csv", "bytes": 100}]
    empty(stack, stack.outputs["Bucket"])


def drive_queue_worker(stack: Deployed) -> None:
    sqs = stack.client("sqs")
    for body in ('{"number": 1}', "nonsense", '{"number": 21}'):
        sqs.send_message(QueueUrl=stack.outputs["Work"], MessageBody=body)
    assert sorted(stack.messages("Done", 2)) == ["2", "42"]
    assert stack.messages("Failed") == ["nonsense"]


def drive_topic_fan_out(stack: Deployed) -> None:
    region = {"region": {"DataType": "String", "StringValue": "eu-west-1"}}
    sns, topic = stack.client("sns"), stack.outputs["Topic"]
    sns.publish(TopicArn=topic, Message='{"amount": 7}', MessageAttributes=region)
    sns.publish(TopicArn=topic, Message='{"amount": 700}')
    assert len(stack.messages("All", 2)) == 2
    assert stack.messages("Europe") == ['{"amount": 7}']
    assert stack.messages("Large") == ['{"amount": 700}']


def drive_secret_rotation(stack: Deployed) -> None:
    secrets, arn = stack.client("secretsmanager"), stack.outputs["Secret"]

    def value() -> dict[str, str]:
        read: dict[str, str] = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
        return read

    before = value()
    assert (before["username"], len(before["password"])) == ("shop", 24)
    secrets.rotate_secret(SecretId=arn)
    wait_for(lambda: value() != before, SECONDS)
    previous = secrets.get_secret_value(SecretId=arn, VersionStage="AWSPREVIOUS")["SecretString"]
    assert json.loads(previous) == before
    assert value()["username"] == "shop"


def drive_parameters(stack: Deployed) -> None:
    assert stack.invoke("Function", {}) == {
        "/currency": "EUR",
        "/countries": "de,fr,it",
        "/discounts/summer": "10",
    }


def drive_custom_resource(stack: Deployed) -> None:
    assert (stack.outputs["Id"], stack.outputs["Length"]) == ("loud-hello", "5")
    parameter = stack.client("ssm").get_parameter(Name=stack.outputs["Parameter"])["Parameter"]
    assert parameter["Value"] == "HELLO"


def drive_signing_key(stack: Deployed) -> None:
    signed = stack.invoke("Function", {"amount": 3})
    verified = stack.client("kms").verify(
        KeyId=stack.outputs["Key"],
        Message=signed["receipt"].encode(),
        Signature=base64.b64decode(signed["signature"]),
        SigningAlgorithm="ECDSA_SHA_256",
    )
    assert verified["SignatureValid"] is True


def drive_buses(stack: Deployed) -> None:
    entry = {"EventBusName": stack.outputs["Team"], "Source": "shop", "DetailType": "sold"}
    entries = [{**entry, "Detail": json.dumps({"public": public})} for public in (False, True)]
    assert stack.client("events").put_events(Entries=entries)["FailedEntryCount"] == 0
    assert [json.loads(one) for one in stack.messages("Seen")] == [{"public": True}]


def drive_wait_condition(stack: Deployed) -> None:
    assert json.loads(stack.outputs["Said"]) == {"one": "up", "two": "up too"}


def drive_nested(stack: Deployed) -> None:
    stack.client("sns").publish(TopicArn=stack.outputs["Topic"], Message="nested")
    assert json.loads(stack.messages("Queue")[0])["Message"] == "nested"


def drive_for_each(stack: Deployed) -> None:
    stack.client("sns").publish(TopicArn=stack.outputs["Topic"], Message="to all")
    assert [stack.messages(f"Queue{one}") for one in ("De", "Fr", "It")] == [["to all"]] * 3
    directory = stack.client("ssm").get_parameter(Name=stack.outputs["Directory"])["Parameter"]["Value"]
    assert json.loads(directory)["countries"] == ["De", "Fr", "It"]
    asked = {"QueueUrl": stack.outputs["QueueIt"], "AttributeNames": ["MessageRetentionPeriod"]}
    found = stack.client("sqs").get_queue_attributes(**asked)["Attributes"]
    assert found == {"MessageRetentionPeriod": "345600"}


def drive_function_url(stack: Deployed) -> None:
    url = urlsplit(stack.outputs["Url"])
    for order, state in ((7, "paid"), (8, "open")):
        body = json.dumps({"order": order, "state": state}).encode()
        # Not every machine finds names below localhost.
        headers = {"Host": url.netloc, "Content-Type": "application/json"}
        asked = urllib.request.Request(f"http://127.0.0.1:{url.port}/payment", body, headers)
        with urllib.request.urlopen(asked, timeout=SECONDS) as answer:
            assert answer.status == 202
    assert stack.messages("Paid") == ["7"]


def drive_log_alarms(stack: Deployed) -> None:
    logs, group = stack.client("logs"), stack.outputs["Group"]
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now = int(time.time() * 1000)
    lines = [{"timestamp": now, "message": text} for text in ("all is well", "ERROR: no paper")]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=lines)
    assert stack.messages("Heard") == ["ERROR: no paper"]


def drive_ordered_payments(stack: Deployed) -> None:
    for number in range(6):
        stack.client("sns").publish(
            TopicArn=stack.outputs["Topic"], Message=f"{number};", MessageGroupId=f"account-{number % 2}"
        )
    bucket = stack.outputs["Balances"]
    wait_for(lambda: object_body(stack, bucket, "account-0") == b"0;2;4;", SECONDS)
    wait_for(lambda: object_body(stack, bucket, "account-1") == b"1;3;5;", SECONDS)
    empty(stack, bucket)


def drive_outcomes(stack: Deployed) -> None:
    functions, name = stack.client("lambda"), stack.outputs["Function"]
    for divisor in (2, 0):
        event = json.dumps({"number": 6, "divisor": divisor})
        functions.invoke(FunctionName=name, InvocationType="Event", Payload=event)
    (good,) = stack.messages("Succeeded")
    assert json.loads(good)["responsePayload"] == {"half": 3}
    (bad,) = stack.messages("Failed")
    assert json.loads(bad)["responsePayload"]["errorType"] == "ZeroDivisionError"


def drive_released_function(stack: Deployed) -> None:
    assert stack.invoke("Alias", {}) == {
        "word": "first",
        "qualifier": "live",
        "began": "provisioned-concurrency",
    }
    template = (TEMPLATES / "released-function.yaml").read_text()
    deploy(stack.client, stack.name, template.replace("WORD: first", "WORD: second"))
    assert stack.invoke("Alias", {})["word"] == "second"


def drive_encrypted_intake(stack: Deployed) -> None:
    put_object(stack, "Bucket", "a.txt", b"no")
    put_object(stack, "Bucket", "a.pdf", b"yes")

    def records() -> list[Any]:
        return [json.loads(one) for one in stack.messages("Inbox", 2)]

    found = records()
    assert [one.get("Event") for one in found].count("s3:TestEvent") == 1
    (record,) = next(one["Records"] for one in found if "Records" in one)
    assert record["s3"]["object"]["key"] == "a.pdf"
    head = stack.client("s3").head_object(Bucket=stack.outputs["Bucket"], Key="a.pdf")
    assert head["ServerSideEncryption"] == "aws:kms"
    empty(stack, stack.outputs["Bucket"])


def drive_operators(stack: Deployed) -> None:
    secret = stack.client("secretsmanager").get_secret_value(SecretId=stack.outputs["Secret"])["SecretString"]
    assert len(secret) == 40
    groups = stack.client("iam").list_groups_for_user(UserName=stack.outputs["User"])["Groups"]
    assert len(groups) == 1
    stack.client("sns").publish(TopicArn=stack.outputs["Topic"], Subject="Wake up", Message="No paper")


@pytest.fixture
def client(node: RunningNode) -> Callable[[str], Any]:
    made: dict[str, Any] = {}
    return lambda service: made.setdefault(service, node.client(service))


@pytest.fixture
def stack_name() -> str:
    return f"example-{uuid4().hex[:8]}"


DRIVERS = {
    name.removeprefix("drive_").replace("_", "-"): driver
    for name, driver in globals().items()
    if name.startswith("drive_")
}
BY_THEMSELVES = {
    "webhook",
    "macro",
    "wait-condition",
    "nested",
    "shared-topic",
}  # which a deployment does not drive


def text_of(name: str) -> str:
    return (TEMPLATES / f"{name}.yaml").read_text()


def test_every_template_has_a_test() -> None:
    assert {path.stem for path in TEMPLATES.iterdir()} == {*DRIVERS, *BY_THEMSELVES, *PARTS}


@pytest.mark.parametrize("name", sorted(set(DRIVERS) - BY_THEMSELVES))
def test_a_template_is_deployed_driven_and_deleted(
    client: Callable[[str], Any], stack_name: str, name: str
) -> None:
    outputs = deploy(client, stack_name, text_of(name))
    DRIVERS[name](Deployed(client, stack_name, outputs))
    delete(client, stack_name)


def test_nested_stacks(client: Callable[[str], Any], stack_name: str) -> None:
    client("s3").create_bucket(Bucket=stack_name)
    client("s3").put_object(Bucket=stack_name, Key="queue.yaml", Body=text_of("nested-queue").encode())
    url = f"https://{stack_name}.s3.us-east-1.amazonaws.com/queue.yaml"
    outputs = deploy(client, stack_name, text_of("nested"), QueueTemplate=url)
    drive_nested(Deployed(client, stack_name, outputs))
    delete(client, stack_name)


def test_a_stack_that_waits_for_signals(client: Callable[[str], Any], stack_name: str) -> None:
    begin_change(client, stack_name, text_of("wait-condition"), "CREATE")
    ssm, name = client("ssm"), f"/{stack_name}/signal-url"

    def address() -> str | None:
        found = ssm.get_parameters(Names=[name])["Parameters"]
        return found[0]["Value"] if found else None

    url = wait_for(address, SECONDS)
    for id, data in (("one", "up"), ("two", "up too")):
        signal = {"Status": "SUCCESS", "Reason": "ready", "UniqueId": id, "Data": data}
        request = urllib.request.Request(url, json.dumps(signal).encode(), method="PUT")
        request.add_header("Content-Type", "")
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            assert answer.status == 200
    drive_wait_condition(Deployed(client, stack_name, outputs_of(client, stack_name)))
    delete(client, stack_name)


def test_a_macro(client: Callable[[str], Any], stack_name: str) -> None:
    deploy(client, f"{stack_name}-macro", text_of("macro"))
    outputs = deploy(client, stack_name, text_of("macro-use"))
    asked = {"QueueUrl": outputs["Orders"], "AttributeNames": ["RedrivePolicy"]}
    attributes = client("sqs").get_queue_attributes(**asked)["Attributes"]
    assert json.loads(attributes["RedrivePolicy"])["maxReceiveCount"] == 3
    delete(client, stack_name)
    delete(client, f"{stack_name}-macro")


class _Receiver(http.server.BaseHTTPRequestHandler):
    keys: list[str]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.keys.append(self.headers["x-api-key"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[str]]]:
    keys: list[str] = []
    handler = type("Receiver", (_Receiver,), {"keys": keys})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", keys
        server.shutdown()


def test_a_webhook(client: Callable[[str], Any], stack_name: str, receiver: tuple[str, list[str]]) -> None:
    endpoint, keys = receiver
    outputs = deploy(client, stack_name, text_of("webhook"), Endpoint=endpoint)
    client("events").put_events(Entries=[{"Source": stack_name, "DetailType": "x", "Detail": "{}"}])
    wait_for(lambda: keys, SECONDS)
    secret = client("secretsmanager").get_secret_value(SecretId=outputs["Secret"])["SecretString"]
    assert keys == [secret]
    delete(client, stack_name)
