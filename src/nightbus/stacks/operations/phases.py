"""Runs the phases of a stack, one for each state that is under way, until the stack is in a state of rest.

`provisioning`, `restoration` and `removal` have the steps on single resources. `engine` calls `run_phases`.

A stack's states
----------------
under way                            phase          after success                        after a failure
CREATE_IN_PROGRESS                   forward        CREATE_COMPLETE                      see below
UPDATE_IN_PROGRESS                   forward        UPDATE_COMPLETE_CLEANUP_IN_PROGRESS  see below
UPDATE_COMPLETE_CLEANUP_IN_PROGRESS  cleanup        UPDATE_COMPLETE                      UPDATE_COMPLETE
IMPORT_IN_PROGRESS                   forward        IMPORT_COMPLETE                      IMPORT_ROLLBACK_IN_PROGRESS
IMPORT_ROLLBACK_IN_PROGRESS          undo_import    IMPORT_ROLLBACK_COMPLETE             IMPORT_ROLLBACK_FAILED
ROLLBACK_IN_PROGRESS                 undo_creation  ROLLBACK_COMPLETE                    ROLLBACK_FAILED
UPDATE_ROLLBACK_IN_PROGRESS          undo_update    UPDATE_ROLLBACK_COMPLETE_CLEANUP_    UPDATE_ROLLBACK_FAILED
                                                    IN_PROGRESS
UPDATE_ROLLBACK_COMPLETE_CLEANUP_    undo_cleanup   UPDATE_ROLLBACK_COMPLETE             UPDATE_ROLLBACK_COMPLETE
IN_PROGRESS
DELETE_IN_PROGRESS                   delete_all     DELETE_COMPLETE                      DELETE_FAILED

If `forward` fails, the next state depends on OnFailure and on whether a deployment has ever succeeded:
DO_NOTHING    CREATE_FAILED or UPDATE_FAILED
DELETE        DELETE_IN_PROGRESS if none has; else as ROLLBACK
ROLLBACK      ROLLBACK_IN_PROGRESS if none has; else UPDATE_ROLLBACK_IN_PROGRESS

All other states are states of rest, which only an operation of the CloudFormation service leaves. A cleanup cannot
fail: a resource that it cannot delete is reported in the stack's events and left behind, as in CloudFormation. After
an error of the engine itself, `engine._BROKEN` gives the next state.

Invariants
----------
1. The store says what is under way. `StackOperation` holds only committed values of the stack and its resources, and
   a commit that fails ends the run; the next run reads the store. So after a crash the engine calls the phase of the
   recorded state again, and each phase may run any number of times.
2. A state changes in one commit (`StackOperation.change_state`) with its event and all that changes with it:
   exports, outputs, the deployments, the change set's execution status. No reader sees a part of a transition.
3. `stack.deployment` is the last good deployment, `stack.target` the one that is under way or failed. `_reached` moves
   target to deployment and drops the former deployment, in the commit that leaves `forward`. Until then the stack can
   roll back; after it, it can only go forward.
4. What a rollback needs is dropped only when no rollback can need it: a resource's `previous` once it is restored, or
   in `cleanup`; the failed deployment at the end of `undo_cleanup`.
5. One task per stack runs phases, on one node: the items of a stack in `operation_queue` are a group, of which one is
   leased at a time.

What would break them: a state that is stored without `change_state`; a phase that relies on what another phase left in
`StackOperation.tags` or `interrupted`; a phase without a line in `PHASES`, whose stack would be under way for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from nightbus.aws.errors import AwsError
from nightbus.stacks import reasons
from nightbus.stacks.exports import export_changes, exports_of
from nightbus.stacks.operations.parallel_steps import run_steps
from nightbus.stacks.operations.provisioning import Provisioning
from nightbus.stacks.operations.removal import Removal, sweep
from nightbus.stacks.operations.restoration import restore_resources
from nightbus.stacks.operations.stack_operation import StackOperation
from nightbus.stacks.records import (
    EXPORT,
    NAME,
    Deployment,
    StackResource,
    drop_deployment,
    drop_resource,
)
from nightbus.stacks.resolution import (
    StackValues,
    chosen_resources,
    evaluate_conditions,
    evaluator,
    outputs_of,
)
from nightbus.stacks.stack_outputs import read_stack_outputs
from nightbus.stacks.templates.graph import dependencies
from nightbus.stacks.templates.template import Template
from nightbus.store.interface import Change, DeleteRecord

# The state after `forward`, by the one before.
_REACHED: Mapping[str, str] = {
    "CREATE_IN_PROGRESS": "CREATE_COMPLETE",
    "UPDATE_IN_PROGRESS": "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    "IMPORT_IN_PROGRESS": "IMPORT_COMPLETE",
}
Phase = Callable[[StackOperation], Awaitable[None]]


async def run_phases(operation: StackOperation) -> None:
    """Run phase after phase until the stack is in a state of rest."""
    while operation.stack.status in PHASES:
        await PHASES[operation.stack.status](operation)


async def forward(operation: StackOperation) -> None:
    """Bring every resource to the target deployment."""
    try:
        failed = await _provision(operation, await operation.target())
    except AwsError as wrong:
        await _failed(operation, wrong.message)
        return
    if failed is not None:
        await _failed(operation, failed)


async def _provision(operation: StackOperation, deployment: Deployment) -> str | None:
    """Bring the resources to the deployment. Returns None after success, else the reason of the failure."""
    template = Template(deployment.processed)
    exports = {name: entry["value"] for name, entry in (await operation.records.exports()).items()}
    known = evaluator(deployment, operation.scope, operation.stack)
    call = operation.stack.call(operation.scope)
    outputs = await read_stack_outputs(deployment.processed, known, operation.operations, call)
    values = StackValues(operation.resources, exports)
    expressions = evaluator(deployment, operation.scope, operation.stack, values, outputs)
    conditions = evaluate_conditions(expressions)
    chosen = chosen_resources(template, conditions)
    needs = dependencies(template.resources, chosen, conditions)
    retagged = await _old_tags(operation) not in (None, deployment.tags)
    steps = Provisioning(operation, deployment.id, chosen, needs, expressions, retagged)
    if await steps.refuse_removals(name for name in operation.resources if name not in chosen):
        return reasons.summary(steps.failed)
    alarm = asyncio.ensure_future(_time_out(operation))
    try:
        results = await run_steps(
            needs, _until_cancelled(operation, steps.step), stopped=lambda: operation.interrupted
        )
    finally:
        alarm.cancel()
    if operation.interrupted or results.failed:
        summary = reasons.summary(steps.failed)
        return f"{reasons.TIMED_OUT} {summary}".strip() if operation.timed_out else summary
    await _reached(operation, deployment, outputs_of(template, expressions, conditions))
    return None


async def _time_out(operation: StackOperation) -> None:
    """Cancel the creation once the stack's TimeoutInMinutes is over."""
    stack = operation.stack
    if stack.timeout_minutes and stack.status == "CREATE_IN_PROGRESS":
        over = stack.created + stack.timeout_minutes * 60_000
        await operation.clock.sleep(max(0.0, (over - operation.clock.now_ms()) / 1000))
        operation.timed_out = True
        await operation.cancel()


