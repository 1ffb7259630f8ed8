"""What a stack is told in confidence lies in no file of its node, and is there after a restart all the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from forwarding_rig import Elsewhere
from node_databases import kept_contents, only_embedded
from nodes import RunningNode, clean_environment
from waiting import wait_for

TEMPLATE: dict[str, Any] = {
    "Parameters": {"Secret": {"Type": "String", "NoEcho": True}, "Endpoint": {"Type": "String"}},
    "Resources": {
        "Connection": {
            "Type": "AWS::Events::Connection",
            "Properties": {
                "Name": "shop",
                "AuthorizationType": "OAUTH_CLIENT_CREDENTIALS",
                "AuthParameters": {
                    "OAuthParameters": {
                        "ClientParameters": {"ClientID": "shop", "ClientSecret": {"Ref": "Secret"}},
                        "AuthorizationEndpoint": {"Ref": "Endpoint"},
                        "HttpMethod": "POST",
                    }
                },
            },
        },
        "Kept": {
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {"SecretString": {"Fn::Sub": "a${Secret}"}},
        },
    },
}
# Its failure names the value that is wrong.
SCHEDULE = {"Type": "AWS::Events::Rule", "Properties": {"ScheduleExpression": {"Fn::Sub": "${Secret}"}}}
BROKEN = {
    "Type": "AWS::Events::ApiDestination",
    "DependsOn": "Connection",
    "Properties": {
        "ConnectionArn": {"Fn::GetAtt": ["Connection", "Arn"]},
        "InvocationEndpoint": "http://shop.example.com",
        "HttpMethod": "POST",
    },
}


@pytest.fixture
def server() -> Iterator[Elsewhere]:
    opened = Elsewhere()
    opened.answer = lambda sent: (200, {"access_token": "t"})
    yield opened
    opened.close()


def settled(node: RunningNode) -> str:
    formation = node.client("cloudformation")

    def over() -> str:
        status = str(formation.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"])
        return "" if status.endswith("IN_PROGRESS") else status

    return wait_for(over)


def secrets_sent(server: Elsewhere) -> list[str]:
    return [parse_qs(sent.body)["client_secret"][0] for sent in server.requests]


def update(node: RunningNode, template: dict[str, Any], **secret: Any) -> str:
    parameters = [
        {"ParameterKey": "Endpoint", "UsePreviousValue": True},
        {"ParameterKey": "Secret", **secret},
    ]
    node.client("cloudformation").update_stack(
        StackName="s", TemplateBody=json.dumps(template), Parameters=parameters
    )
    return settled(node)


def test_a_secret_of_a_stack(tmp_path: Path, server: Elsewhere) -> None:
    folder = tmp_path / "data"
    node = RunningNode(folder)
    formation = node.client("cloudformation")
    formation.create_stack(
        StackName="s",
        TemplateBody=json.dumps(TEMPLATE),
        Parameters=[
            {"ParameterKey": "Secret", "ParameterValue": "hunter-1"},
            {"ParameterKey": "Endpoint", "ParameterValue": server.url},
        ],
    )
    assert settled(node) == "CREATE_COMPLETE"
    wait_for(lambda: len(server.requests) == 1)
    shown = formation.describe_stacks(StackName="s")["Stacks"][0]["Parameters"]
    assert {one["ParameterKey"]: one["ParameterValue"] for one in shown} == {
        "Secret": "****", "Endpoint": server.url,
    }  # fmt: skip
    told = json.dumps(formation.describe_stack_events(StackName="s")["StackEvents"], default=str)
    assert "hunter" not in told
    assert "****" in told
    node.kill()
    _hold_no_secret(folder)

    node = RunningNode(folder)
    described = json.loads(json.dumps(TEMPLATE))
    described["Resources"]["Connection"]["Properties"]["Description"] = "new"
    assert update(node, described, UsePreviousValue=True) == "UPDATE_COMPLETE"
    assert node.client("events").describe_connection(Name="shop")["Description"] == "new"
    failing = {**TEMPLATE, "Resources": {**TEMPLATE["Resources"], "Broken": BROKEN, "Late": SCHEDULE}}
    assert update(node, failing, ParameterValue="hunter-2") == "UPDATE_ROLLBACK_COMPLETE"
    told = json.dumps(
        node.client("cloudformation").describe_stack_events(StackName="s")["StackEvents"], default=str
    )
    assert "hunter" not in told and "string [****] does not match" in told
    wait_for(lambda: len(server.requests) >= 2 and secrets_sent(server)[-1] == "hunter-1")
    assert node.stop() == 0
    _hold_no_secret(folder)


@only_embedded("a node of a cluster without the cluster's key does not start")
def test_deployments_without_the_key_of_their_secrets(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    node = RunningNode(folder)
    template = {**TEMPLATE, "Resources": {"Kept": TEMPLATE["Resources"]["Kept"]}}
    parameters = {"Secret": "hunter-1", "Endpoint": "http://shop.example.com"}
    node.client("cloudformation").create_stack(
        StackName="s",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    assert settled(node) == "CREATE_COMPLETE"
    assert node.stop() == 0
    (folder / "vault.key").unlink()
    command = [sys.executable, "-m", "nightbus", "doctor", "--data", str(folder)]
    examined = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), check=False)
    assert examined.returncode == 1
    assert "deployments of stacks are lost" in examined.stdout


def _hold_no_secret(folder: Path) -> None:
    assert not [name for name, content in kept_contents(folder).items() if b"hunter" in content]
