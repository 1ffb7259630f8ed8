"""Says which actions an operation of AWS CloudFormation needs, on which stacks and stack sets.

A stack is `stack/NAME/ID`, or `stack/NAME/*` where no stack has the name. What a stack does is its caller's calls, or
its role's, so each is authorized for itself.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/control-access-with-iam.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightbus.aws.arn import is_arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.identity.needs import Asked, NeedsOf, merged, needs, passes_role, request_tags
from nightbus.policies.request import Need, Values
from nightbus.services.cloudformation.operation_start import stack_records
from nightbus.services.cloudformation.stack_resources import stack_with
from nightbus.services.cloudformation.stack_sets.records import STACK_SET, set_name
from nightbus.services.context import Context, Platform
from nightbus.stacks.records import StackRecords, is_stack_id
from nightbus.stacks.stack_deployments import described

_SERVICE = "cloudformation.amazonaws.com"
_CHANGE_SET = ":changeSet/"


def _stack(asked: Asked) -> str:
    """Return the ARN of the stack, that of all stacks if the request names none."""
    name = asked.text("StackName")
    return name if is_arn(name) else asked.arn("cloudformation", f"stack/{name or '*'}/*")


def _stack_set(asked: Asked) -> str:
    name = asked.text("StackSetName")
    if is_arn(name):
        return name
    return asked.arn("cloudformation", f"stackset/{name}" if ":" in name else f"stackset/{name}:*")


def _stack_or_set(asked: Asked) -> str:
    """Return what a summary is of: a stack, a stack set, or a template of the request."""
    if asked.params.get("StackSetName"):
        return _stack_set(asked)
    return _stack(asked) if asked.params.get("StackName") else "*"


def _change(asked: Asked) -> Mapping[str, Values]:
    """Return the keys of what a stack is made of."""
    imported = asked.params.get("ResourcesToImport") or ()
    return {
        "cloudformation:rolearn": asked.text("RoleARN"),
        "cloudformation:templateurl": asked.text("TemplateURL"),
        "cloudformation:stackpolicyurl": asked.text("StackPolicyURL"),
        "cloudformation:resourcetypes": tuple(asked.params.get("ResourceTypes") or ()),
        "cloudformation:importresourcetypes": tuple(one.get("ResourceType", "") for one in imported),
    }


def _change_set(asked: Asked) -> Mapping[str, Values]:
    """Return the key of the change set's name. A policy names it by the name where the request has the ARN too."""
    name = asked.text("ChangeSetName")
    return {"cloudformation:changesetname": name.partition(_CHANGE_SET)[2].partition("/")[0] or name}


def _role(asked: Asked) -> Mapping[str, Values]:
    return {"cloudformation:rolearn": asked.text("RoleARN")}


def _template(asked: Asked) -> Mapping[str, Values]:
    return {"cloudformation:templateurl": asked.text("TemplateURL")}


def _set_role(asked: Asked) -> Mapping[str, Values]:
    return {"cloudformation:rolearn": asked.text("AdministrationRoleARN")}


def _regions(asked: Asked) -> Mapping[str, Values]:
    return {"cloudformation:targetregion": tuple(asked.params.get("Regions") or ())}


_TAGS = request_tags("Tags")
_PASSES_ROLE = passes_role("RoleARN", _SERVICE)
_PASSES_SET_ROLE = passes_role("AdministrationRoleARN", _SERVICE)


def _anywhere(action: str) -> NeedsOf:
    return needs(f"cloudformation:{action}")


def _on_stack(action: str) -> NeedsOf:
    return needs(f"cloudformation:{action}", _stack)


def _on_change_set(action: str) -> NeedsOf:
    return needs(f"cloudformation:{action}", _stack, keys=_change_set)


def _with_role(action: str) -> NeedsOf:
    return needs(f"cloudformation:{action}", _stack, _PASSES_ROLE, keys=_role)


def _on_set(action: str) -> NeedsOf:
    return needs(f"cloudformation:{action}", _stack_set)


def _on_instances(action: str) -> NeedsOf:
    return needs(f"cloudformation:{action}", _stack_set, keys=_regions)


def _templates(asked: Asked) -> Sequence[Need]:
    """Return what a set that is made of stacks needs to read them; one in another account is its execution role's.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-import.html
    """
    stacks = [asked.text("StackId"), *(asked.params.get("StackIds") or ())]
    return [
        Need("cloudformation:GetTemplate", stack)
        for stack in stacks
        if is_arn(stack) and stack.split(":", 5)[4] == asked.call.scope.account
    ]


def _describe_stacks(asked: Asked) -> Sequence[Need]:
    """A request that names no stack lists them all."""
    need = Need("cloudformation:DescribeStacks", _stack(asked))
    return (
        [need] if asked.params.get("StackName") else [need, need._replace(action="cloudformation:ListStacks")]
    )


