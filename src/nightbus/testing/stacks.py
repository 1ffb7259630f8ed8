"""Deploys a SAM or CloudFormation template, or the output of a CDK application, and waits until it is complete."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nightbus.testing.clients import client_session, make_client
from nightbus.testing.errors import DeploymentFailed
from nightbus.testing.interface import Account, DeployedStack, StackResource, Template

_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_OWNER = "000000000000"  # of the packages
_BOOTSTRAP = "30"  # the version of the bootstrap stack that templates of the CDK ask for
_COMPLETE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_NO_CHANGE = "No updates are to be performed"


def deploy(
    account: Account,
    template: Template,
    name: str | None,
    parameters: Mapping[str, str],
    timeout: float,
) -> list[DeployedStack]:
    """Return the stacks that were made, in order: one of a template, each of a CDK application's output."""
    if isinstance(template, Mapping):
        return [_deploy_text(account, json.dumps(template), name or "test", parameters, timeout)]
    if isinstance(template, str) and "\n" in template:
        return [_deploy_text(account, template, name or "test", parameters, timeout)]
    path = Path(template).resolve()
    if path.is_dir() and (path / "manifest.json").is_file():
        return list(_deploy_cdk(account, path, name, parameters, timeout))
    return [_deploy_file(account, path, name or "test", parameters, timeout)]


def _deploy_file(
    account: Account, file: Path, name: str, parameters: Mapping[str, str], timeout: float
) -> DeployedStack:
    from nightbus.cli.deployment import Deployment
    from nightbus.cli.errors import CommandFailed
    from nightbus.testing.packages import cached_archive

    artefacts: Any = _Artefacts(account)
    output: Any = _Silent()
    bucket = artefacts.bucket()
    try:
        packaged = Deployment(artefacts, account.endpoint, "test", output, cached_archive, bucket).package(
            file
        )
    except CommandFailed as failure:
        raise DeploymentFailed(str(failure)) from None
    return _deploy_text(account, packaged, name, parameters, timeout)


class _Artefacts:
    """The clients for `Deployment`, with one bucket for the packages of all accounts of a node.

    A package lies under its digest and is uploaded once. Templates so name the same objects in every account, and what
    is kept of their transformation fits.
    """

    def __init__(self, account: Account) -> None:
        self.region = account.region
        self._account = account
        self._known = account.node.packages
        session = client_session(_OWNER, account.region)
        self._s3 = make_client(session, "s3", account.endpoint, {"config": _without_digests()})

    def make(self, service: str) -> Any:
        return self if service == "s3" else self._account.client(service)

    def bucket(self) -> str:
        name = f"nightbus-testing-packages-{self.region}"
        if name not in self._known:
            _create_bucket(self._s3, name, self.region)
            self._s3.delete_public_access_block(Bucket=name)
            everybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
            statement = {**everybody, "Resource": f"arn:aws:s3:::{name}/*"}
            policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
            self._s3.put_bucket_policy(Bucket=name, Policy=policy)
            self._known.add(name)
        return name

    def put_object(self, **request: Any) -> None:
        address = f"{request['Bucket']}/{request['Key']}"
        if address not in self._known:
            self._s3.put_object(**request)
            self._known.add(address)


def _without_digests() -> Any:
    """Of bodies: a large package would be read three times before it is sent to the same machine."""
    from botocore.config import Config

    return Config(request_checksum_calculation="when_required", s3={"payload_signing_enabled": False})


class _Silent:
    def packaged(self, names: Sequence[str], size: int) -> None:
        pass


def _deploy_text(
    account: Account, body: str, name: str, parameters: Mapping[str, str], timeout: float
) -> DeployedStack:
    from botocore.exceptions import ClientError

    cloudformation = account.client("cloudformation")
    request = {
        "StackName": name,
        **_body(account, body, name),
        "Capabilities": _CAPABILITIES,
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": str(value)} for key, value in parameters.items()
        ],
    }
    try:
        if any(stack.name == name for stack in account.stacks):
            cloudformation.update_stack(**request)
        else:
            cloudformation.create_stack(**request)
    except ClientError as refused:
        if _NO_CHANGE not in str(refused):
            raise DeploymentFailed(f"stack {name}: {refused.response['Error']['Message']}") from None
    account.settle(timeout=timeout)
    return _described(account, name)


