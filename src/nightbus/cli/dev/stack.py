"""Holds the stack of the application on the node: deploys it, and gives its functions new code without a deployment."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightbus.cli.aws_clients import NodeClients
from nightbus.cli.commands.deploy_output import Lines
from nightbus.cli.deployment import Deployment, parameter
from nightbus.cli.dev.packages import Packages
from nightbus.cli.dev.samconfig import Project
from nightbus.cli.dev.sources import Source
from nightbus.cli.errors import CommandFailed

_NESTED = "AWS::CloudFormation::Stack"
_FUNCTION = "AWS::Lambda::Function"
_URL = "AWS::Lambda::Url"
_LARGEST_IN_REQUEST = 40 * 1024 * 1024  # a larger one goes by a bucket, as with every tool
_UPDATE_SECONDS = 30.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Deployed:
    """A function as the stack made it."""

    name: str
    log_group: str
    digest: str  # of its code, as Lambda says it


class Stack:
    """`functions` maps logical paths ("Nested", "Function") to what the stack made of them, `urls` to function URLs."""

    def __init__(self, clients: NodeClients, endpoint: str, project: Project, packages: Packages) -> None:
        self._clients = clients
        self._endpoint = endpoint
        self._project = project
        self._packages = packages
        self._cloudformation = clients.make("cloudformation")
        self._lambda = clients.make("lambda")
        self.functions: dict[tuple[str, ...], Deployed] = {}
        self.urls: dict[tuple[str, ...], str] = {}

    def deploy(self, template: Path) -> None:
        """Update the stack by a change set, and print what changes. Raises CommandFailed, ClientError.

        A stack whose creation failed is made anew: CloudFormation can only delete it.
        """
        if self._status() == "ROLLBACK_COMPLETE":
            self.delete()
        deployment = self._deployment()
        body = deployment.package(template)
        try:
            deployment.deploy(body, [parameter(text) for text in self._project.parameters])
        finally:
            self.urls = {}
            self.functions = self._found(self._project.stack, ())

    def put_code(self, source: Source) -> bool:
        """Give the function the code that its sources are now. Returns False where it has that already.

        Where the node cannot run the new code, the function keeps the code from before.

        Raises CommandFailed, ClientError, OSError.
        """
        function = self.functions.get(source.path)
        if function is None:
            return False
        package = self._packages.zip_of(source)
        digest = base64.b64encode(hashlib.sha256(package).digest()).decode()
        if digest == function.digest:
            return False
        self._update(function.name, source.alias, self._code(package))
        self.functions[source.path] = Deployed(function.name, function.log_group, digest)
        return True

    def delete(self) -> None:
        """Delete the stack, and wait for that. Raises ClientError and WaiterError."""
        self._cloudformation.delete_stack(StackName=self._project.stack)
        waiter = self._cloudformation.get_waiter("stack_delete_complete")
        waiter.wait(StackName=self._project.stack, WaiterConfig={"Delay": 1, "MaxAttempts": 300})

    def _status(self) -> str:
        try:
            stacks = self._cloudformation.describe_stacks(StackName=self._project.stack)["Stacks"]
        except self._cloudformation.exceptions.ClientError:
            return ""  # there is no such stack
        return str(stacks[0]["StackStatus"])

    def _deployment(self) -> Deployment:
        archive = self._packages.zip_of_folder
        return Deployment(self._clients, self._endpoint, self._project.stack, Lines(), archive)

    def _code(self, package: bytes) -> dict[str, Any]:
        if len(package) <= _LARGEST_IN_REQUEST:
            return {"ZipFile": package}
        bucket, key = self._deployment().upload(package, "")
        return {"S3Bucket": bucket, "S3Key": key}

    def _update(self, name: str, alias: str, code: Mapping[str, Any]) -> None:
        """With AutoPublishAlias the new code becomes a version, and the alias points there, as after a deployment."""
        deadline = time.monotonic() + _UPDATE_SECONDS
        while True:
            try:
                done = self._lambda.update_function_code(FunctionName=name, Publish=bool(alias), **code)
                break
            except self._lambda.exceptions.ResourceConflictException:  # the update before is under way
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_SECONDS)
        state = done
        while state.get("LastUpdateStatus") == "InProgress" and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            state = self._lambda.get_function_configuration(FunctionName=name)
        if state.get("LastUpdateStatus") != "Successful":
            reason = state.get("LastUpdateStatusReason") or f"it takes more than {_UPDATE_SECONDS:.0f} s"
            raise CommandFailed(f"{name} has no new code: {reason}")
        if alias:
            self._lambda.update_alias(FunctionName=name, Name=alias, FunctionVersion=done["Version"])

    def _found(self, stack: str, above: tuple[str, ...]) -> dict[tuple[str, ...], Deployed]:
        found: dict[tuple[str, ...], Deployed] = {}
        for page in self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
            for resource in page["StackResourceSummaries"]:
                path = (*above, resource["LogicalResourceId"])
                physical = resource.get("PhysicalResourceId")
                if not physical or resource["ResourceStatus"].startswith("DELETE"):
                    continue
                if resource["ResourceType"] == _NESTED:
                    found |= self._found(physical, path)
                elif resource["ResourceType"] == _FUNCTION:
                    found[path] = self._described(physical)
                elif resource["ResourceType"] == _URL:
                    url = self._lambda.get_function_url_config(FunctionName=physical)
                    self.urls[path] = url["FunctionUrl"]
        return found

    def _described(self, name: str) -> Deployed:
        config = self._lambda.get_function_configuration(FunctionName=name)
        group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}"
        return Deployed(config["FunctionName"], group, config["CodeSha256"])
