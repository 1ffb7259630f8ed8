"""Maps the operations of Parameter Store to the IAM actions that they need, and to the resources of these.

Names in braces are members of the request. https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
"""

from __future__ import annotations

from collections.abc import Mapping

_PARAMETER = "arn:{partition}:ssm:{region}:{account}:parameter/{Name}"
_PARAMETERS = "arn:{partition}:ssm:{region}:{account}:parameter/{Names}"
_TAGGED = "arn:{partition}:ssm:{region}:{account}:parameter/{ResourceId}"

ACTIONS: Mapping[str, tuple[str, str]] = {
    # the operation: the action, and the ARN of its resource
    "AddTagsToResource": ("ssm:AddTagsToResource", _TAGGED),
    "DeleteParameter": ("ssm:DeleteParameter", _PARAMETER),
    "DeleteParameters": ("ssm:DeleteParameters", _PARAMETERS),
    "DescribeParameters": ("ssm:DescribeParameters", "*"),
    "GetParameter": ("ssm:GetParameter", _PARAMETER),
    "GetParameterHistory": ("ssm:GetParameterHistory", _PARAMETER),
    "GetParameters": ("ssm:GetParameters", _PARAMETERS),
    "GetParametersByPath": (
        "ssm:GetParametersByPath",
        "arn:{partition}:ssm:{region}:{account}:parameter{Path}",
    ),
    "LabelParameterVersion": ("ssm:LabelParameterVersion", _PARAMETER),
    "ListTagsForResource": ("ssm:ListTagsForResource", _TAGGED),
    "PutParameter": ("ssm:PutParameter", _PARAMETER),
    "RemoveTagsFromResource": ("ssm:RemoveTagsFromResource", _TAGGED),
    "UnlabelParameterVersion": ("ssm:UnlabelParameterVersion", _PARAMETER),
}
