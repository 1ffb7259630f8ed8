"""Defines the records of stacks, and reads them.

There are records of stacks, their resources, their deployments (a template with its values, kept as long as a rollback
may need it), change sets and exports. `operations/` decides how they change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Generic, Self, TypeVar

from nightbus.aws.arn import Arn, arn
from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.ids import new_uuid
from nightbus.stacks.secrecy import (
    mark_secret,
    open_deployment,
    open_resource,
    seal_deployment,
    seal_resource,
)
from nightbus.stacks.templates.dynamic_references import has_reference
from nightbus.store.interface import DeleteRecord, PutRecord, Record, Store
from nightbus.store.vault import Vault

T = TypeVar("T")

STACK = "cloudformation/stack"  # key: <name>/<uuid>
NAME = "cloudformation/name"  # key: name; value: the stack that has the name now
RESOURCE = "cloudformation/resource"  # key: <stack key>/<logical id>
DEPLOYMENT = "cloudformation/deployment"  # key: <stack key>/<uuid>
CHANGE_SET = "cloudformation/changeset"  # key: <name>/<uuid>
EXPORT = "cloudformation/export"  # key: export name
DRIFT = "cloudformation/drift"  # key: <stack key>/<logical id>
DRIFT_DETECTION = "cloudformation/drift-detection"  # key: its id


@dataclass
class Deployment:
    """A template with everything that its result depends on. It never changes after it is stored."""

    id: str
    original: str
    processed: dict[str, Any]
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    capabilities: list[str] = field(default_factory=list)
    role_arn: str = ""
    imports: list[str] = field(default_factory=list)
    resolved: dict[str, str] = field(default_factory=dict)  # values that parameters name in Parameter Store

    @property
    def values(self) -> dict[str, str]:
        """The values that Ref evaluates to."""
        return {**self.parameters, **self.resolved}


SERVICE = "cloudformation.amazonaws.com"
SESSION_NAME = "AWSCloudFormation"  # of a stack's service role
STANDARD, EXPRESS = "STANDARD", "EXPRESS"  # DeploymentConfig's modes


@dataclass
class Stack:
    """A stack. `deployment` is the last good one, `target` the one under way or failed. Times are UTC ms."""

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
    caller: dict[str, Any] = field(default_factory=dict)
    endpoint: str = ""
    description: str = ""
    mode: str = STANDARD  # of the operation under way, or of the last one
    notification_arns: list[str] = field(default_factory=list)
    timeout_minutes: int = 0  # of the creation; 0 for none
    policy: str = ""  # the stack policy, a JSON text
    policy_during_update: str = ""  # in its place, for the update under way
    retain_except_on_create: bool = (
        False  # of the operation under way: new resources go, whatever their DeletionPolicy
    )
    to_import: dict[str, dict[str, str]] = field(
        default_factory=dict
    )  # by logical id, for the operation under way
    planned_names: dict[str, str] = field(
        default_factory=dict
    )  # of new nested stacks with change sets, by logical id
    continues: bool = False  # a rollback that failed goes on, in nested stacks too
    force: bool = False  # of a deletion: what cannot be deleted is left behind
    drift: dict[str, Any] = field(default_factory=dict)  # what the last detection found (`drift/records.py`)
    role_arn: str = ""  # the service role, in which every operation works

    @property
    def key(self) -> str:
        return stack_key(self.id)

    @property
    def described_deployment(self) -> str:
        return self.target or self.deployment

    def remember_call(self, call: Call) -> None:
        """Store the caller and endpoint with which the operation continues after a restart."""
        self.caller = call.caller.stored()
        self.endpoint = call.endpoint

    def call(self, scope: Scope) -> Call:
        """Return the call that provisions the resources: CloudFormation's in the stack's role, or the remembered
        caller's, forwarded by CloudFormation."""
        if self.role_arn:
            return Call(scope, Caller.in_role(self.role_arn, SESSION_NAME, SERVICE, self.id), self.endpoint)
        caller = Caller.restored(self.caller) if self.caller else Caller.root(scope.account)
        return Call(scope, replace(caller, service=SERVICE, source_arn=self.id), self.endpoint)


