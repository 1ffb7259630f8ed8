"""A service that is elsewhere: an HTTP server that keeps what it is sent, and answers as told."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from nodes import RunningNode
from waiting import wait_for

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
MACHINE = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:orders"
SERVICES = (
    "states", "kinesis", "firehose", "ecs", "batch", "ssm", "codebuild", "codepipeline", "glue", "sagemaker",
    "redshift-data", "inspector", "appsync",
)  # fmt: skip


@dataclass(frozen=True)
class Sent:
    method: str
    path: str
    headers: dict[str, str]
    body: Any
    time: float = 0.0

    @property
    def target(self) -> str:
        return self.headers.get("x-amz-target", "")


Reply = tuple[int, dict[str, Any]]


class Elsewhere:
    """`answer` is asked for every request; without an opinion of its own the reply is an empty object."""

    def __init__(self) -> None:
        self.requests: list[Sent] = []
        self.answer: Callable[[Sent], Reply | None] = lambda sent: None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                try:
                    body = json.loads(raw or b"null")
                except ValueError:
                    body = raw.decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                sent = Sent(self.command, self.path, headers, body, time.monotonic())
                status, reply = outer.answer(sent) or (200, {})
                outer.requests.append(sent)
                out = json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(out)))
                self.end_headers()
                self.wfile.write(out)

            do_GET = do_POST = do_PUT = _handle

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def of(self, words: str) -> list[Sent]:
        """The requests in which the words stand anywhere."""
        return [
            sent for sent in list(self.requests) if words in json.dumps([sent.path, sent.headers, sent.body])
        ]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def forwarding_node(elsewhere: Elsewhere) -> Iterator[RunningNode]:
    """A node that forwards every service of `SERVICES`, and API Gateway's APIs, to `elsewhere`."""
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


def done(source: Source, elsewhere: Elsewhere, arn: str, path: str, **more: Any) -> Sent:
    """What the service was sent for an event that its rule matched."""
    before = len(elsewhere.requests)
    source.put(source.target(arn, **more), color="red")
    sent = wait_for(lambda: elsewhere.requests[before:])[0]
    assert path in (sent.path, sent.target)
    return sent


def arn_of(service: str, resource: str) -> str:
    return f"arn:aws:{service}:us-east-1:{ACCOUNT}:{resource}"
