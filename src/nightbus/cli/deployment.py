"""Packages a template and updates its stack by a change set, as `nightbus deploy` and `nightbus dev` do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightbus.aws.errors import AwsError
from nightbus.cli.commands.artefacts import TEMPLATES, archive, digest_key, local_artefacts, refer_to
from nightbus.cli.commands.deploy_output import Output
from nightbus.cli.errors import WRONG_USAGE, CommandFailed
from nightbus.stacks.templates.documents import parse_template_text

if TYPE_CHECKING:
    from nightbus.cli.aws_clients import NodeClients

_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_POLL_SECONDS = 0.1
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
_FAILED = ("FAILED", "ROLLBACK_COMPLETE", "DELETE_COMPLETE")


def parameter(text: str) -> dict[str, str]:
    """Return `NAME=VALUE` as CloudFormation has it. Raises CommandFailed."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise CommandFailed(f"--parameter-overrides {text}: it must be NAME=VALUE", WRONG_USAGE)
    return {"ParameterKey": name, "ParameterValue": value}


def read_template(file: Path) -> dict[str, Any]:
    """Parse a template of the project. Raises CommandFailed with the file and the reason."""
    try:
        return parse_template_text(file.read_text())
    except (AwsError, UnicodeDecodeError) as broken:
        raise CommandFailed(f"{file}: {getattr(broken, 'message', broken)}") from broken
    except OSError as failure:
        raise CommandFailed(f"{file} cannot be read: {failure.strerror}") from failure


