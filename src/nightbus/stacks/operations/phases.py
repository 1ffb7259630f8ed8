"""Carries a stack from one state to the next until it rests: each state that is under way has a phase.

What a phase does to one resource is in `provisioning`, `restoration` and `removal`; who runs the phases is in `engine`.

A stack's states
----------------
under way                            phase          after success                        after a failure
CREATE_IN_PROGRESS                   forward        CREATE_COMPLETE                      see below
UPDATE_IN_PROGRESS                   forward        UPDATE_COMPLETE_CLEANUP_IN_PROGRESS  see below
UPDATE_COMPLETE_CLEANUP_IN_PROGRESS  cleanup        UPDATE_COMPLETE                      UPDATE_COMPLETE
ROLLBACK_IN_PROGRESS                 undo_creation  ROLLBACK_COMPLETE                    ROLLBACK_FAILED
UPDATE_ROLLBACK_IN_PROGRESS          undo_update    UPDATE_ROLLBACK_COMPLETE_CLEANUP_    UPDATE_ROLLBACK_FAILED
                                                    IN_PROGRESS
UPDATE_ROLLBACK_COMPLETE_CLEANUP_    undo_cleanup   UPDATE_ROLLBACK_COMPLETE             UPDATE_ROLLBACK_COMPLETE
IN_PROGRESS
DELETE_IN_PROGRESS                   delete         DELETE_COMPLETE                      DELETE_FAILED

Where `forward` fails, the next state depends on OnFailure and on whether a deployment ever succeeded:
DO_NOTHING    CREATE_FAILED or UPDATE_FAILED
DELETE        DELETE_IN_PROGRESS, where none did; else as ROLLBACK
ROLLBACK      ROLLBACK_IN_PROGRESS, where none did; else UPDATE_ROLLBACK_IN_PROGRESS

All other states are at rest; only an operation of the CloudFormation service leaves them. A cleanup has no failed
state: what it cannot delete is reported in the stack's events and left behind, as CloudFormation does. Where the
engine itself fails, `engine._BROKEN` says where a state goes.

Invariants
----------
1. The store says what is under way. What `StackOperation` holds of the stack and its resources has been committed, and
   a commit that fails ends the run; the next run reads the store. So after a crash the engine calls the phase of the
   recorded state again, and each phase is written to be run again.
2. A state changes in one commit (`StackOperation.turn`) with its event and all that changes with it: exports, outputs,
   the deployments, the change set's execution status. No reader sees half of a transition.
3. `stack.deployment` is the last good deployment, `stack.target` the one that is under way or failed. `_reached` moves
   target to deployment and drops the deployment before it, in the commit that leaves `forward`: until then the stack
   can go back, and after it only on.
4. What the way back needs is dropped only when it is not needed any more: a resource's `previous` once it stands again
   or in `cleanup`, the failed deployment at the end of `undo_cleanup`.
5. One task per stack runs phases: `Engine.start` makes a new task wait for the one before.

What would break them: a state that is put without `turn`; a phase that trusts what another left in
`StackOperation.tags` or `interrupted`; a phase without its line in `PHASES`, whose stack would be under way for ever.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from nightbus.aws.errors import AwsError
from nightbus.stacks import reasons
from nightbus.stacks.exports import export_changes, own_exports
from nightbus.stacks.operations.graph_walk import walk
from nightbus.stacks.operations.provisioning import Provisioning
from nightbus.stacks.operations.removal import Removal, sweep
from nightbus.stacks.operations.restoration import restore
from nightbus.stacks.operations.stack_operation import StackOperation
from nightbus.stacks.records import (
    EXPORT,
    NAME,
    Deployment,
    StackResource,
    drop_deployment,
    drop_resource,
)
from nightbus.stacks.resolution import StackValues, conditions_held, evaluator, outputs_of, wanted
from nightbus.stacks.templates.graph import dependencies
from nightbus.stacks.templates.template import Template
from nightbus.store.interface import Change, DeleteRecord

Phase = Callable[[StackOperation], Awaitable[None]]


async def run(operation: StackOperation) -> None:
    """Phase after phase until the stack rests."""
    while operation.stack.status in PHASES:
        await PHASES[operation.stack.status](operation)


async def forward(operation: StackOperation) -> None:
    """Bring every resource to the target."""
    try:
        failed = await _provision(operation, await operation.target())
    except AwsError as wrong:
        await _failed(operation, wrong.message)
        return
    if failed is not None:
        await _failed(operation, failed)


async def _provision(operation: StackOperation, deployment: Deployment) -> str | None:
    """None after success, else why not."""
    template = Template(deployment.processed)
    exports = {name: entry["value"] for name, entry in (await operation.records.exports()).items()}
    expressions = evaluator(
        deployment, operation.scope, operation.stack, StackValues(operation.resources, exports)
    )
    held = conditions_held(expressions)
    chosen = wanted(template, held)
    needs = dependencies(template.resources, chosen, held)
    retagged = await _old_tags(operation) not in (None, deployment.tags)
    steps = Provisioning(operation, deployment.id, chosen, needs, expressions, retagged)
    walked = await walk(needs, _until_cancelled(operation, steps.step), stopped=lambda: operation.interrupted)
    if operation.interrupted or walked.failed:
        return reasons.summary(steps.failed)
    await _reached(operation, deployment, outputs_of(template, expressions, held))
    return None


def _until_cancelled(
    operation: StackOperation, step: Callable[[str], Awaitable[bool]]
) -> Callable[[str], Awaitable[bool]]:
    async def checked(name: str) -> bool:
        if operation.stack.deployment and await operation.is_cancelled():
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
    created = stack.status == "CREATE_IN_PROGRESS"
    if created:
        changes += [await operation.kept(_settled(one)) for one in operation.resources.values()]
    await operation.turn(
        "CREATE_COMPLETE" if created else "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "",
        *changes,
        deployment=deployment.id,
        target="",
        outputs=outputs,
        imports=deployment.imports,
        description=Template(deployment.processed).description,
    )


def _settled(resource: StackResource) -> StackResource:
    resource.fresh = False
    return resource


async def _failed(operation: StackOperation, reason: str) -> None:
    stack = operation.stack
    creating = not stack.deployment
    if stack.on_failure == "DO_NOTHING":
        await operation.turn(
            "CREATE_FAILED" if stack.status.startswith("CREATE") else "UPDATE_FAILED", reason
        )
    elif creating and stack.on_failure == "DELETE":
        await operation.turn("DELETE_IN_PROGRESS", f"{reason} Delete requested by user.")
    elif creating:
        await operation.turn("ROLLBACK_IN_PROGRESS", f"{reason} {reasons.ROLLBACK_REQUESTED}".strip())
    else:
        await operation.turn("UPDATE_ROLLBACK_IN_PROGRESS", reason)


async def cleanup(operation: StackOperation) -> None:
    """After an update: remove what the new deployment has no place for."""
    deployment = await operation.target()
    template = Template(deployment.processed)
    chosen = wanted(template, conditions_held(evaluator(deployment, operation.scope, operation.stack)))
    gone = [name for name in operation.resources if name not in chosen]
    await Removal(operation).run(gone)
    await sweep(operation, [name for name in operation.resources if name in chosen])
    stay = [_settled(resource) for name, resource in operation.resources.items() if name in chosen]
    changes: list[Change] = [await operation.kept(resource) for resource in stay]
    changes += [drop_resource(operation.scope, operation.stack, name) for name in gone]
    await operation.turn("UPDATE_COMPLETE", "", *changes)


async def undo_creation(operation: StackOperation) -> None:
    await _all_deleted(operation, "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", undo=True)


async def delete(operation: StackOperation) -> None:
    await _all_deleted(operation, "DELETE_COMPLETE", "DELETE_FAILED", undo=False)


async def _all_deleted(operation: StackOperation, good: str, bad: str, *, undo: bool) -> None:
    if operation.stack.described_deployment:
        await operation.target()
    walked = await Removal(operation, operation.stack.retain, undo=undo).run(list(operation.resources))
    if walked.failed:
        await operation.turn(bad, reasons.summary({"delete": sorted(walked.failed)}))
        return
    exports = await own_exports(operation.records, operation.stack)
    changes: list[Change] = [DeleteRecord(operation.scope, EXPORT, name) for name in exports]
    if good == "DELETE_COMPLETE":
        changes.append(DeleteRecord(operation.scope, NAME, operation.stack.name))
        changes += await operation.records.loose_ends(operation.stack)
    await operation.turn(good, "", *changes, imports=[])


async def undo_update(operation: StackOperation) -> None:
    """Back to the last good deployment."""
    operation.interrupted = False
    operation.tags = await _old_tags(operation) or {}
    walked = await restore(operation, operation.stack.skip)
    if walked.failed:
        await operation.turn(
            "UPDATE_ROLLBACK_FAILED", reasons.summary({"update": sorted(walked.failed)}), skip=[]
        )
        return
    await operation.turn("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "", skip=[])


async def undo_cleanup(operation: StackOperation) -> None:
    """After the rollback of an update: remove what the failed deployment had made."""
    old = await operation.records.deployment(operation.stack, operation.stack.deployment)
    operation.tags = old.tags
    fresh = [name for name, resource in operation.resources.items() if resource.fresh]
    await Removal(operation, undo=True).run(fresh)
    await sweep(operation, [name for name, resource in operation.resources.items() if not resource.fresh])
    dropped: list[Change] = [drop_resource(operation.scope, operation.stack, name) for name in fresh]
    if operation.stack.target:
        dropped.append(drop_deployment(operation.scope, operation.stack, operation.stack.target))
    await operation.turn(
        "UPDATE_ROLLBACK_COMPLETE", "", *dropped, target="", imports=old.imports, cancelled=False
    )


PHASES: Mapping[str, Phase] = {
    "CREATE_IN_PROGRESS": forward,
    "UPDATE_IN_PROGRESS": forward,
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": cleanup,
    "ROLLBACK_IN_PROGRESS": undo_creation,
    "UPDATE_ROLLBACK_IN_PROGRESS": undo_update,
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": undo_cleanup,
    "DELETE_IN_PROGRESS": delete,
}