def _body(account: Account, body: str, name: str) -> dict[str, str]:
    """A request takes 51,200 bytes; a longer template comes from a bucket."""
    if len(body.encode()) <= 51_200:
        return {"TemplateBody": body}
    bucket = _bucket(account, f"nightbus-testing-{account.account}-{account.region}")
    account.client("s3").put_object(Bucket=bucket, Key=f"{name}.template", Body=body.encode())
    return {"TemplateURL": f"{account.endpoint}/{bucket}/{name}.template"}


def _bucket(account: Account, name: str) -> str:
    s3 = account.client("s3")
    if name not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        _create_bucket(s3, name, account.region)
    return name


def _create_bucket(s3: Any, name: str, region: str) -> None:
    """us-east-1 is no LocationConstraint: the API reference of CreateBucket."""
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **place)


def _described(account: Account, name: str) -> DeployedStack:
    cloudformation = account.client("cloudformation")
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    if stack["StackStatus"] not in _COMPLETE:
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        reasons = [
            f"  {event['LogicalResourceId']} {event['ResourceStatus']}: {event['ResourceStatusReason']}"
            for event in reversed(events)
            if event["ResourceStatus"].endswith("FAILED") and event.get("ResourceStatusReason")
        ]
        raise DeploymentFailed("\n".join([f"stack {name} is {stack['StackStatus']}", *reasons]))
    resources: dict[str, StackResource] = {}
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=name):
        for one in page["StackResourceSummaries"]:
            resources[one["LogicalResourceId"]] = StackResource(
                one["ResourceType"], one.get("PhysicalResourceId", "")
            )
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", ())}
    return DeployedStack(name, outputs, resources)


def _deploy_cdk(
    account: Account, folder: Path, name: str | None, parameters: Mapping[str, str], timeout: float
) -> Iterator[DeployedStack]:
    """https://docs.aws.amazon.com/cdk/v2/guide/deploy.html#deploy-how-synth-assemblies: stacks and assets are artifacts
    of the manifest."""
    artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
    for artifact in artifacts.values():
        if artifact["type"] == "cdk:asset-manifest":
            _publish_assets(account, folder, folder / artifact["properties"]["file"])
    for key in _in_order(artifacts):
        properties = artifacts[key].get("properties", {})
        if name is not None and name not in (key, properties.get("stackName")):
            continue
        body = (folder / properties["templateFile"]).read_text()
        declared = json.loads(body).get("Parameters", {})
        if "BootstrapVersion" in declared:
            version = declared["BootstrapVersion"].get("Default", "/cdk-bootstrap/hnb659fds/version")
            account.client("ssm").put_parameter(Name=version, Value=_BOOTSTRAP, Type="String", Overwrite=True)
        given = {one: value for one, value in parameters.items() if one in declared}
        yield _deploy_text(account, body, properties.get("stackName", key), given, timeout)


def _in_order(artifacts: Mapping[str, Any]) -> list[str]:
    """The stacks, each after those that it depends on."""
    ordered: list[str] = []

    def visit(key: str) -> None:
        artifact = artifacts.get(key)
        if artifact is None or key in ordered:
            return
        for needed in artifact.get("dependencies", ()):
            visit(needed)
        if artifact["type"] == "aws:cloudformation:stack":
            ordered.append(key)

    for key in artifacts:
        visit(key)
    return ordered


def _publish_assets(account: Account, folder: Path, manifest: Path) -> None:
    from nightbus.testing.packages import cached_archive

    content = json.loads(manifest.read_text())
    if content.get("dockerImages"):
        raise DeploymentFailed(f"{manifest.name}: assets that are container images are not supported")
    for asset in content.get("files", {}).values():
        path = folder / asset["source"]["path"]
        zipped = asset["source"].get("packaging") == "zip"
        data = cached_archive(path) if zipped else path.read_bytes()
        for place in asset["destinations"].values():
            bucket = _bucket(account, _filled(account, place["bucketName"]))
            account.client("s3").put_object(Bucket=bucket, Key=place["objectKey"], Body=data)


def _filled(account: Account, text: str) -> str:
    known = {
        "${AWS::AccountId}": account.account,
        "${AWS::Region}": account.region,
        "${AWS::Partition}": "aws",
    }
    for placeholder, value in known.items():
        text = text.replace(placeholder, value)
    return text
