"""Reserved concurrency holds over two nodes on one database together."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lambda_rig import code, function_role
from nodes import TWO_NODES, RunningNode
from postgres_server import postgres_server

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


@pytest.fixture(name="nodes")
def two_nodes(tmp_path: Path) -> Iterator[list[RunningNode]]:
    server = postgres_server()
    name = server.make_database()
    running: list[RunningNode] = []
    try:
        for number in range(2):
            node = RunningNode(tmp_path / str(number), ENVIRON, options=["--store", server.url(name)])
            running.append(node)
        yield running
    finally:
        for node in running:
            node.stop()
        server.drop_database(name)


def test_reserved_concurrency_holds_over_both_nodes(nodes: list[RunningNode]) -> None:
    clients = [node.client("lambda", config=NO_RETRIES) for node in nodes]
    role = function_role(nodes[0].client("iam"))
    clients[0].create_function(
        FunctionName="work", Runtime="python3.11", Handler="app.handler", Role=role, Timeout=30,
        Code={"ZipFile": code(WORK)},
    )  # fmt: skip
    for client in clients:
        client.get_waiter("function_active_v2").wait(FunctionName="work", WaiterConfig={"Delay": 1})
    clients[0].put_function_concurrency(FunctionName="work", ReservedConcurrentExecutions=2)

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
        assert set(refused) == {"ReservedFunctionConcurrentInvocationLimitExceeded"}
        assert most_at_a_time(ran) == 2
        for number in (0, 1, 0, 1):  # what one node does not use any more the other one has soon
            assert isinstance(invoke(number, 0.0), list)


def most_at_a_time(runs: list[list[float]]) -> int:
    return max(sum(began <= moment < ended for began, ended in runs) for moment, _ in runs)
