"""The commands as a person types them."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from nodes import RunningNode, clean_environment


def nightbus(
    *arguments: str, environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["nightbus", *arguments],
        env=clean_environment() | dict(environ or {}),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


def test_start_says_what_it_serves_and_where(node: RunningNode) -> None:
    greeting = "".join(node.output)
    assert node.endpoint in greeting
    assert "cloudformation, cloudtrail, ecr, events, iam, kms, lambda, logs, s3, schemas, " in greeting
    assert "secretsmanager, sns, sqs, ssm, sts" in greeting


def test_env_prints_export_lines_that_a_shell_reads(node: RunningNode) -> None:
    done = subprocess.run(
        ["sh", "-c", 'eval "$(nightbus env)" && aws sts get-caller-identity --query Account --output text'],
        env=clean_environment() | {"NIGHTBUS_PORT": str(node.port)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "000000000000", done.stderr
    lines = nightbus("env", "--port", str(node.port)).stdout.splitlines()
    assert f"export AWS_ENDPOINT_URL={node.endpoint}" in lines
    assert all(line.startswith("export ") and "=" in line for line in lines)


def test_a_key_id_of_twelve_digits_names_its_account(node: RunningNode) -> None:
    """The node makes the key of that account's administrator."""
    done = nightbus(
        "run", "--port", str(node.port), "--", "aws", "sts", "get-caller-identity", "--query", "Account",
        "--output", "text", environ={"AWS_ACCESS_KEY_ID": "123456789012"},
    )  # fmt: skip
    assert done.stdout.strip() == "123456789012"


def test_run_uses_the_node_that_is_up_and_gives_the_commands_exit_code(node: RunningNode) -> None:
    done = nightbus("run", "--port", str(node.port), "--", "sh", "-c", "echo $AWS_ENDPOINT_URL; exit 7")
    assert (done.stdout.strip(), done.returncode) == (node.endpoint, 7)
    missing = nightbus("run", "--port", str(node.port), "--", "no-such-command")
    assert (missing.returncode, missing.stderr.strip()) == (
        127,
        "nightbus: no-such-command: command not found",
    )


def test_run_tells_its_own_failures_from_the_commands(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        stranger = nightbus("run", "--port", port, "--memory", "--", "true")
    assert (stranger.returncode, stranger.stderr.count("\n")) == (125, 1)
    (tmp_path / "file").touch()
    broken = nightbus("run", "--port", "0", "--data", str(tmp_path / "file"), "--", "true")
    assert (broken.returncode, broken.stderr.startswith("nightbus: the node did not start: ")) == (125, True)
    unable = nightbus("run", "--port", "0", "--memory", "--", str(tmp_path))
    assert unable.returncode == 126


def test_run_starts_a_node_and_stops_it(tmp_path: Path) -> None:
    command = ("run", "--port", "0", "--data", str(tmp_path), "--", "aws", "events")
    put = nightbus(*command, "put-rule", "--name", "kept", "--event-pattern", '{"source": ["x"]}')
    assert put.returncode == 0, put.stderr
    assert "started a node" in put.stderr
    listed = nightbus(*command, "list-rules", "--output", "json")
    assert [rule["Name"] for rule in json.loads(listed.stdout)["Rules"]] == ["kept"]


def test_configure_writes_a_profile_and_leaves_the_rest(node: RunningNode, tmp_path: Path) -> None:
    config, credentials = tmp_path / "config", tmp_path / "credentials"
    config.write_text(
        "# mine\n[default]\nregion = eu-west-1\n\n[profile nightbus]\nregion = old\n\n[profile z]\nx = 1\n"
    )
    files = {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": str(credentials)}
    for _ in range(2):
        assert nightbus("configure", "--port", str(node.port), environ=files).returncode == 0
    text = config.read_text()
    assert text.count("[profile nightbus]") == 1
    assert text.startswith("# mine\n[default]\nregion = eu-west-1\n")
    assert "[profile z]\nx = 1\n" in text
    assert "old" not in text
    done = subprocess.run(
        [
            "aws",
            "--profile",
            "nightbus",
            "events",
            "list-event-buses",
            "--query",
            "EventBuses[0].Name",
            "--output",
            "text",
        ],
        env=clean_environment() | files,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "default", done.stderr
    assert credentials.stat().st_mode & 0o077 == 0


def test_status_shows_what_runs(node: RunningNode) -> None:
    told = nightbus("status", "--port", str(node.port))
    assert node.endpoint in told.stdout
    assert (
        json.loads(nightbus("status", "--port", str(node.port), "--json").stdout)["pid"] == node.process.pid
    )


def put(node: RunningNode, source: str) -> str:
    entry = {"Source": source, "DetailType": "Order Created", "Detail": json.dumps({"source": source})}
    return str(node.client("events").put_events(Entries=[entry])["Entries"][0]["EventId"])


def rule(node: RunningNode, source: str, target: str, **more: object) -> None:
    events = node.client("events")
    events.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=source, Targets=[{"Id": "it", "Arn": target, **more}])


def queue(node: RunningNode, name: str) -> str:
    allowed = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    node.client("sqs").create_queue(QueueName=name, Attributes={"Policy": json.dumps({"Statement": allowed})})
    return f"arn:aws:sqs:us-east-1:000000000000:{name}"


def test_trace_shows_an_events_way_and_waits_for_its_end(node: RunningNode) -> None:
    rule(node, "shop", queue(node, "orders"), InputPath="$.detail")
    event_id = put(node, "shop")
    done = nightbus("trace", event_id, "--follow", "--port", str(node.port))
    assert done.returncode == 0, done.stderr
    event, of_rule, target, given, attempt = done.stdout.splitlines()
    assert event.startswith(f"event {event_id}  ")
    assert event.endswith('shop  Order Created  on bus default  {"source": "shop"}')
    assert of_rule.endswith("rule shop")
    assert target.endswith("target it  sqs orders  delivered")
    assert given.endswith('input {"source":"shop"}')
    assert "attempt 1  " in attempt
    found = json.loads(nightbus("trace", event_id, "--json", "--port", str(node.port)).stdout)
    name = found["rules"][0]["targets"][0]["attempts"][0]["request_id"]
    assert attempt.endswith(f"delivered  as {name}")


def test_trace_fails_where_something_failed(node: RunningNode) -> None:
    gone = "arn:aws:lambda:us-east-1:000000000000:function:gone"
    rule(node, "broken", gone, DeadLetterConfig={"Arn": queue(node, "dead")})
    event_id = put(node, "broken")
    done = nightbus("trace", event_id, "--wait", "30", "--port", str(node.port))
    assert (done.returncode, done.stderr.strip()) == (1, "nightbus: a delivery or a function failed")
    assert "target it  lambda function:gone  failed" in done.stdout
    assert "ResourceNotFoundException Function not found" in done.stdout
    assert done.stdout.rstrip().endswith("; now in sqs dead")
    assert nightbus("trace", event_id, "--port", str(node.port)).returncode == 0


def test_trace_of_what_is_not_there(node: RunningNode) -> None:
    done = nightbus("trace", "none", "--port", str(node.port))
    assert (done.returncode, done.stdout) == (1, "")
    assert "Event none is in no bus's history." in done.stderr


def test_where_no_node_runs_it_says_so(tmp_path: Path) -> None:
    """Nodes that other tests make within their own process say port 1: no command may find, and stop, those."""
    alone = {"TMPDIR": str(tmp_path), "NIGHTBUS_DATA": str(tmp_path / "data")}
    for command in (("status",), ("explain", "x"), ("trace", "x", "--follow"), ("stop",)):
        done = nightbus(*command, "--port", "1", environ=alone)
        assert done.returncode == 3
        assert "start one with: nightbus start" in done.stderr


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"NIGHTBUS_PORT": "none"}, "none"),
        ({"NIGHTBUS_MEMORY": "perhaps"}, "perhaps"),
        ({"NIGHTBUS_HOST": "no.such.host.invalid"}, "no.such.host.invalid"),
    ],
)
def test_settings_that_cannot_be_used(environ: dict[str, str], told: str) -> None:
    done = nightbus("start", environ={"NIGHTBUS_PORT": "0", **environ})
    assert done.returncode != 0
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken(node: RunningNode, tmp_path: Path) -> None:
    done = nightbus("start", "--port", str(node.port), "--data", str(tmp_path))
    assert done.returncode == 1
    assert f"127.0.0.1:{node.port} is in use" in done.stderr


