"""The setting `functions_network = loopback`: what functions reach then, what they do not, and what is left behind."""

from __future__ import annotations

import contextlib
import errno
import json
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from extension_code import EVENT_LOOP, LISTEN, layer_of, program
from lambda_rig import allow, code, trust
from nightbus.node.operator_key import OPERATOR_HEADER
from node_databases import store_options
from nodes import TWO_NODES, RunningNode, clean_environment
from waiting import wait_for

CODE = """
import errno, os, socket, threading, time
import boto3

def connect(host, port, timeout=5):
    began = time.monotonic()
    try:
        with socket.create_connection((host, port), timeout) as connection:
            return ["connected", connection.getpeername()[0], time.monotonic() - began]
    except OSError as failure:
        return [type(failure).__name__, failure.errno, time.monotonic() - began]

def own():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=lambda: listener.accept()[0].sendall(b"hello"), daemon=True).start()
        with socket.create_connection(listener.getsockname()) as connection:
            return connection.recv(5).decode()

def queue(name):
    queues = boto3.client("sqs")
    url = queues.create_queue(QueueName=name)["QueueUrl"]
    return [os.environ["AWS_ENDPOINT_URL"], url, queues.meta.endpoint_url]

def big(size):
    objects = boto3.client("s3")
    objects.create_bucket(Bucket="big-objects")
    objects.put_object(Bucket="big-objects", Key="one", Body=b"x" * size)
    return len(objects.get_object(Bucket="big-objects", Key="one")["Body"].read())

def connect_abstract(name):
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(chr(0) + name)

def interfaces():
    return [name for _, name in socket.if_nameindex()]

def api():
    return os.environ["AWS_LAMBDA_RUNTIME_API"]

def nothing():
    return None

def waiting(calls):
    queues, url = boto3.client("sqs"), queue("made-inside")[1]
    queues.send_message(QueueUrl=url, MessageBody="here")
    about = {"QueueUrl": url, "AttributeNames": ["ApproximateNumberOfMessages"]}
    while int(queues.get_queue_attributes(**about)["Attributes"]["ApproximateNumberOfMessages"]) < calls:
        time.sleep(0.1)
    return os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]

def handler(event, context):
    name, *arguments = event
    return globals()[name](*arguments)
"""
OUTSIDE = "192.0.2.1"  # for documentation: nobody's
NAME = "bounded"
ENVIRONMENTS = 10


@pytest.fixture(scope="module")
def bounded_node() -> Iterator[RunningNode]:
    running = RunningNode(environ={"NIGHTBUS_FUNCTIONS_NETWORK": "loopback"})
    create(running)
    yield running
    assert running.stop() == 0


def create(node: RunningNode, name: str = NAME, **more: Any) -> None:
    document = json.dumps(trust("lambda.amazonaws.com"))
    iam = node.client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    actions = "sqs:CreateQueue", "sqs:SendMessage", "sqs:GetQueueAttributes"
    allow(iam, name, *actions, "s3:CreateBucket", "s3:PutObject", "s3:GetObject", "logs:*")
    node.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.11",
        Handler="app.handler",
        Role=role,
        Timeout=20,
        Code={"ZipFile": code(CODE)},
        **more,
    )
    node.client("lambda").get_waiter("function_active_v2").wait(FunctionName=name)


def run(node: RunningNode, *event: Any, name: str = NAME) -> Any:
    answer = node.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    result = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, result
    return result


def test_a_function_calls_the_node_at_its_usual_endpoint(bounded_node: RunningNode) -> None:
    variable, url, used = run(bounded_node, "queue", "made-inside")
    assert variable == used == bounded_node.endpoint
    assert bounded_node.client("sqs").get_queue_url(QueueName="made-inside")["QueueUrl"] == url
    assert run(bounded_node, "big", 5_000_000) == 5_000_000
    assert run(bounded_node, "api") == "127.0.0.1:9001"


def test_it_reaches_itself_and_nothing_else(bounded_node: RunningNode) -> None:
    assert run(bounded_node, "interfaces") == ["lo"]
    assert run(bounded_node, "own") == "hello"
    with socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind("\0nightbus-test")
        abstract.listen()
        assert run(bounded_node, "connect_abstract", "nightbus-test") == errno.ECONNREFUSED
    with socket.create_server(("127.0.0.1", 0)) as service:
        kind, number, seconds = run(bounded_node, "connect", *service.getsockname())
        assert (kind, number) == ("ConnectionRefusedError", errno.ECONNREFUSED)
        assert seconds < 4
    kind, number, seconds = run(bounded_node, "connect", OUTSIDE, 80)
    assert (kind, number) == ("OSError", errno.ENETUNREACH)
    assert seconds < 4
    kind, _, seconds = run(bounded_node, "connect", "example.com", 80)
    assert kind == "gaierror"
    assert seconds < 4  # a resolver's first wait is 5 s


def test_without_the_setting_it_reaches_what_the_machine_does(node: RunningNode) -> None:
    create(node)
    with socket.create_server(("127.0.0.1", 0)) as service:
        assert run(node, "connect", *service.getsockname())[0] == "connected"


def test_telemetry_reaches_a_listener_of_an_extension(bounded_node: RunningNode) -> None:
    body = LISTEN + "listen()\nsubscribe('/2022-07-01/telemetry')\n"
    layer = bounded_node.client("lambda").publish_layer_version(
        LayerName="listening", Content={"ZipFile": layer_of(listening=program(body, EVENT_LOOP))}
    )
    create(bounded_node, "told", Layers=[layer["LayerVersionArn"]])
    run(bounded_node, "nothing", name="told")

    def received() -> bool:
        events = bounded_node.client("logs").filter_log_events(logGroupName="/aws/lambda/told")["events"]
        return any(one["message"].startswith("got ") and "platform.start" in one["message"] for one in events)

    wait_for(received)


