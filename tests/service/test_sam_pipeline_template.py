"""The template by which `sam pipeline bootstrap` makes the resources of a stage deploys, and goes."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

from example_stacks import SECONDS, begin_change, ended, outputs_of
from nodes import RunningNode
from waiting import wait_for


def template() -> str:
    spec = find_spec("samcli")
    assert spec is not None and spec.origin is not None, "the SAM CLI is installed by scripts/install test"
    return (Path(spec.origin).parent / "lib/pipeline/bootstrap/stage_resources.yaml").read_text()


def test_the_resources_of_a_stage(node: RunningNode) -> None:
    made: dict[str, Any] = {}
    client: Callable[[str], Any] = lambda service: made.setdefault(service, node.client(service))  # noqa: E731
    stacks, name, text = client("cloudformation"), f"stage-{uuid4().hex[:8]}", template()
    chosen = {"CreateImageRepository": "true", "UseOidcProvider": "false", "CreateNewOidcProvider": "false"}
    declared = stacks.validate_template(TemplateBody=text)["Parameters"]
    values = {one["ParameterKey"]: chosen.get(one["ParameterKey"], "") for one in declared}
    begin_change(client, name, text, "CREATE", **values)
    outputs = outputs_of(client, name)
    assert {"ArtifactsBucket", "PipelineUser", "PipelineExecutionRole", "ImageRepository"} <= set(outputs)
    bucket = outputs["ArtifactsBucket"].rpartition(":")[2]
    enabled = client("s3").get_bucket_logging(Bucket=bucket)["LoggingEnabled"]
    assert enabled["TargetPrefix"] == "artifacts-logs"
    (stack,) = stacks.describe_stacks(StackName=name)["Stacks"]
    stacks.delete_stack(StackName=name)
    last = wait_for(lambda: ended(client, stack["StackId"]), SECONDS)
    assert last["StackStatus"] == "DELETE_COMPLETE"