def _until_cancelled(
    operation: StackOperation, step: Callable[[str], Awaitable[bool]]
) -> Callable[[str], Awaitable[bool]]:
    async def checked(name: str) -> bool:
        if await operation.is_cancelled():
            operation.interrupted = True
            return False
        return await step(name)

    return checked


async def _old_tags(operation: StackOperation) -> dict[str, str] | None:
    if not operation.stack.deployment:
        return None
    return (await operation.records.deployment(operation.stack, operation.stack.deployment)).tags


async def _reached(operation: StackOperation, deployment: Deployment, outputs: list[dict[str, str]]) -> None:
    stack = operation.stack
    changes = await export_changes(operation.records, operation.scope, stack, outputs)
    superseded = stack.deployment
    if superseded:
        changes.append(drop_deployment(operation.scope, stack, superseded))
    next_status = _REACHED[stack.status]
    if next_status.endswith("_COMPLETE"):
        changes += [await operation.put_of(_settled(one)) for one in operation.resources.values()]
    await operation.change_state(
        next_status,
        "",
        *changes,
        deployment=deployment.id,
        target="",
        outputs=outputs,
        imports=deployment.imports,
        description=Template(deployment.processed).description,
    )


def _settled(resource: StackResource) -> StackResource:
    resource.fresh, resource.imported = False, False
    return resource


async def _failed(operation: StackOperation, reason: str) -> None:
    stack = operation.stack
    creating = not stack.deployment
    if stack.status == "IMPORT_IN_PROGRESS":
        await operation.change_state("IMPORT_ROLLBACK_IN_PROGRESS", reason)
    elif stack.on_failure == "DO_NOTHING":
        await operation.change_state(
            "CREATE_FAILED" if stack.status.startswith("CREATE") else "UPDATE_FAILED", reason
        )
    elif creating and stack.on_failure == "DELETE":
        await operation.change_state("DELETE_IN_PROGRESS", f"{reason} Delete requested by user.")
    elif creating:
        await operation.change_state("ROLLBACK_IN_PROGRESS", f"{reason} {reasons.ROLLBACK_REQUESTED}".strip())
    else:
        await operation.change_state("UPDATE_ROLLBACK_IN_PROGRESS", reason)


