"""Terraform with its AWS provider: 69 types of resources applied, found unchanged, updated and destroyed."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tools import run_tool

from nodes import RunningNode

SOURCE = Path(__file__).parent / "terraform"
RUNTIME = f"python3.{sys.version_info.minor}"
_SECONDS = 280
_PROVIDER = "registry.terraform.io/hashicorp/aws"


def mirror() -> Path | None:
    """A folder with the AWS provider: one of those that Terraform looks into by itself, or one in /opt."""
    shared = [Path.home() / ".terraform.d/plugins", Path("/usr/local/share/terraform/plugins")]
    found = [folder for folder in (*shared, *Path("/opt").glob("*")) if (folder / _PROVIDER).is_dir()]
    return found[0] if found else None


pytestmark = [
    pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not on this machine"),
    pytest.mark.skipif(
        mirror() is None, reason="there is no mirror of Terraform's AWS provider on this machine"
    ),
]


class Terraform:
    """The configuration's folder, in which `terraform` runs."""

    def __init__(self, node: RunningNode, folder: Path) -> None:
        self.node = node
        self.folder = shutil.copytree(SOURCE, folder)
        self._settings = folder / "terraform.rc"
        path = json.dumps(str(mirror()))
        self._settings.write_text(f"provider_installation {{\n  filesystem_mirror {{ path = {path} }}\n}}\n")
        (folder / "function.zip").write_bytes(
            zipped("app.py", "def handler(event, context):\n    print(event)\n")
        )
        (folder / "layer.zip").write_bytes(zipped("python/shared.py", "X = 1\n"))

    def run(self, *arguments: str, ends: tuple[int, ...] = (0,)) -> str:
        environment = {
            "TF_CLI_CONFIG_FILE": str(self._settings),
            "TF_IN_AUTOMATION": "1",
            "TF_VAR_runtime": RUNTIME,
            "CHECKPOINT_DISABLE": "1",
        }
        command = ["terraform", *arguments, "-no-color"]
        return run_tool(self.node, command, self.folder, environment, seconds=_SECONDS, codes=ends)


def zipped(name: str, text: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(name, text)
    return data.getvalue()


@pytest.fixture(scope="module")
def terraform(node: RunningNode, tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    made = Terraform(node, tmp_path_factory.mktemp("terraform") / "shop")
    made.run("init")
    return made


def types(terraform: Terraform) -> set[str]:
    text = "".join(file.read_text() for file in terraform.folder.glob("*.tf"))
    return set(re.findall(r'^resource "(\w+)"', text, re.MULTILINE))


def test_apply_makes_every_type_of_resource(terraform: Terraform) -> None:
    assert len(types(terraform)) == 69
    assert "Apply complete! Resources: 98 added, 0 changed, 0 destroyed." in terraform.run(
        "apply", "-auto-approve"
    )


def test_a_plan_after_it_finds_no_changes(terraform: Terraform) -> None:
    said = terraform.run("plan", "-detailed-exitcode", ends=(0, 2))
    assert "No changes. Your infrastructure matches the configuration." in said, said


def test_an_update_is_of_what_changes_alone(terraform: Terraform) -> None:
    said = terraform.run("apply", "-auto-approve", "-var", "timeout=20")
    assert "0 destroyed." in said, said
    assert "Apply complete! Resources: 0 added" in said, said
    node = terraform.node
    function = node.client("lambda").get_function_configuration(FunctionName="tf-invoice")
    assert (function["Timeout"], function["Environment"]["Variables"]) == (20, {"TIMEOUT": "20"})
    body = node.client("s3").get_object(Bucket="tf-files", Key="note.txt")["Body"].read()
    assert body == b"timeout 20"
    assert "No changes." in terraform.run("plan", "-detailed-exitcode", "-var", "timeout=20", ends=(0, 2))


def test_destroy_leaves_nothing(terraform: Terraform) -> None:
    assert "Destroy complete! Resources: 98 destroyed." in terraform.run("destroy", "-auto-approve")
    node = terraform.node
    roles = node.client("iam").list_roles()["Roles"]
    left: list[Any] = [
        *node.client("lambda").list_functions()["Functions"],
        *node.client("sqs").list_queues().get("QueueUrls", []),
        *node.client("sns").list_topics()["Topics"],
        *node.client("s3").list_buckets()["Buckets"],
        *[one for one in roles if not one["Path"].startswith("/aws-service-role/")],  # they stay, as on AWS
        *node.client("events").list_rules()["Rules"],
        *node.client("logs").describe_log_groups()["logGroups"],
        *node.client("ssm").describe_parameters()["Parameters"],
        *node.client("secretsmanager").list_secrets()["SecretList"],
        *node.client("ecr").describe_repositories()["repositories"],
        *node.client("iam").list_users()["Users"],
        *node.client("iam").list_groups()["Groups"],
        *node.client("iam").list_instance_profiles()["InstanceProfiles"],
        *node.client("sns").list_platform_applications()["PlatformApplications"],
        *[one for one in node.client("kms").list_aliases()["Aliases"] if "/aws/" not in one["AliasName"]],
    ]
    assert left == []
