"""Tries a family: plans its variants with many parameter sets, and lets stacks of it live and die.

Whatever happens is either what CloudFormation's users see (a refusal, a rollback) and counted, or raises.
"""

from __future__ import annotations

import io
import json
import zipfile
from random import Random
from typing import Any

from living_stack import NESTED
from nightbus.aws.errors import AwsError
from nightbus.stacks.planning.plan import plan_changes
from nightbus.stacks.planning.proposal import process, propose_template
from nightbus.stacks.records import Stack
from nightbus.stacks.resources import RESOURCE_TYPES
from nightbus.stacks.templates.template import INLINE_LIMIT, read_template
from template_fuzz.expressions import EXPORT, EXPORTED, STORED
from template_fuzz.families import BUCKET, Family
from template_fuzz.mutations import mutated, parameter_set
from template_fuzz.node import FuzzNode, is_refusal
from template_fuzz.tally import Tally

CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_PER_ACCOUNT = 20  # families; what stacks retain is forgotten with the account
_PATIENCE = 5.0  # seconds for a stack that waits for a signal, and is deleted then
_UPDATABLE = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "CREATE_FAILED",
    "UPDATE_FAILED",
)


class Trials:
    """Tries families one after the other. `variants`, `sets` and `lives`: how many of a family are tried."""

    def __init__(self, node: FuzzNode, tally: Tally, variants: int, sets: int, lives: int) -> None:
        self.node, self.tally = node, tally
        self._variants, self._sets, self._lives = variants, sets, lives
        self._families = 0

    def family(self, seed: int, kinds: list[str], decorations: int, damage: int) -> None:
        """`damage`: at most how many places of a variant are damaged."""
        rnd = Random(seed)
        if self._families % _PER_ACCOUNT == 0:
            self.new_account()
        self._families += 1
        family = Family(rnd, self._families, self.node.scope.account, kinds, decorations)
        self.tally.document(family.base)
        for at in range(self._variants):
            times = 0 if at == 0 else rnd.randint(0, damage)
            self._plan(rnd, mutated(rnd, family.base if at % 2 else family.changed(), times))
        self._ask(rnd, mutated(rnd, family.base, rnd.randint(0, damage)))
        for _ in range(self._lives):
            self._live(rnd, family, damage)

    def new_account(self) -> None:
        """Go on in an account that has what the rows of the types need."""
        self.node.new_account()
        for name, value in STORED.items():
            kind = "StringList" if "," in value else "String"
            self.node.call("PutParameter", "ssm", Name=name, Value=value, Type=kind)
        self.node.call("CreateSecret", "secretsmanager", Name="fuzz", SecretString='{"k": "v"}')
        layer = io.BytesIO()
        with zipfile.ZipFile(layer, "w") as archive:
            archive.writestr("python/x.py", "")
        bucket = BUCKET + self.node.scope.account
        self.node.call("CreateBucket", "s3", Bucket=bucket)
        self.node.call("PutObject", "s3", Bucket=bucket, Key="layer.zip", Body=layer.getvalue())
        self.node.call("PutObject", "s3", Bucket=bucket, Key="nested.json", Body=json.dumps(NESTED).encode())
        exporting = {
            "Resources": {"H": {"Type": "AWS::CloudFormation::WaitConditionHandle"}},
            "Outputs": {"O": {"Value": EXPORTED, "Export": {"Name": EXPORT}}},
        }
        self.node.call("CreateStack", StackName=EXPORT, TemplateBody=json.dumps(exporting))

    def _tried(self, what: str, outcome: str) -> None:
        self.tally.add("tries", what)
        self.tally.add(f"outcomes of {what}", outcome)

    def _refusal(self, error: AwsError) -> str:
        assert is_refusal(error), (error.code, error.message)
        assert error.status < 500 or error.code == "NotImplementedException", (error.code, error.message)
        self.tally.refused(error.code, error.message)
        return error.code

    def _plan(self, rnd: Random, document: Any) -> None:
        text = json.dumps(document)
        stack = Stack("arn:aws:cloudformation:us-east-1:1:stack/s/1", "s", "CREATE_IN_PROGRESS", 1)
        try:
            template = read_template(text)
        except AwsError as error:
            self._tried("plans", self._refusal(error))
            return
        for at in range(self._sets):
            entries = parameter_set(rnd, document, 0.0 if at == 0 else rnd.choice((0.0, 0.05, 0.1)))
            try:
                proposal = propose_template(text, template, entries, {}, {}, CAPABILITIES)
                deployment = self.node.run(process(proposal, self.node.scope, stack))
                exports = {EXPORT: EXPORTED}
                plan = plan_changes(self.node.scope, stack, None, deployment, {}, RESOURCE_TYPES, exports)
            except AwsError as error:
                self._tried("plans", self._refusal(error))
            else:
                self._tried("plans", f"{min(len(plan.changes), 9)} changes")

    def _ask(self, rnd: Random, document: Any) -> None:
        """What is asked of a template without a stack."""
        text = json.dumps(document)
        if len(text) > INLINE_LIMIT:
            return
        stack = f"s{self._families}-asked"
        try:
            self.node.call("ValidateTemplate", TemplateBody=text)
            self.node.call("GetTemplateSummary", TemplateBody=text)
            made = self.node.call(
                "CreateChangeSet", StackName=stack, ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=text,
                Parameters=parameter_set(rnd, document, 0.1), Capabilities=CAPABILITIES,
            )  # fmt: skip
        except AwsError as error:
            self._tried("change sets", self._refusal(error))
            return
        described = self.node.call("DescribeChangeSet", ChangeSetName=made["Id"], IncludePropertyValues=True)
        if described["Status"] == "CREATE_COMPLETE":
            self.node.call("GetTemplate", ChangeSetName=made["Id"], TemplateStage="Processed")
        self._tried("change sets", described["Status"])
        self.node.call("DeleteStack", StackName=made["StackId"])
        assert self.node.settle(made["StackId"])

    def _live(self, rnd: Random, family: Family, damage: int) -> None:
        document = rnd.choice([family.base, family.base, family.changed()])
        if rnd.random() < 0.2:
            document = mutated(rnd, document, damage and 1)
        more: dict[str, Any] = rnd.choice([{}, {}, {}, {"OnFailure": "DO_NOTHING"}, {"OnFailure": "DELETE"}])
        id, status = self._operate(
            "CreateStack", rnd, document, 0.005, StackName=f"s{self._families}", **more
        )
        if not id:
            return
        for _ in range(rnd.choice((1, 1, 2))):
            if status not in _UPDATABLE:
                break
            changed = rnd.choice([document, family.base, family.changed(), family.changed()])
            changed = mutated(rnd, changed, rnd.randint(0, min(damage, 2)))
            more = rnd.choice([{}, {}, {}, {"DisableRollback": True}, {"Tags": [{"Key": "a", "Value": "b"}]}])
            _, status = self._operate("UpdateStack", rnd, changed, 0.03, StackName=id, **more)
        self._describe(id)
        self._delete(id)

    def _operate(
        self, operation: str, rnd: Random, document: Any, damage: float, **params: Any
    ) -> tuple[str, str]:
        """Return the stack's id, "" if none is made, and its status."""
        text = json.dumps(document)
        if len(text) > INLINE_LIMIT:
            return "", ""
        entries = parameter_set(rnd, document, damage)
        try:
            made = self.node.call(
                operation, TemplateBody=text, Parameters=entries, Capabilities=CAPABILITIES, **params
            )
        except AwsError as error:
            outcome = self._refusal(error)
            self._tried(operation, outcome)
            if operation == "CreateStack":
                return "", outcome
            return "", self._status(params["StackName"])
        id = made["StackId"]
        if not self.node.settle(id, _PATIENCE):
            self.tally.add("waits", operation)
            self.node.call("DeleteStack", StackName=id)
            assert self.node.settle(id), f"stack {id} does not come to rest"
        status = self._status(id)
        assert not status.endswith("IN_PROGRESS"), status
        self._tried(operation, status)
        return id, status

    def _status(self, id: str) -> str:
        return str(self.node.call("DescribeStacks", StackName=id)["Stacks"][0]["StackStatus"])

    def _describe(self, id: str) -> None:
        self.node.call("DescribeStackEvents", StackName=id)
        self.node.call("DescribeStackResources", StackName=id)
        self.node.call("GetTemplate", StackName=id, TemplateStage="Processed")

    def _delete(self, id: str) -> None:
        status = self._status(id)
        if status == "UPDATE_ROLLBACK_FAILED":
            self.node.call("ContinueUpdateRollback", StackName=id)
            assert self.node.settle(id)
            self.tally.add("outcomes of ContinueUpdateRollback", self._status(id))
        for more in ({}, {}, {"DeletionMode": "FORCE_DELETE_STACK"}):
            if self._status(id) == "DELETE_COMPLETE":
                break
            self.node.call("DeleteStack", StackName=id, **more)
            assert self.node.settle(id), f"the deletion of {id} does not end"
            status = self._status(id)
            self.tally.add("outcomes of DeleteStack", f"{status}{' by force' if more else ''}")
            if status == "DELETE_FAILED":
                self._reasons(id)
        assert self._status(id) == "DELETE_COMPLETE", self._status(id)

    def _reasons(self, id: str) -> None:
        for event in self.node.call("DescribeStackEvents", StackName=id)["StackEvents"]:
            if event["ResourceStatus"] == "DELETE_FAILED":
                reason = event["ResourceStatusReason"].partition(" (Service:")[0]
                self.tally.add("reasons of DELETE_FAILED", f"{event['ResourceType']} {reason[-150:]}")
