"""Registers the operations of AWS Systems Manager that belong to Parameter Store."""

from __future__ import annotations

from nightbus.services.context import Handler
from nightbus.services.ssm import deleting, describing, putting, reading, tags

HANDLERS: dict[str, Handler] = {
    "AddTagsToResource": tags.add_tags_to_resource,
    "DeleteParameter": deleting.delete_parameter,
    "DeleteParameters": deleting.delete_parameters,
    "DescribeParameters": describing.describe_parameters,
    "GetParameter": reading.get_parameter,
    "GetParameters": reading.get_parameters,
    "GetParametersByPath": reading.get_parameters_by_path,
    "ListTagsForResource": tags.list_tags_for_resource,
    "PutParameter": putting.put_parameter,
    "RemoveTagsFromResource": tags.remove_tags_from_resource,
}
