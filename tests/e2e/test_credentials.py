"""Access keys as a user meets them: the node makes one, and the command line and AWS's tools use it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from nightbus.identity.key_file import read_key, read_section
from nodes import RunningNode, clean_environment

OTHER = "111111111111"
WHO = ("aws", "sts", "get-caller-identity", "--query", "Arn", "--output", "text")


def run(*command: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=clean_environment() | dict(environ or {}),
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    running = RunningNode(tmp_path_factory.mktemp("data") / "data", dev_credentials=False)
    yield running
    assert running.stop() == 0


def test_a_new_node_makes_a_key_says_where_it_is_and_shows_no_secret(node: RunningNode) -> None:
    greeting, key = "".join(node.output), node.key()
    assert f"made {key.id} for the administrator" in greeting
    assert str(node.folder) in greeting
    assert key.secret not in greeting
    assert node.folder is not None
    assert (node.folder / "credentials").stat().st_mode & 0o777 == 0o600


def test_env_and_run_use_it(node: RunningNode) -> None:
    port = {"NIGHTBUS_PORT": str(node.port)}
    by_env = run("sh", "-c", f'eval "$(nightbus env)" && {" ".join(WHO)}', environ=port)
    assert by_env.stdout.strip() == "arn:aws:iam::000000000000:root", by_env.stderr
    by_run = run("nightbus", "run", "--", "sh", "-c", "echo $AWS_ACCESS_KEY_ID", environ=port)
    assert by_run.stdout.strip() == node.key().id


def test_the_nodes_own_file_is_one_that_the_tools_read(node: RunningNode) -> None:
    assert node.folder is not None
    files = {"AWS_SHARED_CREDENTIALS_FILE": str(node.folder / "credentials"), "AWS_PROFILE": "nightbus"}
    done = run(*WHO, environ={**files, "AWS_ENDPOINT_URL": node.endpoint, "AWS_DEFAULT_REGION": "us-east-1"})
    assert done.stdout.strip() == "arn:aws:iam::000000000000:root", done.stderr


def test_another_account_gets_its_key_from_the_node(node: RunningNode) -> None:
    port = ("--port", str(node.port))
    first, second = (run("nightbus", "env", "--account", OTHER, *port).stdout for _ in range(2))
    assert first == second
    assert node.key(OTHER).id in first
    done = run("sh", "-c", f'eval "$(nightbus env --account {OTHER} {" ".join(port)})" && {" ".join(WHO)}')
    assert done.stdout.strip() == f"arn:aws:iam::{OTHER}:root", done.stderr
    wrong = run("nightbus", "env", "--account", "1", *port)
    assert (wrong.returncode, "'1' is not an account (twelve digits)" in wrong.stderr) == (2, True)


def test_the_command_line_stays_in_the_account_of_the_environments_key(node: RunningNode) -> None:
    """Within `eval "$(nightbus env --account …)"`, commands of the node's interface speak of that account too."""
    run("nightbus", "env", "--account", OTHER, "--port", str(node.port))
    key = node.key(OTHER)
    environ = {
        "AWS_ENDPOINT_URL": node.endpoint,
        "AWS_ACCESS_KEY_ID": key.id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
    }
    done = run("nightbus", "run", "--port", str(node.port), "--", *WHO, environ=environ)
    assert done.stdout.strip() == f"arn:aws:iam::{OTHER}:root", done.stderr


def test_without_a_node_env_leads_to_the_node_and_says_that_there_is_no_key(tmp_path: Path) -> None:
    done = run("nightbus", "env", "--port", "1", "--data", str(tmp_path))
    assert done.returncode == 0
    assert "export AWS_ENDPOINT_URL=http://127.0.0.1:1" in done.stdout.splitlines()
    assert "there is no key in these variables" in done.stderr
    assert "start one with: nightbus start" in done.stderr


def test_status_says_who_is_let_in(node: RunningNode) -> None:
    told = run("nightbus", "status", "--port", str(node.port)).stdout
    assert "access keys that the node issued; " in told
    assert "policies are enforced" in told


def test_doctor_says_whether_others_can_read_the_key(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "data"))
    node = RunningNode(tmp_path / "data", dev_credentials=False)
    assert node.stop() == 0
    file = tmp_path / "data" / "credentials"
    assert f"the administrator's key is in {file}, for you alone" in run("nightbus", "doctor", *data).stdout
    file.chmod(0o644)
    done = run("nightbus", "doctor", *data)
    assert done.returncode == 1
    assert f"others can read the administrator's key in {file}; chmod 600 {file}" in done.stdout
    file.unlink()
    assert f"{file} is missing" in run("nightbus", "doctor", *data).stdout


