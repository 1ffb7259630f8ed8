"""The secrets of connections: in a copy with the key to them, and missed by the doctor where that is gone."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodes import RunningNode, clean_environment

BASIC = {"BasicAuthParameters": {"Username": "shop", "Password": "hunter"}}
NEW_PASSWORD = {"BasicAuthParameters": {"Password": "hunter-2"}}


def nightbus(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nightbus", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=clean_environment(), check=False)


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A folder with one connection; its node is stopped."""
    folder = tmp_path / "data"
    node = RunningNode(folder)
    node.client("events").create_connection(Name="shop", AuthorizationType="BASIC", AuthParameters=BASIC)
    assert node.stop() == 0
    yield folder


def test_a_copy_opens_what_the_folder_sealed(data: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert nightbus("backup", str(tmp_path / "copy.tar"), "--data", str(data)).returncode == 0
    assert nightbus("restore", str(tmp_path / "copy.tar"), "--data", str(again)).returncode == 0
    assert (again / "vault.key").read_bytes() == (data / "vault.key").read_bytes()
    assert stat.S_IMODE((again / "vault.key").stat().st_mode) == 0o600
    told = nightbus("doctor", "--data", str(again))
    assert told.returncode == 0
    assert "1 connections, the key opens the secrets of each" in told.stdout


@pytest.mark.parametrize("how", ["missing", "another", "broken"])
def test_the_doctor_misses_the_key(how: str, data: Path) -> None:
    key = data / "vault.key"
    key.unlink()
    if how != "missing":
        key.write_text("0" * 64 if how == "another" else "?")
    told = nightbus("doctor", "--data", str(data))
    assert told.returncode == 1
    assert "the secrets of 1 connections are lost" in told.stdout
    assert "vault.key" in told.stdout
    assert ": shop; put the key file" in told.stdout


def test_whose_key_is_lost_is_still_there_and_may_be_given_its_secrets_again(data: Path) -> None:
    (data / "vault.key").unlink()
    node = RunningNode(data)
    try:
        events = node.client("events")
        shown = events.describe_connection(Name="shop")["AuthParameters"]
        assert shown == {"BasicAuthParameters": {"Username": "shop"}}
        with pytest.raises(events.exceptions.ClientError, match="Username must be specified"):
            events.update_connection(Name="shop", AuthParameters=NEW_PASSWORD)
        events.update_connection(Name="shop", AuthParameters=BASIC)
    finally:
        assert node.stop() == 0
    assert nightbus("doctor", "--data", str(data)).returncode == 0


def test_the_doctor_tells_whose_key_others_may_read(data: Path) -> None:
    (data / "vault.key").chmod(0o644)
    assert f"chmod 600 {data / 'vault.key'}" in nightbus("doctor", "--data", str(data)).stdout


def test_the_doctor_knows_all_that_a_lost_key_takes_along(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    node = RunningNode(folder)
    node.client("cloudformation").create_stack_set(
        StackSetName="set",
        TemplateBody='{"Parameters": {"P": {"Type": "String"}}, "Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}',
        Parameters=[{"ParameterKey": "P", "ParameterValue": "hunter"}],
    )
    topic = node.client("sns").create_topic(Name="t")["TopicArn"]
    node.client("sns").subscribe(TopicArn=topic, Protocol="http", Endpoint="http://me:hunter@127.0.0.1:1/")
    assert node.stop() == 0
    assert (
        "1 stack sets, the key opens the secrets of each" in nightbus("doctor", "--data", str(folder)).stdout
    )
    (folder / "vault.key").unlink()
    told = nightbus("doctor", "--data", str(folder)).stdout
    for lost in ("1 stack sets", "1 subscriptions", "1 access keys"):
        assert f"the secrets of {lost} are lost" in told