@dataclass
class PhysicalResource:
    """A physical resource with the properties that it was made with."""

    physical_id: str
    properties: dict[str, Any]
    attributes: dict[str, Any] = field(default_factory=dict)
    needs: list[str] = field(default_factory=list)
    deletion_policy: str = "Delete"
    replace_policy: str = "Delete"
    no_echo: bool = False  # the attributes are secret
    secret: bool = False  # the properties have a secret, so they are sealed in the store


@dataclass
class Pending:
    """What a step is about to make, stored before it calls a service. `replaces`: it makes a new physical resource.

    `judged`: the resource type has said what a failed creation left behind: `name`, or nothing if that is None.
    `needs` are the resources that must outlive it.
    """

    properties: dict[str, Any]
    name: str | None = None
    replaces: bool = True
    judged: bool = False
    needs: list[str] = field(default_factory=list)
    secret: bool = False  # the properties have a secret, so they are sealed in the store


def possible_leftovers(pending: Pending) -> list[PhysicalResource]:
    """Return what a failed creation may have left behind, if Nightbus generated its name.

    A resource with a name from the template may belong to another owner. So may one whose name a dynamic reference
    could have given.
    """
    if has_reference(pending.properties):
        return []
    template_values = [value for value in pending.properties.values() if isinstance(value, str)]
    of_another = pending.name in template_values and not pending.judged
    if not pending.replaces or pending.name is None or of_another:
        return []
    return [PhysicalResource(pending.name, pending.properties, needs=pending.needs)]


@dataclass
class StackResource:
    """A resource of a stack. `current` is its physical resource, `previous` that of the last good deployment if it
    differs.

    `fresh`: the last good deployment has no such resource. `garbage`: physical resources that the cleanup will delete.
    `deployment` is the one that `current` was brought to.
    """

    logical_id: str
    type: str
    status: str
    time: int
    reason: str = ""
    current: PhysicalResource | None = None
    previous: PhysicalResource | None = None
    pending: Pending | None = None
    garbage: list[PhysicalResource] = field(default_factory=list)
    fresh: bool = True
    deployment: str = ""
    imported: bool = False  # by the operation under way or failed, whose rollback leaves it as it is

    @property
    def physical_id(self) -> str:
        return self.current.physical_id if self.current else ""

    @classmethod
    def read(cls, value: dict[str, Any]) -> Self:
        resource = cls(**value)
        resource.current = _physical_resource(value["current"])
        resource.previous = _physical_resource(value["previous"])
        resource.pending = Pending(**value["pending"]) if value["pending"] else None
        resource.garbage = [PhysicalResource(**one) for one in value["garbage"]]
        return resource


def _physical_resource(value: dict[str, Any] | None) -> PhysicalResource | None:
    return PhysicalResource(**value) if value else None


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
    base: str = ""  # the stack's deployment when the change set was created
    deployment_config: dict[str, Any] = field(default_factory=dict)
    import_existing: bool = False
    imports: dict[str, dict[str, str]] = field(default_factory=dict)  # identifiers by logical id
    parent: str = ""  # the id of the change set that includes this one; empty for a root
    root: str = ""
    nested: list[str] = field(default_factory=list)  # the keys of the change sets of nested stacks
    planned_names: dict[str, str] = field(default_factory=dict)  # of their new stacks, by logical id
    notification_arns: list[str] | None = None  # None leaves those of the stack

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


async def put_resource(
    vault: Vault, scope: Scope, stack: Stack, resource: StackResource, secrets: Sequence[str]
) -> PutRecord:
    """Return the change that stores a resource. Properties that have one of the `secrets` are sealed."""
    value = await seal_resource(vault, mark_secret(asdict(resource), secrets))
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
    """A value that was read, with its record's revision for `expect`."""

    value: T
    revision: int


