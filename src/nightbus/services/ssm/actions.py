"""Says which actions on which parameters each operation needs, as the Service Authorization Reference has it.

The ARN of a parameter has its name without the leading slash, so versions and labels of names are left out.
Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightbus.aws.arn import Arn, is_arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.identity.needs import Asked, NeedsOf, merged, needs, request_tags, when
from nightbus.identity.request_keys import members
from nightbus.policies.request import Need, Values
from nightbus.services.context import Platform
from nightbus.services.ssm.names import parameter_arn, parse_reference
from nightbus.services.ssm.records import PARAMETER

_REFERENCE = "/aws/reference/secretsmanager/"


def _arn(asked: Asked, text: str) -> str:
    """Return the ARN of the parameter that a name, a name with a version or label, or an ARN means to the handlers,
    which refuse a text that means none."""
    scope = asked.call.scope
    if text.startswith(_REFERENCE):
        return parameter_arn(scope, text)
    try:
        return parameter_arn(scope, parse_reference(scope, text).names[0])
    except AwsError:
        return text if is_arn(text) else parameter_arn(scope, text.partition(":")[0])


def _name(asked: Asked) -> str:
    return _arn(asked, asked.text("Name"))


def _tagged_parameter(asked: Asked) -> str:
    return _arn(asked, asked.text("ResourceId"))


def _path(asked: Asked) -> str:
    """Return the path as a parameter's ARN, without the slash at its end that means the same."""
    path = asked.text("Path")
    return parameter_arn(asked.call.scope, path.removesuffix("/") or path)


def _each(action: str) -> NeedsOf:
    def needs_of(asked: Asked) -> Sequence[Need]:
        return [Need(action, _arn(asked, str(name))) for name in asked.params.get("Names") or ()]

    return needs_of


_TAGS_NEW_PARAMETER = when("Tags", needs("ssm:AddTagsToResource", _name, keys=request_tags("Tags")))

ACTIONS: Mapping[str, NeedsOf] = {
    "AddTagsToResource": needs("ssm:AddTagsToResource", _tagged_parameter, keys=request_tags("Tags")),
    "DeleteParameter": needs("ssm:DeleteParameter", _name),
    "DeleteParameters": _each("ssm:DeleteParameters"),
    "DescribeParameters": needs("ssm:DescribeParameters"),
    "GetParameter": needs("ssm:GetParameter", _name),
    "GetParameterHistory": needs("ssm:GetParameterHistory", _name),
    "GetParameters": _each("ssm:GetParameters"),
    "GetParametersByPath": needs("ssm:GetParametersByPath", _path, keys=members(ssm__recursive="Recursive")),
    "LabelParameterVersion": needs("ssm:LabelParameterVersion", _name),
    "ListTagsForResource": needs("ssm:ListTagsForResource", _tagged_parameter),
    "PutParameter": needs(
        "ssm:PutParameter",
        _name,
        _TAGS_NEW_PARAMETER,
        keys=merged(request_tags("Tags"), members(ssm__overwrite="Overwrite", ssm__policies="Policies")),
    ),
    "RemoveTagsFromResource": needs(
        "ssm:RemoveTagsFromResource", _tagged_parameter, keys=request_tags("TagKeys")
    ),
    "UnlabelParameterVersion": needs("ssm:UnlabelParameterVersion", _name),
}


async def resource_tags(platform: Platform, arn: str, keys: Mapping[str, Values]) -> Mapping[str, str]:
    try:
        named = Arn.parse(arn)
    except ValueError:
        return {}
    scope, path = Scope(named.account, named.region), named.resource.removeprefix("parameter/")
    for name in (path, f"/{path}"):
        record = await platform.store.get(scope, PARAMETER, name)
        if record is not None:
            tags: dict[str, str] = record.value["tags"]
            return tags
    return {}
