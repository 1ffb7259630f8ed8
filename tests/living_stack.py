"""A stack that lives the life of a row of `type_lives`, for tests against a running node."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

from type_lives import Life
from waiting import wait_for

Clients = Callable[..., Any]
NESTED: dict[str, Any] = {
    "Parameters": {"Days": {"Type": "Number"}},
    "Resources": {
        "Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": {"Ref": "Days"}}}
    },
}


def put_artefacts(client: Clients) -> None:
    """Make what the templates of the rows name: a layer, a nested template, keys of another region."""
    layer = io.BytesIO()
    with zipfile.ZipFile(layer, "w") as package:
        package.writestr("python/shared.py", "VALUE = 1")
    s3 = client("s3")
    s3.create_bucket(Bucket="type-lives")
    s3.put_object(Bucket="type-lives", Key="layer.zip", Body=layer.getvalue())
    s3.put_object(Bucket="type-lives", Key="nested.json", Body=json.dumps(NESTED))
    for name in ("primary-key", "other-key"):
        key = client("kms", region="eu-west-1").create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
        client("ssm").put_parameter(Name=f"/type-lives/{name}", Type="String", Value=key, Overwrite=True)


class LivingStack:
    """One stack of a row, driven as a tool drives it; with `role`, an ARN, as CloudFormation's service role."""

    def __init__(self, client: Clients, life: Life, suffix: str, role: str = "") -> None:
        self._client = client
        self._life = life
        self._role = {"RoleARN": role} if role else {}
        self._cloudformation = client("cloudformation")
        self.name = f"life-{life.type.split('::', 1)[1].replace('::', '-').lower()}-{suffix}"
        self.id = self.name

    def create(self, changes: Any = None) -> str:
        reply = self._cloudformation.create_stack(**self._request(changes))
        self.id = reply["StackId"]
        return self.settled()

    def update(self, changes: Any) -> str:
        self._cloudformation.update_stack(**self._request(changes))
        return self.settled()

    def delete(self) -> str:
        self._cloudformation.delete_stack(StackName=self.id)
        return self.settled()

    def template(self, changes: Any = None) -> str:
        return self._life.template(self.name, changes)

    def _request(self, changes: Any) -> dict[str, Any]:
        body = self.template(changes)
        capabilities = {"Capabilities": ["CAPABILITY_NAMED_IAM"], **self._role}
        return {"StackName": self.name, "TemplateBody": body, **capabilities}

    def settled(self) -> str:
        def rested() -> str | None:
            stack = self._cloudformation.describe_stacks(StackName=self.id)["Stacks"][0]
            status = str(stack["StackStatus"])
            return None if status.endswith("IN_PROGRESS") else status

        return wait_for(rested, 120)

    def physical_id(self) -> str:
        reply = self._cloudformation.describe_stack_resource(StackName=self.id, LogicalResourceId="It")
        return str(reply["StackResourceDetail"]["PhysicalResourceId"])

    def drift(self) -> dict[str, Any]:
        reply = self._cloudformation.detect_stack_resource_drift(StackName=self.id, LogicalResourceId="It")
        found: dict[str, Any] = reply["StackResourceDrift"]
        return found

    def reasons(self) -> list[str]:
        events = self._cloudformation.describe_stack_events(StackName=self.id)["StackEvents"]
        return [
            event.get("ResourceStatusReason", "") for event in events if "FAILED" in event["ResourceStatus"]
        ]
