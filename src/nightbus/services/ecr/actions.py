"""Maps each operation to its IAM action and the ARN that a policy names, from the Service Authorization Reference.

The members in braces are the request's own, and `{partition}`, `{region}` and `{account}` those of the call.
"""

from __future__ import annotations

from collections.abc import Mapping

_REPOSITORY = "arn:{partition}:ecr:{region}:{account}:repository/{repositoryName}"
_RESOURCE = "{resourceArn}"
_ANY = "*"

ACTIONS: Mapping[str, tuple[str, str]] = {
    "BatchCheckLayerAvailability": ("ecr:BatchCheckLayerAvailability", _REPOSITORY),
    "BatchDeleteImage": ("ecr:BatchDeleteImage", _REPOSITORY),
    "BatchGetImage": ("ecr:BatchGetImage", _REPOSITORY),
    "CreateRepository": ("ecr:CreateRepository", _REPOSITORY),
    "DeleteLifecyclePolicy": ("ecr:DeleteLifecyclePolicy", _REPOSITORY),
    "DeleteRepository": ("ecr:DeleteRepository", _REPOSITORY),
    "DeleteRepositoryPolicy": ("ecr:DeleteRepositoryPolicy", _REPOSITORY),
    "DescribeImages": ("ecr:DescribeImages", _REPOSITORY),
    "DescribeRegistry": ("ecr:DescribeRegistry", _ANY),
    "DescribeRepositories": ("ecr:DescribeRepositories", _REPOSITORY),
    "GetAuthorizationToken": ("ecr:GetAuthorizationToken", _ANY),
    "GetLifecyclePolicy": ("ecr:GetLifecyclePolicy", _REPOSITORY),
    "GetRepositoryPolicy": ("ecr:GetRepositoryPolicy", _REPOSITORY),
    "InitiateLayerUpload": ("ecr:InitiateLayerUpload", _REPOSITORY),
    "ListImages": ("ecr:ListImages", _REPOSITORY),
    "ListTagsForResource": ("ecr:ListTagsForResource", _RESOURCE),
    "PutImage": ("ecr:PutImage", _REPOSITORY),
    "PutImageScanningConfiguration": ("ecr:PutImageScanningConfiguration", _REPOSITORY),
    "PutImageTagMutability": ("ecr:PutImageTagMutability", _REPOSITORY),
    "PutLifecyclePolicy": ("ecr:PutLifecyclePolicy", _REPOSITORY),
    "SetRepositoryPolicy": ("ecr:SetRepositoryPolicy", _REPOSITORY),
    "TagResource": ("ecr:TagResource", _RESOURCE),
    "UntagResource": ("ecr:UntagResource", _RESOURCE),
}