def test_the_file_nightbus_toml_is_read_by_every_command(node: RunningNode, tmp_path: Path) -> None:
    (tmp_path / "nightbus.toml").write_text(f"port = {node.port}\n")
    inner = tmp_path / "deep" / "inside"
    inner.mkdir(parents=True)
    assert node.endpoint in nightbus("status", folder=inner).stdout
    (tmp_path / "nightbus.toml").write_text("prot = 1\n")
    wrong = nightbus("status", folder=inner)
    assert wrong.returncode == 2
    assert "unknown setting prot" in wrong.stderr


def test_stop_ends_the_node_and_its_data_stays(tmp_path: Path) -> None:
    node = RunningNode(data=tmp_path / "data")
    node.client("logs").create_log_group(logGroupName="kept")
    assert nightbus("stop", "--port", str(node.port)).returncode == 0
    assert node.process.wait(10) == 0
    node = RunningNode(data=tmp_path / "data")
    try:
        assert node.client("logs").describe_log_groups()["logGroups"][0]["logGroupName"] == "kept"
        assert (tmp_path / "data").stat().st_mode & 0o077 == 0
    finally:
        assert node.stop() == 0


def test_whoever_reads_the_output_may_stop_reading(node: RunningNode) -> None:
    for command in ("nightbus --help", f"nightbus status --json --port {node.port}"):
        done = subprocess.run(
            ["bash", "-c", f"{command} | head -c 1"],
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (len(done.stdout), done.stderr) == (1, "")


def test_a_terminal_without_the_characters_gets_others(tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text('{"source": "a"}')
    (tmp_path / "pattern.json").write_text('{"source": ["a"]}')
    explain = ("explain", "--event", "event.json", "--pattern", "pattern.json")
    done = nightbus(*explain, environ={"PYTHONIOENCODING": "ascii"}, folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "? it matches\n")


def test_a_file_that_is_not_there_is_named(node: RunningNode) -> None:
    done = nightbus("events", "tail", "--pattern", "@none.json", "--port", str(node.port))
    assert (done.returncode, done.stderr) == (
        2,
        "nightbus: none.json cannot be read: No such file or directory\n",
    )


@pytest.mark.parametrize("host", ["bad host", "http://x", "a/b", "x\r\ny"])
def test_a_host_that_cannot_be_one(host: str) -> None:
    for command in ("status", "env", "start"):
        done = nightbus(command, "--host", host)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"nightbus: host {host!r} is neither a host name nor an address\n"


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.9\r\n", b"HTTP/1.1 200 OK\r\n\r\n<html>", b""])
def test_what_answers_and_is_not_a_node_is_told(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        done = nightbus("status", "--port", str(port))
        thread.join()
    assert done.returncode in (1, 3)
    assert done.stderr.startswith("nightbus: ") and len(done.stderr.splitlines()) == 1