@pytest.mark.skipif(TWO_NODES, reason="each answer has the sizes of one of the two nodes")
def test_thirty_environments_leave_nothing_behind(bounded_node: RunningNode) -> None:
    functions = bounded_node.client("lambda")
    create(bounded_node, "many")
    run(bounded_node, "nothing", name="many")
    others = own_sizes(bounded_node)["networks"] - 1

    def used_and_ended(turn: int) -> dict[str, int]:
        calls = [("waiting", turn * ENVIRONMENTS)] * ENVIRONMENTS  # each returns once all of them run
        with ThreadPoolExecutor(ENVIRONMENTS) as pool:
            done = list(pool.map(lambda call: run(bounded_node, *call, name="many"), calls))
        assert len(set(done)) == ENVIRONMENTS
        functions.update_function_configuration(FunctionName="many", Description=uuid4().hex)
        functions.get_waiter("function_updated_v2").wait(FunctionName="many")
        wait_for(lambda: own_sizes(bounded_node)["networks"] == others)
        return own_sizes(bounded_node)

    first = used_and_ended(1)
    used_and_ended(2)
    used_and_ended(3)
    wait_for(lambda: own_sizes(bounded_node)["open_files"] <= first["open_files"])
    wait_for(lambda: own_sizes(bounded_node)["network_namespaces"] <= first["network_namespaces"])
    wait_for(lambda: own_sizes(bounded_node)["files_of_children"] <= first["files_of_children"])


def test_a_debugger_is_refused(tmp_path: Path) -> None:
    node = RunningNode(tmp_path, environ={"NIGHTBUS_FUNCTIONS_NETWORK": "loopback"})
    try:
        create(node)
        body = {"account": "000000000000", "region": "us-east-1", "function": NAME, "port": 5999}
        key = (tmp_path / "operator.key").read_text().strip()
        request = Request(
            f"{node.endpoint}/_nightbus/debug",
            json.dumps(body).encode(),
            {OPERATOR_HEADER: key, "Content-Type": "application/json"},
        )
        with pytest.raises(HTTPError) as refused:
            urlopen(request)
        assert refused.value.code == 409
        assert "functions_network is loopback" in refused.value.read().decode()
    finally:
        assert node.stop() == 0


WITHOUT_NAMESPACES = """
import sys
from nightbus.functions.zygote.isolation import linux, seccomp
linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
seccomp.load(seccomp.compiled())  # which refuses new namespaces
from nightbus.cli.main import main
sys.exit(main())
"""


def test_without_namespaces_functions_are_refused_and_the_node_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nodes._PROGRAM", ["-c", WITHOUT_NAMESPACES])
    node = RunningNode(environ={"NIGHTBUS_FUNCTIONS_NETWORK": "loopback"})
    try:
        wait_for(lambda: any("FUNCTIONS ARE REFUSED" in line for line in node.output))
        create(node)
        with pytest.raises(ClientError, match="functions_network is loopback") as refused:
            run(node, "nothing")
        assert refused.value.response["Error"]["Code"] == "ServiceException"
    finally:
        assert node.stop() == 0


FEW_DESCRIPTORS = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
from nightbus.cli.main import main
sys.exit(main())
"""


def test_the_node_has_descriptors_for_many_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nodes._PROGRAM", ["-c", FEW_DESCRIPTORS])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = 8192 if hard == resource.RLIM_INFINITY else min(hard, 8192)
    for network in ("loopback", "all"):
        node = RunningNode(environ={"NIGHTBUS_FUNCTIONS_NETWORK": network})
        try:
            limits = Path(f"/proc/{node.process.pid}/limits").read_text()
            (soft,) = (line.split()[3] for line in limits.splitlines() if line.startswith("Max open files"))
            assert int(soft) == most
        finally:
            assert node.stop() == 0


def test_the_doctor_says_what_functions_reach(tmp_path: Path) -> None:
    node = RunningNode(tmp_path)
    assert node.stop() == 0

    def said(network: str, *program: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, *program, "doctor", *store_options(tmp_path)],
            env=clean_environment() | {"NIGHTBUS_FUNCTIONS_NETWORK": network},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout

    usual, text = said("all", "-m", "nightbus")  # with the tests' PostgreSQL, which has no fsync, that is 1
    assert "functions reach the network of this machine" in text
    code, text = said("loopback", "-m", "nightbus")
    assert (code, "functions reach the node and themselves" in text) == (usual, True)
    code, text = said("loopback", "-c", WITHOUT_NAMESPACES)
    assert (code, "FUNCTIONS ARE REFUSED" in text) == (1, True)


def own_sizes(node: RunningNode) -> dict[str, int]:
    with urlopen(f"{node.endpoint}/_nightbus/sizes") as answer:
        found = json.load(answer)
    memory, family = found["memory"], family_of(node)
    return {
        "networks": memory["networks of environments"],
        "open_files": found["process"]["open_files"],
        "network_namespaces": len({one for pid in family for one in links(pid, "ns/net")}),
        "files_of_children": sum(len(links(pid, "fd/*")) for pid in family),
    }


def family_of(node: RunningNode) -> set[int]:
    """The node's zygotes, and what these have forked."""
    parents = {}
    for stat in (one / "stat" for one in Path("/proc").iterdir() if one.name.isdecimal()):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    family, size = {node.process.pid}, 0
    while len(family) > size:
        size = len(family)
        family |= {one for one, parent in parents.items() if parent in family}
    return family - {node.process.pid}


def links(pid: int, pattern: str) -> list[str]:
    found = []
    for link in Path(f"/proc/{pid}").glob(pattern):
        with contextlib.suppress(OSError):
            found.append(str(link.readlink()))
    return found