class StackRecords:
    """Reads the records of one scope. To write them, commit the changes that the functions above return."""

    def __init__(self, store: Store, scope: Scope, vault: Vault) -> None:
        self._store = store
        self._scope = scope
        self._vault = vault

    async def stack(self, name_or_id: str) -> Stored[Stack] | None:
        """Return the stack of the id, even if it is deleted, or of the name if it is not deleted. None without one."""
        if is_stack_id(name_or_id):
            key = stack_key(name_or_id)
        else:
            name_record = await self._store.get(self._scope, NAME, name_or_id)
            if name_record is None:
                return None
            key = stack_key(str(name_record.value["stack_id"]))
        record = await self._store.get(self._scope, STACK, key)
        if record is None or (is_stack_id(name_or_id) and record.value["id"] != name_or_id):
            return None
        return Stored(Stack(**record.value), record.revision)

    async def stacks(self) -> list[Stack]:
        """Return all stacks, including deleted ones, the newest first."""
        all_stacks = [Stack(**record.value) for record in await self._store.list(self._scope, STACK)]
        return sorted(all_stacks, key=lambda stack: (-stack.created, stack.id))

    async def resources(self, stack: Stack) -> dict[str, StackResource]:
        records = await self._store.list(self._scope, RESOURCE, prefix=f"{stack.key}/")
        read = [StackResource.read(await open_resource(self._vault, record.value)) for record in records]
        return {resource.logical_id: resource for resource in read}

    async def deployment(self, stack: Stack, id: str) -> Deployment:
        record = await self._store.get(self._scope, DEPLOYMENT, f"{stack.key}/{id}")
        if record is None:
            raise LookupError(f"the stack {stack.id} has no deployment {id}")
        return Deployment(**await open_deployment(self._vault, record.value))

    async def change_set(self, key: str) -> Stored[ChangeSet] | None:
        return _change_set(await self._store.get(self._scope, CHANGE_SET, key))

    async def change_sets(self, stack: Stack, name: str = "") -> list[Stored[ChangeSet]]:
        """Return the change sets of the stack, or those with the name."""
        records = await self._store.list(self._scope, CHANGE_SET, prefix=f"{name}/" if name else "")
        matching = [
            stored for stored in map(_change_set, records) if stored and stored.value.stack_id == stack.id
        ]
        return sorted(matching, key=lambda stored: (stored.value.created, stored.value.id))

    async def loose_ends(self, stack: Stack) -> list[DeleteRecord]:
        """Return the changes that delete, with the stack, its change sets and every deployment but the last."""
        kept_key = f"{stack.key}/{stack.described_deployment}"
        deployments = await self._store.list(self._scope, DEPLOYMENT, prefix=f"{stack.key}/")
        keys = [(DEPLOYMENT, record.key) for record in deployments if record.key != kept_key]
        change_sets = [stored.value for stored in await self.change_sets(stack)]
        keys += [(CHANGE_SET, one.key) for one in change_sets]
        for one in change_sets:
            keys += await self.in_review_below(one)
        drifts = await self._store.list(self._scope, DRIFT, prefix=f"{stack.key}/")
        keys += [(DRIFT, record.key) for record in drifts]
        keys += [(DRIFT_DETECTION, stack.drift["detection"])] if stack.drift else []
        return [DeleteRecord(self._scope, kind, key) for kind, key in keys]

    async def in_review_below(self, root: ChangeSet) -> list[tuple[str, str]]:
        """Return kind and key of the records of the nested stacks, at any depth, that are in review for the change
        set, with those of their change sets."""
        keys: list[tuple[str, str]] = []
        for key in root.nested:
            stored = await self.change_set(key)
            if stored is None:
                continue
            found = await self.stack(stored.value.stack_id)
            if found is not None and found.value.status == "REVIEW_IN_PROGRESS":
                keys += [(CHANGE_SET, key), (NAME, found.value.name), (STACK, found.value.key)]
            keys += await self.in_review_below(stored.value)
        return keys

    async def exports(self) -> dict[str, dict[str, str]]:
        """Return the exports of all stacks by name, each with `value` and `stack_id`."""
        return {record.key: record.value for record in await self._store.list(self._scope, EXPORT)}

    async def importers(self, name: str) -> list[str]:
        """Return the names of the stacks that import the export."""
        stacks = await self.stacks()
        return sorted(
            stack.name for stack in stacks if name in stack.imports and stack.status != "DELETE_COMPLETE"
        )


def _change_set(record: Record | None) -> Stored[ChangeSet] | None:
    return None if record is None else Stored(ChangeSet(**record.value), record.revision)
