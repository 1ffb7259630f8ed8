"""Registers the operations of AWS CloudFormation. The engine in `nightbus.stacks` carries them out."""

from __future__ import annotations

from nightbus.services.cloudformation import (
    change_sets,
    drift,
    exports,
    signals,
    stack_policies,
    stack_resources,
    stack_states,
    stacks,
    template_summary,
    templates,
    types,
)
from nightbus.services.cloudformation.stack_sets import STACK_SET_HANDLERS, working
from nightbus.services.context import Handler, Worker

HANDLERS: dict[str, Handler] = {
    "CancelUpdateStack": stack_states.cancel_update_stack,
    "ContinueUpdateRollback": stack_states.continue_update_rollback,
    "CreateChangeSet": change_sets.create_change_set,
    "CreateStack": stacks.create_stack,
    "DeleteChangeSet": change_sets.delete_change_set,
    "DeleteStack": stacks.delete_stack,
    "DescribeChangeSet": change_sets.describe_change_set,
    "DescribeStackDriftDetectionStatus": drift.describe_stack_drift_detection_status,
    "DescribeStackEvents": stack_resources.describe_stack_events,
    "DescribeStackResource": stack_resources.describe_stack_resource,
    "DescribeStackResourceDrifts": drift.describe_stack_resource_drifts,
    "DescribeStackResources": stack_resources.describe_stack_resources,
    "DescribeStacks": stacks.describe_stacks,
    "DescribeType": types.describe_type,
    "DescribeTypeRegistration": types.describe_type_registration,
    "DetectStackDrift": drift.detect_stack_drift,
    "DetectStackResourceDrift": drift.detect_stack_resource_drift,
    "ExecuteChangeSet": change_sets.execute_change_set,
    "GetStackPolicy": stack_policies.get_stack_policy,
    "GetTemplate": templates.get_template,
    "GetTemplateSummary": template_summary.get_template_summary,
    "ListChangeSets": change_sets.list_change_sets,
    "ListExports": exports.list_exports,
    "ListImports": exports.list_imports,
    "ListStackResources": stack_resources.list_stack_resources,
    "ListStacks": stacks.list_stacks,
    "ListTypeRegistrations": types.list_type_registrations,
    "ListTypeVersions": types.list_type_versions,
    "ListTypes": types.list_types,
    "RollbackStack": stack_states.rollback_stack,
    "SetStackPolicy": stack_policies.set_stack_policy,
    "SignalResource": signals.signal_resource,
    "UpdateStack": stacks.update_stack,
    "UpdateTerminationProtection": stack_states.update_termination_protection,
    "ValidateTemplate": template_summary.validate_template,
    **STACK_SET_HANDLERS,
}
WORKERS: list[Worker] = [working.carry_out_stack_set_operations]
DUTIES: list[Worker] = [working.forget_old_stack_set_operations]
