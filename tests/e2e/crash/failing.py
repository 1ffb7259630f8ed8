"""Targets that fail, each in its own way and with a dead-letter queue, on the node that is killed."""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from crash.wire import Wire

from lambda_rig import allow as allow_role
from lambda_rig import code, trust
from nodes import RunningNode

ACCOUNT = "000000000000"
SOURCE = "crash.failing"
_POLICY = {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600}
_RAISES = "def handler(event, context):\n    raise ValueError(event['detail']['n'])\n"
RUNTIME = f"python3.{sys.version_info.minor}"

# Which rule fails how for good, as its dead letters say it; the others may reach their targets as well.
FOR_GOOD = {"gone": "NO_RESOURCE", "forbidden": "NO_PERMISSIONS", "topic": "NO_PERMISSIONS"}
AT_TIMES = ("endpoint", "now-and-then")
RAISES = "raises"


class Endpoint:
    """An HTTP endpoint outside of the node that takes what it is sent, is busy, breaks, hangs, by chance."""

    def __init__(self, chance: random.Random) -> None:
        self.taken: set[int] = set()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                number = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["detail"]["n"]
                outcome = chance.random()
                if outcome < 0.01:
                    time.sleep(6)  # longer than the node waits
                status = 200 if outcome > 0.5 else 429 if outcome > 0.3 else 500
                if status == 200:
                    endpoint.taken.add(number)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def entry(number: int) -> dict[str, str]:
    return {"Source": SOURCE, "DetailType": "Numbered", "Detail": json.dumps({"n": number})}


def set_up(node: RunningNode, endpoint: Endpoint) -> None:
    """Once for a data folder."""
    for name in ("gone", "forbidden", "topic", *AT_TIMES, RAISES):
        _queue(node, f"dead-{name}", open_to_all=True)
    _rule(node, "gone", f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:gone")
    _rule(node, "forbidden", _queue(node, "closed", open_to_all=False))
    topic = node.client("sns").create_topic(Name="closed")["TopicArn"]
    node.client("sns").set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=_policy("sns:Publish", "Deny")
    )
    _rule(node, "topic", topic)
    _rule(node, "now-and-then", _queue(node, "now-and-then", open_to_all=True))
    _rule(node, "endpoint", _destination(node, endpoint), RoleArn=_role(node))
    _rule(node, RAISES, _function(node))


def _queue(node: RunningNode, name: str, *, open_to_all: bool) -> str:
    attributes = {"VisibilityTimeout": "600"}
    if open_to_all:
        attributes["Policy"] = _policy("sqs:SendMessage", "Allow")
    node.client("sqs").create_queue(QueueName=name, Attributes=attributes)
    return f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"


def _policy(action: str, effect: str) -> str:
    statement = {"Effect": effect, "Principal": "*", "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _destination(node: RunningNode, endpoint: Endpoint) -> str:
    events = node.client("events")
    key = {"ApiKeyName": "x-key", "ApiKeyValue": "k"}
    connection = events.create_connection(
        Name="c", AuthorizationType="API_KEY", AuthParameters={"ApiKeyAuthParameters": key}
    )["ConnectionArn"]
    made = events.create_api_destination(
        Name="d", ConnectionArn=connection, InvocationEndpoint=endpoint.url, HttpMethod="POST"
    )
    return str(made["ApiDestinationArn"])


def _role(node: RunningNode) -> str:
    """The role by which the bus calls the API destination."""
    iam = node.client("iam")
    arn = iam.create_role(
        RoleName="calling", AssumeRolePolicyDocument=json.dumps(trust("events.amazonaws.com"))
    )["Role"]["Arn"]
    allow_role(iam, "calling", "events:InvokeApiDestination")
    return str(arn)


def _function(node: RunningNode) -> str:
    """It takes every event and fails; what becomes of them then is Lambda's to say."""
    role = node.client("iam").create_role(
        RoleName="failing", AssumeRolePolicyDocument=json.dumps(trust("lambda.amazonaws.com"))
    )["Role"]["Arn"]
    functions = node.client("lambda")
    made = functions.create_function(
        FunctionName=RAISES,
        Runtime=RUNTIME,
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": code(_RAISES)},
    )
    functions.add_permission(
        FunctionName=RAISES, StatementId="events", Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
    )  # fmt: skip
    functions.put_function_event_invoke_config(
        FunctionName=RAISES, MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:sqs:us-east-1:{ACCOUNT}:dead-{RAISES}"}},
    )  # fmt: skip
    return str(made["FunctionArn"])


def _rule(node: RunningNode, name: str, arn: str, **further: Any) -> None:
    events = node.client("events")
    events.put_rule(Name=f"failing-{name}", EventPattern=json.dumps({"source": [SOURCE]}))
    dead = {"DeadLetterConfig": {"Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:dead-{name}"}}
    target = {"Id": "it", "Arn": arn, "RetryPolicy": _POLICY, **dead, **further}
    reply = events.put_targets(Rule=f"failing-{name}", Targets=[target])
    assert not reply["FailedEntryCount"], reply


def allow(node: RunningNode, allowed: bool) -> None:
    """Whether the bus may send to the queue now."""
    effect = "Allow" if allowed else "Deny"
    node.client("sqs").set_queue_attributes(
        QueueUrl=f"{node.endpoint}/{ACCOUNT}/now-and-then",
        Attributes={"Policy": _policy("sqs:SendMessage", effect)},
    )


def drained(node: RunningNode, name: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The number and the attributes of every message that a queue holds, deleted on the way."""
    wire, url = Wire(node.port, "sqs"), f"{node.endpoint}/{ACCOUNT}/{name}"
    asked = {"QueueUrl": url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
    while found := wire.call("ReceiveMessage", asked).get("Messages", []):
        for one in found:
            body = json.loads(one["Body"])
            event = body.get("requestPayload", body)  # a destination's record wraps it
            attributes = one.get("MessageAttributes", {})
            yield event["detail"]["n"], {key: value["StringValue"] for key, value in attributes.items()}
        entries = [{"Id": str(at), "ReceiptHandle": one["ReceiptHandle"]} for at, one in enumerate(found)]
        assert not wire.call("DeleteMessageBatch", {"QueueUrl": url, "Entries": entries}).get("Failed")
    wire.close()
