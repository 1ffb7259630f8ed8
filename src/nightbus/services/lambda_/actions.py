"""Says which actions an operation of AWS Lambda needs, on which functions, layers and event source mappings.

A function's ARN has the qualifier that the request names: a policy for `function:NAME` alone does not admit a call of
`function:NAME:ALIAS`, as on AWS.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightbus.aws.arn import arn, partition_of
from nightbus.aws.calls import Scope
from nightbus.identity.needs import Asked, NeedsOf, merged, needs, passes_role, request_tags, when
from nightbus.policies.callers import NO_STATEMENTS
from nightbus.policies.compiled import compiled_statements
from nightbus.policies.document import Policy
from nightbus.policies.request import Need, Values
from nightbus.services.context import Platform
from nightbus.services.lambda_.layers.versions import LAYER_ARN
from nightbus.services.lambda_.names import FUNCTION_NAME, function_arn
from nightbus.services.lambda_.queue_sources.settings import EVENT_SOURCE
from nightbus.services.lambda_.records import FUNCTION, LAYER_POLICY, POLICY, qualified_key

_GET_LAYER_VERSION = "lambda:GetLayerVersion"


def _function(asked: Asked) -> str:
    """Return the ARN of the function without a qualifier."""
    return _named(asked, asked.text("FunctionName"))


def _qualified(asked: Asked) -> str:
    """Return the ARN of the function with the qualifier of `FunctionName` or `Qualifier`, if there is one."""
    return _named(asked, asked.text("FunctionName"), asked.text("Qualifier"), keep_qualifier=True)


def _named(asked: Asked, text: str, qualifier: str = "", *, keep_qualifier: bool = False) -> str:
    """Return the ARN for a name, a partial ARN or an ARN. The handler refuses a text that is none of them."""
    match = FUNCTION_NAME.fullmatch(text)
    if match is None:
        return asked.arn("lambda", f"function:{text}")
    here = asked.call.scope
    function = function_arn(
        Scope(match["account"] or here.account, match["region"] or here.region), match["name"]
    )
    suffix = qualifier or match["qualifier"] or "" if keep_qualifier else ""
    return f"{function}:{suffix}" if suffix else function


def _layer(asked: Asked) -> str:
    name = asked.text("LayerName")
    match = LAYER_ARN.fullmatch(name)
    return asked.arn("lambda", f"layer:{name}") if match is None else _layer_arn(match[1], match[2], match[3])


def _layer_arn(region: str, account: str, name: str, version: str = "") -> str:
    return arn("lambda", region, account, f"layer:{name}:{version}" if version else f"layer:{name}")


def _named_layer_version(text: str) -> str:
    """Return the ARN of a layer version in the partition of its region, whichever partition the text has."""
    match = LAYER_ARN.fullmatch(text)
    return text if match is None else _layer_arn(*match.groups(""))


def _layer_version(asked: Asked) -> str:
    return f"{_layer(asked)}:{asked.text('VersionNumber')}"


def _mapping(asked: Asked) -> str:
    return asked.arn("lambda", f"event-source-mapping:{asked.text('UUID')}")


def _tagged(asked: Asked) -> str:
    """Return the resource of the tags, as the handler finds it: a mapping by its id alone, in the call's account."""
    text = asked.text("Resource")
    if ":event-source-mapping:" in text:
        return asked.arn("lambda", f"event-source-mapping:{text.rpartition(':')[2]}")
    return _named(asked, text, keep_qualifier=True) if ":function:" in text else text


def _invocation(asked: Asked) -> Mapping[str, Values]:
    return {
        "lambda:invokedviafunctionurl": "false",
        "lambda:functionurlauthtype": "",
        "lambda:eventsourcetoken": "",
    }


def _configuration(asked: Asked) -> Mapping[str, Values]:
    network = asked.params.get("VpcConfig") or {}
    return {
        "lambda:layer": tuple(asked.params.get("Layers") or ()),
        "lambda:vpcids": (),
        "lambda:subnetids": tuple(network.get("SubnetIds") or ()),
        "lambda:securitygroupids": tuple(network.get("SecurityGroupIds") or ()),
        "lambda:codesigningconfigarn": asked.text("CodeSigningConfigArn"),
    }


def _url(asked: Asked) -> Mapping[str, Values]:
    return {"lambda:functionurlauthtype": asked.text("AuthType"), "lambda:functionarn": _function(asked)}


def _permission(asked: Asked) -> Mapping[str, Values]:
    auth_type = asked.text("FunctionUrlAuthType")
    return {"lambda:principal": asked.text("Principal"), "lambda:functionurlauthtype": auth_type}


def _function_of_mapping(asked: Asked) -> Mapping[str, Values]:
    name = asked.text("FunctionName")
    return {"lambda:functionarn": _named(asked, name, keep_qualifier=True) if name else ""}


def _code_signing(asked: Asked) -> Mapping[str, Values]:
    return {"lambda:codesigningconfigarn": asked.text("CodeSigningConfigArn")}


def _layers(asked: Asked) -> Sequence[Need]:
    """A function's author reads its layers."""
    return [
        Need(_GET_LAYER_VERSION, _named_layer_version(layer)) for layer in asked.params.get("Layers") or ()
    ]


