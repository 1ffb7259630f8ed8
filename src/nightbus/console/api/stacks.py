"""Shows CloudFormation stacks, their resources and their events: `/stacks`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson

from nightbus.aws.errors import AwsError
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.routing import Routes
from nightbus.console.api.values import Answer, Page, copied
from nightbus.console.topology.stack_members import node_id
from nightbus.stacks.events import read_stack_events
from nightbus.stacks.records import RESOURCE, Stack, StackRecords, StackResource

_DELETED = "DELETE_COMPLETE"


class StackInfo(Answer, frozen=True):
    """`changed` is when it was updated last, or created (UTC ms). `parent` is the id of the stack that it is nested
    in, "" for none."""

    name: str
    id: str
    status: str
    reason: str
    description: str
    created: int
    changed: int
    parent: str
    resources: int


class StackList(Answer, frozen=True):
    stacks: list[StackInfo]
    next: str | None


class StackQuery(Page, frozen=True):
    """`deleted`: show deleted stacks too."""

    deleted: bool = False


class Resource(Answer, frozen=True):
    """`arn` is the resource's id on the map, "" for what is not there."""

    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str
    changed: int
    arn: str


class Output(Answer, frozen=True):
    key: str
    value: str
    description: str
    export: str


class Parameter(Answer, frozen=True):
    """The value of one with NoEcho is masked."""

    key: str
    value: str


class StackDetail(Answer, frozen=True):
    """As StackInfo, with what is in it. `template` is the text that was deployed."""

    name: str
    id: str
    status: str
    reason: str
    description: str
    created: int
    changed: int
    parent: str
    resources: list[Resource]
    outputs: list[Output]
    parameters: list[Parameter]
    tags: dict[str, str]
    capabilities: list[str]
    template: str


class StackEvent(Answer, frozen=True):
    id: str
    time: int
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str


class StackEvents(Answer, frozen=True):
    events: list[StackEvent]
    next: str | None


async def list_stacks(request: ApiRequest, query: StackQuery) -> StackList:
    """List stacks, the newest first."""
    stacks = await _records(request).stacks()
    shown = [one for one in stacks if query.deleted or one.status != _DELETED]
    counts = Counter(
        record.key.rpartition("/")[0] for record in await request.store.list(request.scope, RESOURCE)
    )
    begin = int(query.next) if query.next.isdecimal() and len(query.next) < 10 else 0
    part = shown[begin : begin + query.limit]
    end = begin + query.limit
    infos = [StackInfo(**_info(one), resources=counts[one.key]) for one in part]
    return StackList(stacks=infos, next=str(end) if end < len(shown) else None)


async def read_stack(request: ApiRequest, name: str) -> StackDetail:
    """Show a stack by its name or id: resources, outputs, parameters and template."""
    stack = await _stack(request, name)
    resources = (await _records(request).resources(stack)).values()
    described = await request.read("cloudformation", "DescribeStacks", StackName=stack.id)
    shape = described["Stacks"][0]
    return StackDetail(
        **_info(stack),
        resources=[_resource(request, one) for one in sorted(resources, key=lambda one: one.logical_id)],
        outputs=[_output(one) for one in shape.get("Outputs") or ()],
        parameters=[
            Parameter(
                key=one["ParameterKey"], value=one.get("ResolvedValue") or one.get("ParameterValue") or ""
            )
            for one in shape.get("Parameters") or ()
        ],
        tags={one["Key"]: one["Value"] for one in shape.get("Tags") or ()},
        capabilities=list(shape.get("Capabilities") or ()),
        template=await _template(request, stack),
    )


async def list_stack_events(request: ApiRequest, name: str, query: Page) -> StackEvents:
    """List the events of a stack, the newest first."""
    stack = await _stack(request, name)
    before = int(query.next) if query.next.isdecimal() and len(query.next) < 19 else 0
    found = await read_stack_events(request.store, request.scope, stack, before, query.limit + 1)
    shown = [copied(StackEvent, one) for _, one in found[: query.limit]]
    more = len(found) > query.limit
    return StackEvents(events=shown, next=str(found[query.limit - 1][0]) if more else None)


def _records(request: ApiRequest) -> StackRecords:
    return StackRecords(request.store, request.scope, request.platform.vault)


async def _stack(request: ApiRequest, name: str) -> Stack:
    stored = await _records(request).stack(name)
    if stored is None:
        raise AwsError("ValidationError", f"There is no stack {name} in this account and Region.", 404)
    return stored.value


def _info(stack: Stack) -> dict[str, Any]:
    return {
        "name": stack.name,
        "id": stack.id,
        "status": stack.status,
        "reason": stack.status_reason,
        "description": stack.description,
        "created": stack.created,
        "changed": stack.deleted or stack.updated or stack.created,
        "parent": stack.parent_id,
    }


def _resource(request: ApiRequest, resource: StackResource) -> Resource:
    physical_id = resource.physical_id
    arn = node_id(request.scope, resource.type, physical_id) if physical_id else ""
    return copied(Resource, resource, changed=resource.time, arn=arn)


def _output(output: Mapping[str, str]) -> Output:
    return Output(
        key=output["OutputKey"],
        value=output["OutputValue"],
        description=output.get("Description") or "",
        export=output.get("ExportName") or "",
    )


async def _template(request: ApiRequest, stack: Stack) -> str:
    try:
        reply = await request.read("cloudformation", "GetTemplate", StackName=stack.id)
    except AwsError:  # as of a stack whose template is not kept any more
        return ""
    body = reply.get("TemplateBody") or ""
    return body if isinstance(body, str) else orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()


ROUTES: Routes = {
    "GET /stacks": list_stacks,
    "GET /stacks/{name}": read_stack,
    "GET /stacks/{name}/events": list_stack_events,
}
