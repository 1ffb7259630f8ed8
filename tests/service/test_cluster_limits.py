"""Concurrency and rates hold over two nodes on one database together."""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from forwarding_rig import Elsewhere
from lambda_rig import code, function_role
from nodes import TWO_NODES, RunningNode
from postgres_server import postgres_server
from waiting import wait_for

pytestmark = pytest.mark.skipif(TWO_NODES, reason="these nodes are two already")
ENVIRON = {"NIGHTBUS_CLUSTER_KEY": secrets.token_hex(32)}
WORK = """
import time
def handler(event, context):
    began = time.time()
    time.sleep(event["seconds"])
    return [began, time.time()]
"""
NO_RETRIES = Config(retries={"total_max_attempts": 1}, max_pool_connections=20)


@contextmanager
def two_nodes(folder: Path, **settings: str) -> Iterator[list[RunningNode]]:
    server = postgres_server()
    name = server.make_database()
    running: list[RunningNode] = []
    try:
        for number in range(2):
            node = RunningNode(
                folder / str(number), ENVIRON | settings, options=["--store", server.url(name)]
            )
            running.append(node)
        yield running
    finally:
        for node in running:
            node.stop()
        server.drop_database(name)


@pytest.mark.parametrize("reserved", [True, False])
def test_concurrency_holds_over_both_nodes(tmp_path: Path, reserved: bool) -> None:
    """Of a function for which some is reserved, or of the account."""
    reason = (
        "ReservedFunctionConcurrentInvocationLimitExceeded"
        if reserved
        else "ConcurrentInvocationLimitExceeded"
    )
    with two_nodes(tmp_path, NIGHTBUS_CONCURRENT_EXECUTIONS="1000" if reserved else "2") as nodes:
        two_run_at_a_time(nodes, 2 if reserved else None, reason)


def two_run_at_a_time(nodes: list[RunningNode], reserved: int | None, reason: str) -> None:
    clients = [node.client("lambda", config=NO_RETRIES) for node in nodes]
    role = function_role(nodes[0].client("iam"))
    clients[0].create_function(
        FunctionName="work", Runtime="python3.11", Handler="app.handler", Role=role, Timeout=30,
        Code={"ZipFile": code(WORK)},
    )  # fmt: skip
    for client in clients:
        client.get_waiter("function_active_v2").wait(FunctionName="work", WaiterConfig={"Delay": 1})
    if reserved is not None:
        clients[0].put_function_concurrency(FunctionName="work", ReservedConcurrentExecutions=reserved)

    def invoke(number: int, seconds: float) -> list[float] | str:
        try:
            reply = clients[number % 2].invoke(FunctionName="work", Payload=json.dumps({"seconds": seconds}))
        except ClientError as refused:
            assert refused.response["Error"]["Code"] == "TooManyRequestsException"
            return str(dict(refused.response)["Reason"])
        ran: list[float] = json.load(reply["Payload"])
        return ran

    with ThreadPoolExecutor(12) as threads:
        results = list(threads.map(invoke, range(12), [3.0] * 12))
        ran = [result for result in results if isinstance(result, list)]
        refused = Counter(result for result in results if isinstance(result, str))
        assert len(ran) >= 2 and refused.total() == 12 - len(ran)
        assert set(refused) == {reason}
        assert most_at_a_time(ran) == 2
        for number in (0, 1, 0, 1):  # what one node does not use any more the other one has soon
            assert isinstance(invoke(number, 0.0), list)


def test_the_rate_of_an_api_destination_holds_over_both_nodes(tmp_path: Path) -> None:
    rate, count = 5, 24
    with two_nodes(tmp_path) as nodes, closing(Elsewhere()) as elsewhere:
        events = [node.client("events") for node in nodes]
        auth = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "k"}}
        connection = events[0].create_connection(Name="c", AuthorizationType="API_KEY", AuthParameters=auth)
        destination = events[0].create_api_destination(
            Name="d", ConnectionArn=connection["ConnectionArn"], InvocationEndpoint=elsewhere.url, HttpMethod="POST",
            InvocationRateLimitPerSecond=rate,
        )["ApiDestinationArn"]  # fmt: skip
        events[0].put_rule(Name="r", EventPattern='{"source": ["shop"]}')
        role = "arn:aws:iam::000000000000:role/events"
        reply = events[0].put_targets(Rule="r", Targets=[{"Id": "d", "Arn": destination, "RoleArn": role}])
        assert not reply["FailedEntryCount"], reply
        began = time.monotonic()
        for number in range(count):
            detail = json.dumps({"number": number})
            events[number % 2].put_events(
                Entries=[{"Source": "shop", "DetailType": "Order", "Detail": detail}]
            )
        wait_for(lambda: len(elsewhere.requests) >= count, 60)
        took = time.monotonic() - began
        bodies = [one.body["detail"]["number"] for one in elsewhere.requests]
    assert sorted(bodies) == list(range(count))
    assert took > (count - 1) / rate - 0.2  # each node for itself would take half as long


def most_at_a_time(runs: list[list[float]]) -> int:
    return max(sum(began <= moment < ended for began, ended in runs) for moment, _ in runs)