def _code(member: str = "") -> NeedsOf:
    """Return the need of code in S3, which Lambda reads as the caller. `member` has the location, "" for the request's
    own members."""

    def needs_of(asked: Asked) -> Sequence[Need]:
        code = (asked.params.get(member) or {}) if member else asked.params
        if not code.get("S3Bucket"):
            return []
        version = code.get("S3ObjectVersion")
        action = "s3:GetObjectVersion" if version else "s3:GetObject"
        partition = partition_of(asked.call.scope.region)
        code_object = f"arn:{partition}:s3:::{code['S3Bucket']}/{code.get('S3Key', '')}"
        return [Need(action, code_object, {"s3:versionid": version or ""})]

    return needs_of


_TAGS = request_tags("Tags")
_NEW_TAGS = when("Tags", needs("lambda:TagResource", _function, keys=_TAGS))
_ROLE = passes_role("Role", "lambda.amazonaws.com")


def _on_function(action: str) -> NeedsOf:
    return needs(f"lambda:{action}", _function)


def _on_qualified(action: str) -> NeedsOf:
    return needs(f"lambda:{action}", _qualified)


ACTIONS: Mapping[str, NeedsOf] = {
    "AddLayerVersionPermission": needs("lambda:AddLayerVersionPermission", _layer_version),
    "AddPermission": needs("lambda:AddPermission", _qualified, keys=_permission),
    "CreateAlias": _on_function("CreateAlias"),
    "CreateEventSourceMapping": needs(
        "lambda:CreateEventSourceMapping",
        "*",
        when(
            "Tags",
            needs(
                "lambda:TagResource", lambda asked: asked.arn("lambda", "event-source-mapping:*"), keys=_TAGS
            ),
        ),
        keys=merged(_function_of_mapping, _TAGS),
    ),
    "CreateFunction": needs(
        "lambda:CreateFunction",
        _function,
        _ROLE,
        _layers,
        _code("Code"),
        _NEW_TAGS,
        keys=merged(_configuration, _TAGS),
    ),
    "CreateFunctionUrlConfig": needs("lambda:CreateFunctionUrlConfig", _qualified, keys=_url),
    "DeleteAlias": _on_function("DeleteAlias"),
    "DeleteEventSourceMapping": needs("lambda:DeleteEventSourceMapping", _mapping),
    "DeleteFunction": _on_qualified("DeleteFunction"),
    "DeleteFunctionCodeSigningConfig": _on_function("DeleteFunctionCodeSigningConfig"),
    "DeleteFunctionConcurrency": _on_function("DeleteFunctionConcurrency"),
    "DeleteFunctionEventInvokeConfig": _on_qualified("DeleteFunctionEventInvokeConfig"),
    "DeleteFunctionUrlConfig": needs("lambda:DeleteFunctionUrlConfig", _qualified, keys=_url),
    "DeleteLayerVersion": needs("lambda:DeleteLayerVersion", _layer_version),
    "DeleteProvisionedConcurrencyConfig": _on_qualified("DeleteProvisionedConcurrencyConfig"),
    "GetAccountSettings": needs("lambda:GetAccountSettings"),
    "GetAlias": _on_function("GetAlias"),
    "GetCodeSigningConfig": needs(
        "lambda:GetCodeSigningConfig", lambda asked: asked.text("CodeSigningConfigArn")
    ),
    "GetEventSourceMapping": needs("lambda:GetEventSourceMapping", _mapping),
    "GetFunction": _on_qualified("GetFunction"),
    "GetFunctionCodeSigningConfig": _on_function("GetFunctionCodeSigningConfig"),
    "GetFunctionConcurrency": _on_function("GetFunctionConcurrency"),
    "GetFunctionConfiguration": _on_qualified("GetFunctionConfiguration"),
    "GetFunctionEventInvokeConfig": _on_qualified("GetFunctionEventInvokeConfig"),
    "GetFunctionRecursionConfig": _on_function("GetFunctionRecursionConfig"),
    "GetFunctionUrlConfig": needs("lambda:GetFunctionUrlConfig", _qualified, keys=_url),
    "GetLayerVersion": needs(_GET_LAYER_VERSION, _layer_version),
    "GetLayerVersionByArn": needs(_GET_LAYER_VERSION, lambda asked: _named_layer_version(asked.text("Arn"))),
    "GetLayerVersionPolicy": needs("lambda:GetLayerVersionPolicy", _layer_version),
    "GetPolicy": _on_qualified("GetPolicy"),
    "GetProvisionedConcurrencyConfig": _on_qualified("GetProvisionedConcurrencyConfig"),
    "GetRuntimeManagementConfig": _on_qualified("GetRuntimeManagementConfig"),
    "Invoke": needs("lambda:InvokeFunction", _qualified, keys=_invocation),
    "InvokeAsync": needs("lambda:InvokeFunction", _qualified, keys=_invocation),
    "InvokeWithResponseStream": needs("lambda:InvokeFunction", _qualified, keys=_invocation),
    "ListAliases": _on_function("ListAliases"),
    "ListCodeSigningConfigs": needs("lambda:ListCodeSigningConfigs"),
    "ListEventSourceMappings": needs("lambda:ListEventSourceMappings"),
    "ListFunctionEventInvokeConfigs": _on_function("ListFunctionEventInvokeConfigs"),
    "ListFunctionUrlConfigs": _on_function("ListFunctionUrlConfigs"),
    "ListFunctions": needs("lambda:ListFunctions"),
    "ListFunctionsByCodeSigningConfig": needs(
        "lambda:ListFunctionsByCodeSigningConfig", lambda asked: asked.text("CodeSigningConfigArn")
    ),
    "ListLayerVersions": needs("lambda:ListLayerVersions"),
    "ListLayers": needs("lambda:ListLayers"),
    "ListProvisionedConcurrencyConfigs": _on_function("ListProvisionedConcurrencyConfigs"),
    "ListTags": needs("lambda:ListTags", _tagged),
    "ListVersionsByFunction": _on_function("ListVersionsByFunction"),
    "PublishLayerVersion": needs("lambda:PublishLayerVersion", _layer, _code("Content")),
    "PublishVersion": _on_function("PublishVersion"),
    "PutFunctionCodeSigningConfig": needs(
        "lambda:PutFunctionCodeSigningConfig",
        _function,
        needs("lambda:PutFunctionCodeSigningConfig", lambda asked: asked.text("CodeSigningConfigArn")),
        keys=_code_signing,
    ),
    "PutFunctionConcurrency": _on_function("PutFunctionConcurrency"),
    "PutFunctionEventInvokeConfig": _on_qualified("PutFunctionEventInvokeConfig"),
    "PutFunctionRecursionConfig": _on_function("PutFunctionRecursionConfig"),
    "PutProvisionedConcurrencyConfig": _on_qualified("PutProvisionedConcurrencyConfig"),
    "PutRuntimeManagementConfig": _on_qualified("PutRuntimeManagementConfig"),
    "RemoveLayerVersionPermission": needs("lambda:RemoveLayerVersionPermission", _layer_version),
    "RemovePermission": needs("lambda:RemovePermission", _qualified, keys=_permission),
    "TagResource": needs("lambda:TagResource", _tagged, keys=_TAGS),
    "UntagResource": needs("lambda:UntagResource", _tagged, keys=request_tags("TagKeys")),
    "UpdateAlias": _on_function("UpdateAlias"),
    "UpdateEventSourceMapping": needs("lambda:UpdateEventSourceMapping", _mapping, keys=_function_of_mapping),
    "UpdateFunctionCode": needs("lambda:UpdateFunctionCode", _function, _code()),
    "UpdateFunctionConfiguration": needs(
        "lambda:UpdateFunctionConfiguration", _function, _ROLE, _layers, keys=_configuration
    ),
    "UpdateFunctionEventInvokeConfig": _on_qualified("UpdateFunctionEventInvokeConfig"),
    "UpdateFunctionUrlConfig": needs("lambda:UpdateFunctionUrlConfig", _qualified, keys=_url),
}


