"""Everything that can be made and deleted is, again and again; then the node holds what it held before."""

from __future__ import annotations

import json
import time
import urllib.request

from lambda_rig import code, function_role
from nodes import RunningNode
from waiting import wait_for

HANDLER = "def handler(event, context):\n    print(event)\n    return event\n# {number}\n"
# What AWS remembers too (deleted stacks, for 90 days), and what is bounded by its own limit.
_KEPT = (
    "record cloudformation/",
    "name log",
    "entry",
    "names known",
    "names ended",
    "decisions for services",
    "rates of refusals",
    "bytes",
    "resident_bytes",
)
# What nothing is left of when all that was made is deleted.
GONE = (
    "files: blobs",
    "files: functions/packages",
    "files: functions/pycache",
    "memory: deduplication of queues",
    "memory: deduplication of topics",
    "memory: environments busy",
    "memory: environments idle",
    "memory: items counted",
    "memory: items leased",
    "memory: keys that come once",
    "memory: receive attempts",
    "rows: blob_owner",
    "rows: item",
)
_ITEMS = ("memory: items counted", "memory: items leased", "rows: item")


def all_gone(held: dict[str, int]) -> dict[str, int]:
    """The sizes where nothing is left of what was made; the node's own duties are items for as long as it runs."""
    duties = held.get("rows: record node/duty", 0)
    return {**held, **dict.fromkeys(GONE, 0), **dict.fromkeys(_ITEMS, duties)}


class Soak:
    """`number` cycles were run."""

    def __init__(self, node: RunningNode) -> None:
        self.node = node
        self.number = 0
        names = ("sqs", "sns", "events", "lambda", "logs", "s3", "cloudformation", "iam")
        self._clients = {name: node.client(name) for name in names}
        self._role = function_role(self._clients["iam"], name="soak")

    def cycle(self) -> None:
        self.number += 1
        name = f"soak-{self.number}"
        self._queues(name)
        self._buses(name)
        self._functions(name)
        self._logs(name)
        self._objects(name)
        self._stacks(name)

    def _queues(self, name: str) -> None:
        sqs, sns = self._clients["sqs"], self._clients["sns"]
        for queue, attributes in ((name, {}), (f"{name}.fifo", {"FifoQueue": "true"})):
            url = sqs.create_queue(QueueName=queue, Attributes=attributes)["QueueUrl"]
            extra = {"MessageGroupId": "g", "MessageDeduplicationId": "d"} if attributes else {}
            sqs.send_message(QueueUrl=url, MessageBody="one", **extra)
            sqs.receive_message(
                QueueUrl=url, WaitTimeSeconds=1, ReceiveRequestAttemptId="a"
            ) if extra else None
            topic = sns.create_topic(Name=f"t-{queue}", Attributes={"FifoTopic": "true"} if extra else {})[
                "TopicArn"
            ]
            arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
                "QueueArn"
            ]
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
            sns.publish(TopicArn=topic, Message="two", **extra)
            sqs.receive_message(QueueUrl=url)
            sns.delete_topic(TopicArn=topic)
            sqs.delete_queue(QueueUrl=url)

    def _buses(self, name: str) -> None:
        events, sqs = self._clients["events"], self._clients["sqs"]
        events.create_event_bus(Name=name)
        url = sqs.create_queue(QueueName=f"{name}-target")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.put_rule(Name="r", EventBusName=name, EventPattern='{"source": ["soak"]}')
        events.put_targets(Rule="r", EventBusName=name, Targets=[{"Id": "q", "Arn": arn}])
        event = {"Source": "soak", "DetailType": "t", "Detail": '{"a": 1}'}
        events.put_events(Entries=[{**event, "EventBusName": bus} for bus in (name, "default")])
        sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)
        events.remove_targets(Rule="r", EventBusName=name, Ids=["q"])
        events.delete_rule(Name="r", EventBusName=name)
        events.delete_event_bus(Name=name)
        sqs.delete_queue(QueueUrl=url)

    def _functions(self, name: str) -> None:
        functions = self._clients["lambda"]
        package = {"ZipFile": code(HANDLER.format(number=self.number))}
        functions.create_function(
            FunctionName=name, Runtime="python3.12", Handler="app.handler", Role=self._role, Code=package
        )
        functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        assert functions.invoke(FunctionName=name, Payload=b"{}")["StatusCode"] == 200
        url = functions.create_function_url_config(FunctionName=name, AuthType="AWS_IAM")["FunctionUrl"]
        assert url.startswith("http://")
        events = functions.invoke_with_response_stream(FunctionName=name, Payload=b"{}")["EventStream"]
        assert [next(iter(one)) for one in events] == ["PayloadChunk", "InvokeComplete"]
        functions.delete_function(FunctionName=name)

    def _logs(self, name: str) -> None:
        logs = self._clients["logs"]
        logs.create_log_group(logGroupName=name)
        for stream in ("a", "b"):
            logs.create_log_stream(logGroupName=name, logStreamName=stream)
            line = {"timestamp": int(time.time() * 1000), "message": "line"}
            logs.put_log_events(logGroupName=name, logStreamName=stream, logEvents=[line])
        logs.delete_log_stream(logGroupName=name, logStreamName="a")
        logs.delete_log_group(logGroupName=name)

    def _objects(self, name: str) -> None:
        s3 = self._clients["s3"]
        s3.create_bucket(Bucket=name)
        s3.put_object(Bucket=name, Key="k", Body=name.encode())
        s3.delete_object(Bucket=name, Key="k")
        s3.delete_bucket(Bucket=name)

    def _stacks(self, name: str) -> None:
        stacks = self._clients["cloudformation"]
        template = {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}, "T": {"Type": "AWS::SNS::Topic"}}}
        stacks.create_stack(StackName=name, TemplateBody=json.dumps(template))
        waiting = {"Delay": 1, "MaxAttempts": 60}
        stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=waiting)
        stacks.delete_stack(StackName=name)
        stacks.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig=waiting)

    def held(self) -> dict[str, int]:
        with urllib.request.urlopen(f"{self.node.endpoint}/_nightbus/sizes", timeout=60) as answer:
            parts: dict[str, dict[str, int]] = json.load(answer)
        parts.pop("tables", None)  # which keep their room on PostgreSQL's disk for the rows to come
        return {f"{part}: {name}": size for part, sizes in parts.items() for name, size in sizes.items()}

    def settle(self) -> None:
        """A function's last lines make its log group anew, as on AWS."""
        logs = self._clients["logs"]
        for group in logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/soak-")["logGroups"]:
            logs.delete_log_group(logGroupName=group["logGroupName"])

    def grown(self, before: dict[str, int]) -> dict[str, tuple[int, int]]:
        """What the node holds more of than `before`, by how much it may not."""
        self.settle()
        now = self.held()
        return {
            name: (before.get(name, 0), size)
            for name, size in now.items()
            if size > before.get(name, 0) + _slack(name) and not name.partition(": ")[2].startswith(_KEPT)
        }

    def come_back(self, before: dict[str, int], seconds: float) -> None:
        """Until nothing has grown; fails with what has."""
        last: dict[str, tuple[int, int]] = {}

        def is_back() -> bool:
            nonlocal last
            last = self.grown(before)
            time.sleep(1)
            return not last

        try:
            wait_for(is_back, seconds)
        except AssertionError:
            raise AssertionError(f"after {self.number} cycles the node holds more: {last}") from None


def _slack(name: str) -> int:
    """Threads and connections of clients come and go."""
    return {"process: threads": 8, "process: open_files": 12, "process: children": 1}.get(name, 0)
