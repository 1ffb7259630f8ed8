"""Defines what the store keeps of stacks, and under which keys.

Stacks, their resources, deployments (one template with its values, kept as long as it may be needed to go back),
change sets, exports, and a log of events. Here is what is kept and how it is found; what happens to it is decided
elsewhere.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Generic, Self, TypeVar

from nightbus.aws.arn import Arn, arn
from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.ids import new_uuid
from nightbus.stacks.secrecy import open_deployment, open_resource, seal_deployment, seal_resource
from nightbus.store.interface import DeleteRecord, PutRecord, Record, Store
from nightbus.store.vault import Vault

T = TypeVar("T")

STACK = "cloudformation/stack"  # key: <name>/<uuid>
NAME = "cloudformation/name"  # key: name; the stack that has it now
RESOURCE = "cloudformation/resource"  # key: <stack key>/<logical id>
DEPLOYMENT = "cloudformation/deployment"  # key: <stack key>/<uuid>
CHANGE_SET = "cloudformation/changeset"  # key: <name>/<uuid>
EXPORT = "cloudformation/export"  # key: export name


@dataclass
class Deployment:
    """One template with everything that decides what it makes. Never changed once it is kept."""

    id: str
    original: str
    processed: dict[str, Any]
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    capabilities: list[str] = field(default_factory=list)
    role_arn: str = ""
    imports: list[str] = field(default_factory=list)


STANDARD, EXPRESS = "STANDARD", "EXPRESS"  # DeploymentConfig's modes


@dataclass
class Stack:
    """`deployment` is the last good one, `target` the one under way or failed. Times are UTC milliseconds."""

    id: str
    name: str
    status: str
    created: int
    status_reason: str = ""
    updated: int = 0
    deleted: int = 0
    deployment: str = ""
    target: str = ""
    on_failure: str = "ROLLBACK"
    outputs: list[dict[str, str]] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    change_set: str = ""  # key of the one last executed
    parent_id: str = ""
    root_id: str = ""
    protected: bool = False
    retain: list[str] = field(default_factory=list)
    skip: list[str] = field(default_factory=list)
    token: str = ""
    cancelled: bool = False
    caller: dict[str, str] = field(default_factory=dict)
    endpoint: str = ""
    description: str = ""
    mode: str = STANDARD  # of the operation under way, or of the last one

    @property
    def key(self) -> str:
        return stack_key(self.id)

    @property
    def described_deployment(self) -> str:
        return self.target or self.deployment

    def remember_call(self, call: Call) -> None:
        """Under whose name the operation goes on after a restart."""
        caller = call.caller
        self.caller = {"account": caller.account, "arn": caller.arn, "user_id": caller.user_id}
        self.caller["access_key"] = caller.access_key
        self.endpoint = call.endpoint

    def call(self, scope: Scope) -> Call:
        """The circumstances in which its resources are provisioned: the caller's, forwarded by CloudFormation."""
        who = Caller(**self.caller) if self.caller else Caller.root(scope.account)
        caller = replace(who, service="cloudformation.amazonaws.com", source_arn=self.id)
        return Call(scope, caller, self.endpoint)


@dataclass
class Incarnation:
    """One physical resource as it was made."""

    physical_id: str
    properties: dict[str, Any]
    attributes: dict[str, Any] = field(default_factory=dict)
    needs: list[str] = field(default_factory=list)
    deletion_policy: str = "Delete"
    replace_policy: str = "Delete"


@dataclass
class Pending:
    """What a step is about to make: kept before it acts. `replaces`: a new physical resource is made."""

    properties: dict[str, Any]
    name: str | None = None
    replaces: bool = True


def leftover(pending: Pending) -> list[Incarnation]:
    """What a creation that failed may have left behind: only under a name of our own making is it surely ours."""
    template_values = [value for value in pending.properties.values() if isinstance(value, str)]
    if not pending.replaces or pending.name is None or pending.name in template_values:
        return []
    return [Incarnation(pending.name, pending.properties)]


@dataclass
class StackResource:
    """`current` is what stands, `previous` what stood in the last good deployment where that differs.

    `fresh`: the last good deployment had no such resource. `garbage`: physical resources to be removed in cleanup.
    `deployment` is the one that `current` was brought to.
    """

    logical_id: str
    type: str
    status: str
    time: int
    reason: str = ""
    current: Incarnation | None = None
    previous: Incarnation | None = None
    pending: Pending | None = None
    garbage: list[Incarnation] = field(default_factory=list)
    fresh: bool = True
    deployment: str = ""

    @property
    def physical_id(self) -> str:
        return self.current.physical_id if self.current else ""

    @classmethod
    def read(cls, value: dict[str, Any]) -> Self:
        found = cls(**value)
        found.current = _incarnation(value["current"])
        found.previous = _incarnation(value["previous"])
        found.pending = Pending(**value["pending"]) if value["pending"] else None
        found.garbage = [Incarnation(**one) for one in value["garbage"]]
        return found


def _incarnation(value: dict[str, Any] | None) -> Incarnation | None:
    return Incarnation(**value) if value else None