async def cleanup(operation: StackOperation) -> None:
    """Remove, after an update, the resources that the new deployment does not have."""
    deployment = await operation.target()
    template = Template(deployment.processed)
    chosen = chosen_resources(
        template, evaluate_conditions(evaluator(deployment, operation.scope, operation.stack))
    )
    removed = [name for name in operation.resources if name not in chosen]
    await Removal(operation).run(removed)
    await sweep(operation, [name for name in operation.resources if name in chosen])
    stay = [_settled(resource) for name, resource in operation.resources.items() if name in chosen]
    changes: list[Change] = [await operation.put_of(resource) for resource in stay]
    changes += [drop_resource(operation.scope, operation.stack, name) for name in removed]
    await operation.change_state("UPDATE_COMPLETE", "", *changes)


async def undo_creation(operation: StackOperation) -> None:
    await _all_deleted(operation, "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", undo=True)


async def delete_all(operation: StackOperation) -> None:
    await _all_deleted(operation, "DELETE_COMPLETE", "DELETE_FAILED", undo=False)


async def _all_deleted(operation: StackOperation, good: str, bad: str, *, undo: bool) -> None:
    if operation.stack.described_deployment:
        await operation.target()
    results = await Removal(operation, operation.stack.retain, undo=undo).run(list(operation.resources))
    if results.failed:
        await operation.change_state(bad, reasons.summary({"delete": sorted(results.failed)}))
        return
    exports = await exports_of(operation.records, operation.stack)
    changes: list[Change] = [DeleteRecord(operation.scope, EXPORT, name) for name in exports]
    if good == "DELETE_COMPLETE":
        changes.append(DeleteRecord(operation.scope, NAME, operation.stack.name))
        changes += await operation.records.loose_ends(operation.stack)
    await operation.change_state(good, "", *changes, imports=[])


async def undo_update(operation: StackOperation) -> None:
    """Restore every resource to the last good deployment."""
    operation.interrupted = False
    operation.tags = await _old_tags(operation) or {}
    results = await restore_resources(operation, operation.stack.skip)
    if results.failed:
        await operation.change_state(
            "UPDATE_ROLLBACK_FAILED", reasons.summary({"update": sorted(results.failed)}), skip=[]
        )
        return
    await operation.change_state("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "", skip=[])


async def undo_import(operation: StackOperation) -> None:
    """Let go, after a failed import, of the resources that it took; they stay as they are."""
    imported = [one for one in operation.resources.values() if one.fresh]
    for resource in imported:
        await operation.save(resource, ("IMPORT_ROLLBACK_IN_PROGRESS", ""), ("IMPORT_ROLLBACK_COMPLETE", ""))
    changes: list[Change] = [
        drop_resource(operation.scope, operation.stack, resource.logical_id) for resource in imported
    ]
    if operation.stack.deployment and operation.stack.target:
        changes.append(drop_deployment(operation.scope, operation.stack, operation.stack.target))
    target = "" if operation.stack.deployment else operation.stack.target
    await operation.change_state("IMPORT_ROLLBACK_COMPLETE", "", *changes, target=target, to_import={})


async def undo_cleanup(operation: StackOperation) -> None:
    """Remove, after the rollback of an update, the resources that only the failed deployment has."""
    old = await operation.records.deployment(operation.stack, operation.stack.deployment)
    operation.tags = old.tags
    fresh = [name for name, resource in operation.resources.items() if resource.fresh]
    await Removal(operation, undo=True).run(fresh)
    await sweep(operation, [name for name, resource in operation.resources.items() if not resource.fresh])
    dropped: list[Change] = [drop_resource(operation.scope, operation.stack, name) for name in fresh]
    if operation.stack.target:
        dropped.append(drop_deployment(operation.scope, operation.stack, operation.stack.target))
    await operation.change_state(
        "UPDATE_ROLLBACK_COMPLETE", "", *dropped, target="", imports=old.imports, cancelled=False
    )


PHASES: Mapping[str, Phase] = {
    "CREATE_IN_PROGRESS": forward,
    "UPDATE_IN_PROGRESS": forward,
    "IMPORT_IN_PROGRESS": forward,
    "IMPORT_ROLLBACK_IN_PROGRESS": undo_import,
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": cleanup,
    "ROLLBACK_IN_PROGRESS": undo_creation,
    "UPDATE_ROLLBACK_IN_PROGRESS": undo_update,
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": undo_cleanup,
    "DELETE_IN_PROGRESS": delete_all,
}