class Deployment:
    """One deployment of one stack, with its output.

    `make_archive` makes the zip of a local folder or file. `bucket` is there and takes the packages; by default one
    that is made for deployments.
    """

    def __init__(
        self,
        clients: NodeClients,
        endpoint: str,
        stack_name: str,
        output: Output,
        make_archive: Callable[[Path], bytes] = archive,
        bucket: str = "",
    ) -> None:
        self._endpoint = endpoint
        self._stack = stack_name
        self._output = output
        self._archive = make_archive
        self._packaged: dict[
            Path, tuple[str, str]
        ] = {}  # path → bucket and key; includes the files of nested templates
        self._region = clients.region
        self._cloudformation = clients.make("cloudformation")
        self._s3 = clients.make("s3")
        self._sts = clients.make("sts")
        self._bucket = bucket

    def package(self, file: Path) -> str:
        """Upload the template's local files, and return the template as text."""
        template = read_template(file)
        artefacts = list(local_artefacts(template, file.parent))
        users: dict[Path, list[str]] = {}
        for artefact in artefacts:
            users.setdefault(artefact.path, []).append(artefact.logical_id)
        for artefact in artefacts:
            if artefact.path not in self._packaged:
                nested = artefact.type_name in TEMPLATES
                data = self.package(artefact.path).encode() if nested else self._archive(artefact.path)
                self._packaged[artefact.path] = self.upload(data, ".template" if nested else "")
                self._output.packaged(users[artefact.path], len(data))
            refer_to(template, artefact, *self._packaged[artefact.path], self._endpoint)
        return json.dumps(template)

    def deploy(self, body: str, parameters: list[dict[str, str]]) -> None:
        bucket, key = self.upload(body.encode(), ".template")
        old = self._describe()
        create = old is None or old["StackStatus"] == "REVIEW_IN_PROGRESS"
        former = {parameter["ParameterKey"] for parameter in (old or {}).get("Parameters", [])}
        reused = former & set(self._declared(bucket, key)) - {one["ParameterKey"] for one in parameters}
        change_set = self._cloudformation.create_change_set(
            StackName=self._stack,
            ChangeSetName=f"nightbus-{int(time.time() * 1000)}",
            ChangeSetType="CREATE" if create else "UPDATE",
            TemplateURL=f"{self._endpoint}/{bucket}/{key}",
            Capabilities=_CAPABILITIES,
            Parameters=[
                *parameters,
                *({"ParameterKey": name, "UsePreviousValue": True} for name in sorted(reused)),
            ],
        )
        if not self._show_changes(change_set["Id"]):
            self._end(changed=False)
            return
        shown_ids = {event["EventId"] for event in self._events()}
        self._cloudformation.execute_change_set(ChangeSetName=change_set["Id"], StackName=self._stack)
        status = self._watch(change_set["StackId"], shown_ids)
        self._end(changed=True)
        if status.endswith(_FAILED):
            raise CommandFailed(f"stack {self._stack} ended in {status}")

    def _declared(self, bucket: str, key: str) -> list[str]:
        summary = self._cloudformation.get_template_summary(TemplateURL=f"{self._endpoint}/{bucket}/{key}")
        return [parameter["ParameterKey"] for parameter in summary.get("Parameters", [])]

    def upload(self, data: bytes, suffix: str) -> tuple[str, str]:
        """Put bytes into the bucket for deployments, and return bucket and key."""
        if not self._bucket:
            self._bucket = self._deploy_bucket()
        key = f"{self._stack}/{digest_key(data, suffix)}"
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=data)
        return self._bucket, key

    def _deploy_bucket(self) -> str:
        name = f"nightbus-deploy-{self._sts.get_caller_identity()['Account']}-{self._region}"
        if name not in {bucket["Name"] for bucket in self._s3.list_buckets()["Buckets"]}:
            configuration = {} if self._region == "us-east-1" else {"LocationConstraint": self._region}
            self._s3.create_bucket(
                Bucket=name, **({"CreateBucketConfiguration": configuration} if configuration else {})
            )
        return name

    def _describe(self) -> dict[str, Any] | None:
        from botocore.exceptions import ClientError

        try:
            stack: dict[str, Any] = self._cloudformation.describe_stacks(StackName=self._stack)["Stacks"][0]
            return stack
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise

    def _show_changes(self, change_set_id: str) -> bool:
        """Print the changes. Returns False if there are none."""
        described = self._wait_for_change_set(change_set_id)
        if described["Status"] == "FAILED":
            reason = described.get("StatusReason", "")
            self._cloudformation.delete_change_set(ChangeSetName=change_set_id)
            if any(text in reason for text in _NO_CHANGES):
                return False
            raise CommandFailed(reason or "the change set failed")
        self._output.changes([change["ResourceChange"] for change in self._changes(change_set_id)])
        return True

    def _changes(self, change_set_id: str) -> Iterator[dict[str, Any]]:
        pages = self._cloudformation.get_paginator("describe_change_set")
        for page in pages.paginate(ChangeSetName=change_set_id):
            yield from page["Changes"]

    def _wait_for_change_set(self, change_set_id: str) -> dict[str, Any]:
        while True:
            described: dict[str, Any] = self._cloudformation.describe_change_set(ChangeSetName=change_set_id)
            if described["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
                return described
            time.sleep(_POLL_SECONDS)

    def _watch(self, stack_id: str, shown_ids: set[str]) -> str:
        """Print each event as it comes. Returns the stack's final status."""
        while True:
            stack = self._cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
            for event in reversed(list(self._events(stack_id))):
                if event["EventId"] not in shown_ids:
                    shown_ids.add(event["EventId"])
                    self._output.event(event)
            status = str(stack["StackStatus"])
            if not status.endswith("_IN_PROGRESS"):
                return status
            time.sleep(_POLL_SECONDS)

    def _events(self, stack_id: str | None = None) -> Iterator[dict[str, Any]]:
        pages = self._cloudformation.get_paginator("describe_stack_events")
        for page in pages.paginate(StackName=stack_id or self._stack):
            yield from page["StackEvents"]

    def _end(self, changed: bool) -> None:
        stack = self._describe() or {}
        outputs = stack.get("Outputs", [])
        self._output.end(self._stack, self._region, stack.get("StackStatus", "gone"), changed, outputs)
