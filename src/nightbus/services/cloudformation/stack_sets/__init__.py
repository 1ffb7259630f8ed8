"""Registers the operations of StackSets: one template as stacks in several accounts and regions of the node."""

from __future__ import annotations

from nightbus.services.cloudformation.stack_sets import drift, imports, instances, operations, sets
from nightbus.services.context import Handler

STACK_SET_HANDLERS: dict[str, Handler] = {
    "CreateStackInstances": instances.create_stack_instances,
    "CreateStackSet": sets.create_stack_set,
    "DeleteStackInstances": instances.delete_stack_instances,
    "DeleteStackSet": sets.delete_stack_set,
    "DescribeStackInstance": instances.describe_stack_instance,
    "DescribeStackSet": sets.describe_stack_set,
    "DescribeStackSetOperation": operations.describe_stack_set_operation,
    "DetectStackSetDrift": drift.detect_stack_set_drift,
    "ImportStacksToStackSet": imports.import_stacks_to_stack_set,
    "ListStackInstanceResourceDrifts": drift.list_stack_instance_resource_drifts,
    "ListStackInstances": instances.list_stack_instances,
    "ListStackSetOperationResults": operations.list_stack_set_operation_results,
    "ListStackSetOperations": operations.list_stack_set_operations,
    "ListStackSets": sets.list_stack_sets,
    "StopStackSetOperation": operations.stop_stack_set_operation,
    "UpdateStackInstances": instances.update_stack_instances,
    "UpdateStackSet": sets.update_stack_set,
}
