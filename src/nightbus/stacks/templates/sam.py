"""Runs the transform AWS::Serverless-2016-10-31 in a short-lived process with a time limit."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from nightbus.aws.errors import AwsError

_DEPLOYMENT_GROUP = "AWS::CodeDeploy::DeploymentGroup"
TIME_LIMIT = 30.0  # seconds
SamTransform = Callable[[Mapping[str, Any], Mapping[str, Any], str], Awaitable[dict[str, Any]]]


def transform_failed(reason: str) -> AwsError:
    return AwsError("ValidationError", f"Transform AWS::Serverless-2016-10-31 failed with: {reason}")


async def transform_sam(
    document: Mapping[str, Any], parameters: Mapping[str, Any], region: str
) -> dict[str, Any]:
    """Return the template with its SAM resources transformed. Raises AwsError with CloudFormation's texts."""
    request = json.dumps({"template": document, "parameters": parameters, "region": region}).encode()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "nightbus.stacks.templates.sam_worker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(region),
    )
    try:
        output, complaint = await asyncio.wait_for(process.communicate(request), TIME_LIMIT)
    except TimeoutError as late:
        raise transform_failed(f"it took longer than {TIME_LIMIT:.0f} seconds.") from late
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    translated = _answer(process.returncode, output, complaint)
    _refuse_deployment_preference(document, translated)
    return translated


def _answer(code: int | None, output: bytes, complaint: bytes) -> dict[str, Any]:
    if code != 0:
        lines = complaint.decode(errors="replace").strip().splitlines()
        raise transform_failed(f"Internal transform failure. {lines[-1] if lines else ''}".strip())
    answer: dict[str, Any] = json.loads(output)
    if "error" in answer:
        raise transform_failed(str(answer["error"]))
    translated: dict[str, Any] = answer["template"]
    return translated


def _refuse_deployment_preference(document: Mapping[str, Any], translated: Mapping[str, Any]) -> None:
    """Raise AwsError where a function's alias is to be moved by CodeDeploy."""
    for name, resource in translated.get("Resources", {}).items():
        is_group = isinstance(resource, Mapping) and resource.get("Type") == _DEPLOYMENT_GROUP
        if is_group and name not in document.get("Resources", {}):
            function = name.removesuffix("DeploymentGroup")
            raise AwsError(
                "NotImplementedException",
                f"DeploymentPreference of {function} is not supported by Nightbus yet, since there is no CodeDeploy. "
                "Leave it out or give it Enabled: false; then AutoPublishAlias moves the alias at once.",
                501,
            )


def _environment(region: str) -> dict[str, str]:
    """Return the worker's environment: with a region, which the translator reads by botocore, and no credentials."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **inherited,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
    }