async def resolve(platform: Platform, asked: Asked, needed: Sequence[Need]) -> Sequence[Need]:
    """Add the function of an event source mapping that exists. A request that gives the mapping another function needs
    the action for both."""
    uuid = asked.params.get("UUID")
    record = await platform.store.get(asked.call.scope, EVENT_SOURCE, str(uuid)) if uuid else None
    if record is None:
        return needed
    keys = {**needed[0].keys, "lambda:functionarn": record.value["function"]}
    present = needed[0]._replace(keys=keys)
    return [present, *needed] if asked.params.get("FunctionName") else [present]


POLICY_RECORDS = (POLICY, LAYER_POLICY)  # that have policies with principals


async def resource_policy(platform: Platform, arn: str) -> Policy | None:
    """Return the policy of a function, of its version or alias, or of a layer version."""
    scope, kind, name, qualifier = _parts(arn)
    key = qualified_key(name, qualifier)
    if kind == "function":
        record = await platform.invocables.get(scope, POLICY, key)
        if record is None and await platform.invocables.get(scope, FUNCTION, name) is not None:
            return NO_STATEMENTS
    else:
        record = await platform.store.get(scope, LAYER_POLICY, key) if kind == "layer" else None
    return compiled_statements(record.value["statements"], arn) if record is not None else None


async def resource_tags(platform: Platform, arn: str, keys: Mapping[str, Values]) -> Mapping[str, str]:
    """Return the tags of a function, whichever version of it, or of an event source mapping."""
    scope, kind, name, _ = _parts(arn)
    stored = {"function": FUNCTION, "event-source-mapping": EVENT_SOURCE}.get(kind)
    record = await platform.store.get(scope, stored, name) if stored else None
    return record.value["tags"] if record is not None else {}


def _parts(arn: str) -> tuple[Scope, str, str, str]:
    """Return the scope, the kind, the name and the qualifier or version that an ARN names."""
    _, _, _, region, account, kind, name, qualifier, *_ = [*arn.split(":"), "", "", "", "", "", "", ""]
    return Scope(account, region), kind, name, qualifier
