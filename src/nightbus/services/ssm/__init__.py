"""Registers the operations of AWS Systems Manager that belong to Parameter Store."""

from __future__ import annotations

from nightbus.services.context import Handler, Worker
from nightbus.services.ssm import deleting, describing, labels, policy_engine, putting, reading, tags

HANDLERS: dict[str, Handler] = {
    "AddTagsToResource": tags.add_tags_to_resource,
    "DeleteParameter": deleting.delete_parameter,
    "DeleteParameters": deleting.delete_parameters,
    "DescribeParameters": describing.describe_parameters,
    "GetParameter": reading.get_parameter,
    "GetParameterHistory": describing.get_parameter_history,
    "GetParameters": reading.get_parameters,
    "GetParametersByPath": reading.get_parameters_by_path,
    "LabelParameterVersion": labels.label_parameter_version,
    "ListTagsForResource": tags.list_tags_for_resource,
    "PutParameter": putting.put_parameter,
    "RemoveTagsFromResource": tags.remove_tags_from_resource,
    "UnlabelParameterVersion": labels.unlabel_parameter_version,
}

WORKERS: list[Worker] = [policy_engine.run_parameter_policies]
