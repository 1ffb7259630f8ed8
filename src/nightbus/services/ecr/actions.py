"""Says which actions on which repositories each operation needs, as the Service Authorization Reference has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.identity.needs import ANY, Asked, NeedsOf, needs, request_tags, when
from nightbus.policies.callers import NO_STATEMENTS
from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import Policy, compiled_policy
from nightbus.policies.request import Need, Values
from nightbus.services.context import Platform
from nightbus.services.ecr.records import REPOSITORY, repository_arn
from nightbus.store.interface import Record


def _arn(asked: Asked, name: str) -> str:
    registry = asked.text("registryId") or asked.call.scope.account
    return repository_arn(Scope(registry, asked.call.scope.region), name)


def _repository(asked: Asked) -> str:
    return _arn(asked, asked.text("repositoryName"))


def _resource(asked: Asked) -> str:
    return asked.text("resourceArn") or ANY


def _described(asked: Asked) -> Sequence[Need]:
    names = asked.params.get("repositoryNames") or ("*",)
    return [Need("ecr:DescribeRepositories", _arn(asked, str(name))) for name in names]


_TAGS_NEW_REPOSITORY = when("tags", needs("ecr:TagResource", _repository, keys=request_tags("tags")))


def _on_repository(operation: str) -> NeedsOf:
    return needs(f"ecr:{operation}", _repository)


_ACTIONS: dict[str, NeedsOf] = {
    **{
        operation: _on_repository(operation)
        for operation in (
            "BatchCheckLayerAvailability", "BatchDeleteImage", "BatchGetImage", "DeleteLifecyclePolicy",
            "DeleteRepository", "DeleteRepositoryPolicy", "DescribeImages", "GetLifecyclePolicy",
            "GetRepositoryPolicy", "InitiateLayerUpload", "ListImages", "PutImage", "PutImageScanningConfiguration",
            "PutImageTagMutability", "PutLifecyclePolicy", "SetRepositoryPolicy",
        )
    },
    "CreateRepository": needs(
        "ecr:CreateRepository", _repository, _TAGS_NEW_REPOSITORY, keys=request_tags("tags")
    ),
    "DescribeRegistry": needs("ecr:DescribeRegistry"),
    "DescribeRepositories": _described,
    "GetAuthorizationToken": needs("ecr:GetAuthorizationToken"),
    "ListTagsForResource": needs("ecr:ListTagsForResource", _resource),
    "TagResource": needs("ecr:TagResource", _resource, keys=request_tags("tags")),
    "UntagResource": needs("ecr:UntagResource", _resource, keys=request_tags("tagKeys")),
}  # fmt: skip
ACTIONS: Mapping[str, NeedsOf] = dict(sorted(_ACTIONS.items()))


POLICY_RECORDS = (REPOSITORY,)  # that have policies with principals


async def resource_policy(platform: Platform, arn: str) -> Policy | None:
    record = await _record(platform, arn)
    if record is None:
        return None
    document = record.value["policy"]
    return compiled_policy(document, PolicyKind.RESOURCE, arn) if document else NO_STATEMENTS


async def resource_tags(platform: Platform, arn: str, keys: Mapping[str, Values]) -> Mapping[str, str]:
    record = await _record(platform, arn)
    tags: dict[str, str] = record.value.get("tags") or {} if record is not None else {}
    return tags


async def _record(platform: Platform, arn: str) -> Record | None:
    try:
        named = Arn.parse(arn)
    except ValueError:
        return None
    name = named.resource.removeprefix("repository/")
    return await platform.store.get(Scope(named.account, named.region), REPOSITORY, name)