@dataclass
class ChangeSet:
    id: str
    name: str
    stack_id: str
    stack_name: str
    created: int
    status: str
    execution_status: str
    kind: str
    status_reason: str = ""
    description: str = ""
    deployment: str = ""
    parameters: list[dict[str, str]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    capabilities: list[str] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    on_failure: str = ""
    include_nested: bool = False
    base: str = ""  # the deployment that stood when it was made
    deployment_config: dict[str, Any] = field(default_factory=dict)
    import_existing: bool = False

    @property
    def key(self) -> str:
        return self.id.split(":changeSet/", 1)[1]


def stack_key(stack_id: str) -> str:
    return stack_id.split(":stack/", 1)[1]


def new_stack_id(scope: Scope, name: str) -> str:
    return arn("cloudformation", scope.region, scope.account, f"stack/{name}/{new_uuid()}")


def new_change_set_id(scope: Scope, name: str) -> str:
    return arn("cloudformation", scope.region, scope.account, f"changeSet/{name}/{new_uuid()}")


def is_stack_id(text: str) -> bool:
    try:
        parsed = Arn.parse(text)
    except ValueError:
        return False
    return parsed.service == "cloudformation" and parsed.resource.count("/") == 2 and ":stack/" in text


def put_stack(scope: Scope, stack: Stack, expect: int | None = None) -> PutRecord:
    return PutRecord(scope, STACK, stack.key, asdict(stack), expect)


async def put_resource(vault: Vault, scope: Scope, stack: Stack, resource: StackResource) -> PutRecord:
    value = await seal_resource(vault, asdict(resource))
    return PutRecord(scope, RESOURCE, f"{stack.key}/{resource.logical_id}", value)


def drop_resource(scope: Scope, stack: Stack, logical_id: str) -> DeleteRecord:
    return DeleteRecord(scope, RESOURCE, f"{stack.key}/{logical_id}")


async def put_deployment(vault: Vault, scope: Scope, stack: Stack, deployment: Deployment) -> PutRecord:
    value = await seal_deployment(vault, asdict(deployment))
    return PutRecord(scope, DEPLOYMENT, f"{stack.key}/{deployment.id}", value)


def drop_deployment(scope: Scope, stack: Stack, deployment: str) -> DeleteRecord:
    return DeleteRecord(scope, DEPLOYMENT, f"{stack.key}/{deployment}")


def put_change_set(scope: Scope, change_set: ChangeSet, expect: int | None = None) -> PutRecord:
    return PutRecord(scope, CHANGE_SET, change_set.key, asdict(change_set), expect)


@dataclass(frozen=True)
class Stored(Generic[T]):
    """What was read, with the revision for compare-and-swap."""

    value: T
    revision: int


class StackRecords:
    """Reads one scope's records; writing is `Store.commit` with the changes above."""

    def __init__(self, store: Store, scope: Scope, vault: Vault) -> None:
        self._store = store
        self._scope = scope
        self._vault = vault

    async def stack(self, name_or_id: str) -> Stored[Stack] | None:
        """By id also when it is deleted, by name only while it is there."""
        if is_stack_id(name_or_id):
            key = stack_key(name_or_id)
        else:
            named = await self._store.get(self._scope, NAME, name_or_id)
            if named is None:
                return None
            key = stack_key(str(named.value["stack_id"]))
        record = await self._store.get(self._scope, STACK, key)
        if record is None or (is_stack_id(name_or_id) and record.value["id"] != name_or_id):
            return None
        return Stored(Stack(**record.value), record.revision)

    async def stacks(self) -> list[Stack]:
        """All of them, deleted ones too, the newest first."""
        found = [Stack(**record.value) for record in await self._store.list(self._scope, STACK)]
        return sorted(found, key=lambda stack: (-stack.created, stack.id))

    async def resources(self, stack: Stack) -> dict[str, StackResource]:
        records = await self._store.list(self._scope, RESOURCE, prefix=f"{stack.key}/")
        found = [StackResource.read(await open_resource(self._vault, record.value)) for record in records]
        return {resource.logical_id: resource for resource in found}

    async def deployment(self, stack: Stack, id: str) -> Deployment:
        record = await self._store.get(self._scope, DEPLOYMENT, f"{stack.key}/{id}")
        if record is None:
            raise LookupError(f"the stack {stack.id} has no deployment {id}")
        return Deployment(**await open_deployment(self._vault, record.value))

    async def change_set(self, key: str) -> Stored[ChangeSet] | None:
        return _change_set(await self._store.get(self._scope, CHANGE_SET, key))

    async def change_sets(self, stack: Stack, name: str = "") -> list[Stored[ChangeSet]]:
        """Those of this stack, all or the one of that name."""
        records = await self._store.list(self._scope, CHANGE_SET, prefix=f"{name}/" if name else "")
        found = [kept for kept in map(_change_set, records) if kept and kept.value.stack_id == stack.id]
        return sorted(found, key=lambda kept: (kept.value.created, kept.value.id))

    async def loose_ends(self, stack: Stack) -> list[DeleteRecord]:
        """What goes away with a deleted stack: its change sets, and every deployment but the last."""
        kept = f"{stack.key}/{stack.described_deployment}"
        deployments = await self._store.list(self._scope, DEPLOYMENT, prefix=f"{stack.key}/")
        keys = [(DEPLOYMENT, record.key) for record in deployments if record.key != kept]
        keys += [(CHANGE_SET, found.value.key) for found in await self.change_sets(stack)]
        return [DeleteRecord(self._scope, kind, key) for kind, key in keys]

    async def exports(self) -> dict[str, dict[str, str]]:
        """By name: `value` and `stack_id`."""
        return {record.key: record.value for record in await self._store.list(self._scope, EXPORT)}

    async def importers(self, name: str) -> list[str]:
        """The names of the stacks that import this export."""
        stacks = await self.stacks()
        return sorted(
            stack.name for stack in stacks if name in stack.imports and stack.status != "DELETE_COMPLETE"
        )


def _change_set(record: Record | None) -> Stored[ChangeSet] | None:
    return None if record is None else Stored(ChangeSet(**record.value), record.revision)