ACTIONS: Mapping[str, NeedsOf] = {
    "CancelUpdateStack": _on_stack("CancelUpdateStack"),
    "ContinueUpdateRollback": _with_role("ContinueUpdateRollback"),
    "CreateChangeSet": needs(
        "cloudformation:CreateChangeSet", _stack, _PASSES_ROLE, keys=merged(_change, _change_set, _TAGS)
    ),
    "CreateStack": needs("cloudformation:CreateStack", _stack, _PASSES_ROLE, keys=merged(_change, _TAGS)),
    "CreateStackInstances": _on_instances("CreateStackInstances"),
    "CreateStackSet": needs(
        "cloudformation:CreateStackSet",
        "*",
        _PASSES_SET_ROLE,
        _templates,
        keys=merged(_set_role, _template, _TAGS),
    ),
    "DeleteChangeSet": _on_change_set("DeleteChangeSet"),
    "DeleteStack": _with_role("DeleteStack"),
    "DeleteStackInstances": _on_instances("DeleteStackInstances"),
    "DeleteStackSet": _on_set("DeleteStackSet"),
    "DescribeChangeSet": _on_change_set("DescribeChangeSet"),
    "DescribeStackDriftDetectionStatus": _anywhere("DescribeStackDriftDetectionStatus"),
    "DescribeStackEvents": _on_stack("DescribeStackEvents"),
    "DescribeStackInstance": _on_set("DescribeStackInstance"),
    "DescribeStackResource": _on_stack("DescribeStackResource"),
    "DescribeStackResourceDrifts": _on_stack("DescribeStackResourceDrifts"),
    "DescribeStackResources": _on_stack("DescribeStackResources"),
    "DescribeStackSet": _on_set("DescribeStackSet"),
    "DescribeStackSetOperation": _on_set("DescribeStackSetOperation"),
    "DescribeStacks": _describe_stacks,
    "DescribeType": _anywhere("DescribeType"),
    "DescribeTypeRegistration": _anywhere("DescribeTypeRegistration"),
    "DetectStackDrift": _on_stack("DetectStackDrift"),
    "DetectStackResourceDrift": _on_stack("DetectStackResourceDrift"),
    "DetectStackSetDrift": _on_set("DetectStackSetDrift"),
    "ExecuteChangeSet": _on_change_set("ExecuteChangeSet"),
    "GetStackPolicy": _on_stack("GetStackPolicy"),
    "GetTemplate": _on_stack("GetTemplate"),
    "GetTemplateSummary": needs("cloudformation:GetTemplateSummary", _stack_or_set, keys=_template),
    "ImportStacksToStackSet": needs("cloudformation:ImportStacksToStackSet", _stack_set, _templates),
    "ListChangeSets": _on_stack("ListChangeSets"),
    "ListExports": _anywhere("ListExports"),
    "ListImports": _anywhere("ListImports"),
    "ListStackInstanceResourceDrifts": _on_set("ListStackInstanceResourceDrifts"),
    "ListStackInstances": _on_set("ListStackInstances"),
    "ListStackResources": _on_stack("ListStackResources"),
    "ListStackSetOperationResults": _on_set("ListStackSetOperationResults"),
    "ListStackSetOperations": _on_set("ListStackSetOperations"),
    "ListStackSets": _anywhere("ListStackSets"),
    "ListStacks": _on_stack("ListStacks"),
    "ListTypeRegistrations": _anywhere("ListTypeRegistrations"),
    "ListTypeVersions": _anywhere("ListTypeVersions"),
    "ListTypes": _anywhere("ListTypes"),
    "RollbackStack": _with_role("RollbackStack"),
    "SetStackPolicy": needs("cloudformation:SetStackPolicy", _stack, keys=_change),
    "SignalResource": _on_stack("SignalResource"),
    "StopStackSetOperation": _on_set("StopStackSetOperation"),
    "UpdateStack": needs("cloudformation:UpdateStack", _stack, _PASSES_ROLE, keys=merged(_change, _TAGS)),
    "UpdateStackInstances": _on_instances("UpdateStackInstances"),
    "UpdateStackSet": needs(
        "cloudformation:UpdateStackSet",
        _stack_set,
        _PASSES_SET_ROLE,
        keys=merged(_set_role, _template, _regions, _TAGS),
    ),
    "UpdateTerminationProtection": _on_stack("UpdateTerminationProtection"),
    "ValidateTemplate": needs("cloudformation:ValidateTemplate", keys=_template),
}


async def resolve(platform: Platform, asked: Asked, needed: Sequence[Need]) -> Sequence[Need]:
    """Put the ARN of the stack or the stack set that exists in place of its name."""
    named = await _existing(Context(asked.call, platform), asked)
    own = needed[0].resource if needed else ""
    return (
        [need._replace(resource=named) if need.resource == own else need for need in needed]
        if named
        else needed
    )


async def _existing(ctx: Context, asked: Asked) -> str:
    """Return the ARN of what the request names by something else, "" if there is no such thing."""
    params, records = asked.params, stack_records(ctx)
    if params.get("StackSetName"):
        record = await ctx.store.get(ctx.scope, STACK_SET, set_name(asked.text("StackSetName")))
        return ctx.arn("cloudformation", f"stackset/{record.value['id']}") if record is not None else ""
    change_set = asked.text("ChangeSetName")
    if _CHANGE_SET in change_set:
        stored = await records.change_set(change_set.partition(_CHANGE_SET)[2])
        return stored.value.stack_id if stored is not None else ""
    if params.get("StackName"):
        stack = await records.stack(asked.text("StackName"))
        return stack.value.id if stack is not None else ""
    if params.get("PhysicalResourceId"):
        try:
            return (await stack_with(ctx, asked.text("PhysicalResourceId"))).id
        except AwsError:
            return ""
    return ""


async def resource_tags(platform: Platform, arn: str, keys: Mapping[str, Values]) -> Mapping[str, str]:
    """Return the tags of a stack, or of a stack set."""
    _, _, _, region, account, resource = arn.split(":", 5)
    kind, _, path = resource.partition("/")
    if kind == "stackset":
        record = await platform.store.get(Scope(account, region), STACK_SET, path.partition(":")[0])
        return record.value["tags"] if record is not None else {}
    records = StackRecords(platform.store, Scope(account, region), platform.vault)
    stack = await records.stack(arn) if is_stack_id(arn) else None
    if stack is None:
        return {}
    _, deployment = await described(records, stack.value)
    return deployment.tags if deployment is not None else {}