def test_the_profile_is_written_once_and_not_over_anothers(tmp_path: Path) -> None:
    files = {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\n")
    port = free_port()
    first = RunningNode(tmp_path / "one", files, port, dev_credentials=False)
    key = first.key()
    assert f"{key.id} for the administrator" in "".join(first.output)
    assert "and in the AWS profile nightbus" in "".join(first.output)
    assert read_key(tmp_path / "credentials", "nightbus") == key
    assert (read_section(tmp_path / "config", "profile nightbus") or {})["endpoint_url"] == first.endpoint
    assert read_section(tmp_path / "config", "default") == {"region": "eu-west-1"}
    done = run(*WHO, "--profile", "nightbus", environ=files)
    assert done.stdout.strip() == "arn:aws:iam::000000000000:root", done.stderr
    second = RunningNode(tmp_path / "two", files, free_port(), dev_credentials=False)
    assert "AWS profile" not in "".join(second.output)
    assert read_key(tmp_path / "credentials", "nightbus") == key
    assert second.stop() == first.stop() == 0
    again = RunningNode(tmp_path / "one", files, port, dev_credentials=False)
    greeting = "".join(again.output)
    assert again.stop() == 0
    assert key.id not in greeting
    assert f"the administrator's, in {tmp_path / 'one' / 'credentials'}" in greeting
    third = RunningNode(tmp_path / "three", files, port, dev_credentials=False)  # where the first one was
    assert third.stop() == 0
    assert read_key(tmp_path / "credentials", "nightbus") == third.key() != key


def test_configure_replaces_the_key_on_demand(tmp_path: Path) -> None:
    files = {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }
    node = RunningNode(tmp_path / "data", dev_credentials=False)
    try:
        old = node.key()
        done = run("nightbus", "configure", "--new-key", "--port", str(node.port), environ=files)
        assert done.returncode == 0, done.stderr
        assert node.key().id != old.id
        assert read_key(tmp_path / "credentials", "nightbus") == node.key()
        assert node.client("sts").get_caller_identity()["Account"] == "000000000000"
    finally:
        assert node.stop() == 0


def test_configure_writes_no_device(node: RunningNode) -> None:
    done = run("nightbus", "configure", "--port", str(node.port))
    assert (done.returncode, done.stderr) == (
        1,
        f"nightbus: {os.devnull} is not a file that can be written\n",
    )
    assert not Path(os.devnull).is_file()


def test_a_key_that_the_node_did_not_issue_is_refused_with_a_way_to_get_one(node: RunningNode) -> None:
    environ = {"AWS_ENDPOINT_URL": node.endpoint, "AWS_DEFAULT_REGION": "us-east-1"}
    for key in (
        "AKIAIOSFODNN7EXAMPLE",
        "000000000000",
        node.key().id,
    ):  # the last with a secret that is not its own
        done = run(*WHO, environ={**environ, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "wrong"})
        assert done.returncode != 0
        if key == node.key().id:
            assert "SignatureDoesNotMatch" in done.stderr
        else:
            assert "InvalidClientTokenId" in done.stderr
            assert "nightbus env" in done.stderr
            assert "--dev-credentials" in done.stderr


def test_whoever_does_not_run_the_node_gets_no_key_from_it(node: RunningNode) -> None:
    url = f"{node.endpoint}/_nightbus/credentials"
    body = json.dumps({"account": OTHER})
    for headers in ((), ("-H", "x-nightbus-operator-key: guessed")):
        done = run("curl", "--silent", *headers, "--data", body, url)
        assert json.loads(done.stdout)["error"] == "AccessDenied"


def test_what_the_node_knows_of_all_accounts_is_for_whoever_runs_it(node: RunningNode) -> None:
    """Functions and other machines reach these paths; no access key opens them."""

    def answer(path: str, *options: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            run("curl", "-s", *options, f"{node.endpoint}/_nightbus/{path}").stdout
        )
        return found

    for path in ("explain?event=x", "trace?event=x", "events/tail", "outbox", "sizes", "holds"):
        assert answer(path)["error"] == "AccessDenied", path
    assert answer("explain", "--data", "{}")["error"] == "AccessDenied"
    assert answer("outbox", "--data", "{}")["error"] == "AccessDenied"
    assert "holds" not in answer("status")
    assert answer("health")["status"] == "ok"
    assert node.folder is not None
    key = (node.folder / "operator.key").read_text()
    assert "holds" in answer("status", "-H", f"x-nightbus-operator-key: {key}")
    put = node.client("events").put_events(Entries=[{"Source": "a", "DetailType": "b", "Detail": "{}"}])
    event_id = put["Entries"][0]["EventId"]
    for command in (("explain", event_id), ("trace", event_id), ("outbox", "list"), ("status",)):
        done = run("nightbus", *command, "--port", str(node.port))
        assert done.returncode == 0, done.stderr


def test_any_key_is_accepted_on_demand_and_the_node_says_so(tmp_path: Path) -> None:
    node = RunningNode(tmp_path / "data")
    try:
        assert "ANY ACCESS KEY is accepted" in "".join(node.output)
        assert node.client("sts", account=OTHER).get_caller_identity()["Account"] == OTHER
        assert "dev_credentials" in run("nightbus", "status", "--port", str(node.port)).stdout
    finally:
        assert node.stop() == 0
    done = run("nightbus", "start", "--dev-credentials", "--host", "0.0.0.0", "--port", "0", "--memory")
    assert done.returncode == 2
    assert "dev_credentials goes with a loopback address only, not with 0.0.0.0" in done.stderr


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
