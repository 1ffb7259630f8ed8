"""Is what a test works with: an account of its own on a node, with clients, deployments, time and faults."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from nightbus.testing.clients import client_session, make_client
from nightbus.testing.events import Events
from nightbus.testing.faults import TargetFaults
from nightbus.testing.interface import ControlledNode, DeployedStack, StackResource, Template
from nightbus.testing.names import require_function
from nightbus.testing.resources import arn_of_resource
from nightbus.testing.stacks import deploy
from nightbus.testing.traces import Trace
from nightbus.testing.virtual_clock import NodeClock


class Nightbus:
    """One account in one Region of a node. `account` and `region` are their names, `endpoint` is the node's URL.

    `clock`, `events` and `faults` are described at their classes.
    """

    def __init__(self, node: ControlledNode, account: str, region: str) -> None:
        self.node = node
        self.account = account
        self.region = region
        self.clock = NodeClock(node)
        self.events = Events(self)
        self.faults = TargetFaults(self)
        self.stacks: list[DeployedStack] = []
        self.is_kept = False
        self._session: Any = None
        self._clients: dict[str, Any] = {}

    @property
    def endpoint(self) -> str:
        return self.node.endpoint

    def client(self, service: str, **options: Any) -> Any:
        """Return a boto3 client with an administrator's rights in this account; `options` are those of boto3.

        It reaches the node whatever the environment says, also while moto mocks AWS, and does not repeat what fails.
        """
        if not options and service in self._clients:
            return self._clients[service]
        if self._session is None:
            self._session = client_session(self.account, self.region)
        made = make_client(self._session, service, self.endpoint, dict(options))
        if not options:
            self._clients[service] = made
        return made

    def environment(self) -> dict[str, str]:
        """Return the variables by which other tools, and the code under test, reach this account. They are not set:
        give them to a process, or to `monkeypatch.setenv`."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def deploy(
        self,
        template: Template,
        *,
        name: str | None = None,
        parameters: Mapping[str, str] | None = None,
        timeout: float = 120.0,
        warm: bool = False,
    ) -> DeployedStack:
        """Deploy a template, and return its stack once it is complete; the same name again updates it.

        `template`: the path of a SAM or CloudFormation template, its text, or a dict; or the folder that `cdk synth`
        has written, of which every stack is deployed, or the one of `name`, and the last one returned. `name`: of the
        stack; by default `test`. `timeout` is in seconds. `warm`: an environment of each new or changed function is
        started while the rest is being made, so that its module is imported before the test goes on, and its first
        invocation is not a cold start. Raises DeploymentFailed with the reasons, NotSettled.
        """
        with self._warming() if warm else contextlib.nullcontext():
            deployed = deploy(self, template, name, parameters or {}, timeout)
        if not deployed:
            from nightbus.testing.errors import DeploymentFailed

            raise DeploymentFailed(f"{template} has no stack{f' {name}' if name else ''}")
        names = {stack.name for stack in deployed}
        self.stacks = [stack for stack in self.stacks if stack.name not in names] + deployed
        return deployed[-1]

    @contextlib.contextmanager
    def _warming(self) -> Iterator[None]:
        self.node.post("testing/warm", {"account": self.account, "begins": True})
        try:
            yield
        finally:
            self.node.post("testing/warm", {"account": self.account, "begins": False})

    def settle(self, *, timeout: float = 30.0) -> None:
        """Return once nothing is left to do that is due now: no event waits for a target, no retry is due, no
        invocation, batch of an event source, or operation on a stack runs, and all that followed from them has ended
        too.

        It does not wait for what is due later; `clock.advance` makes it due. `timeout` is in seconds of real time.
        Raises NotSettled, which says what the node was still at.
        """
        self.node.settle(timeout)

    def invoke(self, function: str, payload: Any = None) -> Any:
        """Invoke a function, and return what it returns, as values of JSON. `function` is a name, an ARN or a logical
        id.

        Raises AssertionError, with the error and the log, where the function fails.
        """
        __tracebackhide__ = True  # for pytest
        import base64

        reply = self.client("lambda").invoke(
            FunctionName=self.arn_of(function), Payload=json.dumps(payload).encode(), LogType="Tail"
        )
        answer = json.loads(reply["Payload"].read() or b"null")
        if "FunctionError" in reply:
            log = base64.b64decode(reply.get("LogResult", "")).decode(errors="replace")
            raise AssertionError(f"{function} failed: {json.dumps(answer, indent=2)}\n{log}")
        return answer

    def logs(self, function: str) -> list[str]:
        """Return the lines of the function's log group, in order; none where there is no group yet."""
        logs = self.client("logs")
        name = self.arn_of(function).rpartition(":")[2]
        lines: list[str] = []
        try:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
            for page in pages:
                lines += [event["message"].rstrip("\n") for event in page["events"]]
        except logs.exceptions.ResourceNotFoundException:
            return []
        return lines

    def messages(self, queue: str) -> list[str]:
        """Take the bodies of all visible messages out of a queue (a logical id, URL, ARN or name), in order."""
        sqs = self.client("sqs")
        url = self._queue_url(queue)
        bodies: list[str] = []
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                bodies.append(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def _queue_url(self, queue: str) -> str:
        resource = self.resource(queue)
        if resource is not None:
            return resource.physical_id
        if "://" in queue:
            return queue
        name = queue.rpartition(":")[2]
        return str(self.client("sqs").get_queue_url(QueueName=name)["QueueUrl"])

    def trace(self, event_id: str) -> Trace:
        """Return the whole way of an event. Raises NodeFailed where no bus of the account has accepted it."""
        query = {"event": event_id, "account": self.account, "region": self.region}
        return Trace(self.node.get("trace", query))

    def resource(self, logical_id: str) -> StackResource | None:
        """Return the resource of a stack that this test has deployed, the newest stack first; None for none."""
        found = (stack.resources.get(logical_id) for stack in reversed(self.stacks))
        return next((one for one in found if one is not None), None)

    def arn_of(self, name: str) -> str:
        """Return the ARN of a resource by its logical id, of a function also by its name, or the ARN that `name` is.
        Raises UnknownName where nothing has the name."""
        if name.startswith("arn:"):
            return name
        resource = self.resource(name)
        if resource is None:
            require_function(self, name)
            resource = StackResource("AWS::Lambda::Function", name)
        return arn_of_resource(self, resource)

    def keep(self) -> None:
        """Leave the account as it is when the test ends; else everything in it is deleted."""
        self.is_kept = True

    def forget(self) -> None:
        """Delete everything in the account, and end what runs for it."""
        self.stacks, self._clients = [], {}
        self.node.post("testing/forget", {"account": self.account})

    def kill(self) -> None:
        """Lose the node (SIGKILL), with whatever it is doing, for all accounts."""
        self.node.kill()

    def restart(self) -> None:
        """Start the node again: what was acknowledged before is there, and what was under way goes on."""
        self.node.restart()
