"""`nightbus test-event` keeps events for functions and rules, and sends them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambda_rig import code, trust
from nightbus.cli import main
from nodes import RunningNode

EVERYBODY = (
    '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}}'
)
TEXT = "def handler(event, context):\n    return 1 / event['by']\n"


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    node = RunningNode()
    document = json.dumps(trust("lambda.amazonaws.com"))
    role = node.client("iam").create_role(RoleName="f", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    node.client("lambda").create_function(
        FunctionName="divide",
        Runtime="python3.11",
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": code(TEXT)},
    )
    sqs, events = node.client("sqs"), node.client("events")
    sqs.create_queue(QueueName="q", Attributes={"Policy": EVERYBODY})
    events.create_event_bus(Name="orders")
    for bus, name in (("orders", "big"), ("default", "divide")):
        events.put_rule(
            Name=name, EventBusName=bus, EventPattern='{"detail": {"total": [{"numeric": [">", 100]}]}}'
        )
        arn = "arn:aws:sqs:us-east-1:000000000000:q"
        events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "q", "Arn": arn}])
    yield node
    assert node.stop() == 0


class Command:
    """`nightbus test-event` in this process: a new one for each call takes half a second of processor time."""

    def __init__(self, node: RunningNode, capsys: pytest.CaptureFixture[str]) -> None:
        self._node, self._capsys = node, capsys

    def __call__(self, *words: str, input: str = "", code: int = 0) -> str:
        arguments = ["test-event", *words, "--port", str(self._node.port)]
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self._node.environment().items():
                patch.setenv(name, value)
            patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(input.encode()), "utf-8"))
            ended = main.run(arguments)
        written = self._capsys.readouterr()
        assert ended == code, written.out + written.err
        return written.out + written.err


@pytest.fixture
def run(node: RunningNode, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(node, capsys)


def test_events_of_a_function(node: RunningNode, run: Command, tmp_path: Path) -> None:
    run("put", "divide", "half", "-", input='{"by": 2}')
    file = tmp_path / "zero.json"
    file.write_text('{"by": 0}')
    run("put", "divide", "zero", str(file))
    assert run("list", "divide").split() == ["half", "zero"]
    assert "0.5" in run("invoke", "divide", "half")
    assert "ZeroDivisionError" in run("invoke", "divide", "zero", code=1)
    assert "--force" in run("put", "divide", "half", "-", input='{"by": 4}', code=1)
    run("put", "divide", "half", "-", "--force", input='{"by": 4}')
    assert json.loads(run("get", "divide", "half")) == {"by": 4}
    registry, schemas = "lambda-testevent-schemas", node.client("schemas")
    kept = schemas.describe_schema(RegistryName=registry, SchemaName="_divide-schema")["Content"]
    assert json.loads(kept)["components"]["examples"]["half"] == {
        "value": {"by": 4}, "x-metadata": {"invocationType": "RequestResponse"},
    }  # fmt: skip
    for name in ("half", "zero"):
        run("delete", "divide", name)
    assert run("list", "divide") == ""


def test_events_of_a_rule(run: Command) -> None:
    event = {"source": "shop", "detail-type": "Order", "detail": {"total": 200}}
    run("put", "orders/big", "large", "-", input=json.dumps(event))
    small = {"Source": "shop", "DetailType": "Order", "Detail": '{"total": 20}'}
    run("put", "orders/big", "small", "-", input=json.dumps(small))
    shown = run("invoke", "orders/big", "large")
    assert "big matched" in shown and "delivered" in shown
    assert "did not match" in run("invoke", "orders/big", "small", code=1)
    run("put", "default/divide", "other", "-", input=json.dumps(event))
    assert json.loads(run("list", "default/divide", "--json")) == ["other"]


def test_mistakes_are_said_in_a_line(run: Command) -> None:
    assert "no function and no rule nobody" in run("list", "nobody", code=1)
    assert "no test event x" in run("get", "divide", "x", code=1)
    run("put", "divide", "x", "-", input="no json", code=2)
    run("put", "orders/big", "x", "-", input="[{}, {}]", code=2)
    run("put", "divide", "x", "none.json", code=2)
    assert "no Source" in run("put", "orders/big", "x", "-", input='{"detail": {}}', code=2)
    assert "no test event x" in run("get", "orders/big", "x", code=1)
    assert "does not exist" in run("list", "x", "--stack-name", "none", code=1)
