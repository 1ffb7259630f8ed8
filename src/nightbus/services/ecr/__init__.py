"""Registers the operations of Amazon ECR on the repositories of a registry. Nightbus keeps no container images."""

from __future__ import annotations

from nightbus.services.context import Handler
from nightbus.services.ecr import images, lifecycle_policies, repositories, repository_policies, tags

HANDLERS: dict[str, Handler] = {
    "BatchCheckLayerAvailability": images.batch_check_layer_availability,
    "BatchDeleteImage": images.batch_delete_image,
    "BatchGetImage": images.batch_get_image,
    "CreateRepository": repositories.create_repository,
    "DeleteLifecyclePolicy": lifecycle_policies.delete_lifecycle_policy,
    "DeleteRepository": repositories.delete_repository,
    "DeleteRepositoryPolicy": repository_policies.delete_repository_policy,
    "DescribeImages": images.describe_images,
    "DescribeRegistry": repositories.describe_registry,
    "DescribeRepositories": repositories.describe_repositories,
    "GetAuthorizationToken": images.get_authorization_token,
    "GetLifecyclePolicy": lifecycle_policies.get_lifecycle_policy,
    "GetRepositoryPolicy": repository_policies.get_repository_policy,
    "InitiateLayerUpload": images.initiate_layer_upload,
    "ListImages": images.list_images,
    "ListTagsForResource": tags.list_tags_for_resource,
    "PutImage": images.put_image,
    "PutImageScanningConfiguration": repositories.put_image_scanning_configuration,
    "PutImageTagMutability": repositories.put_image_tag_mutability,
    "PutLifecyclePolicy": lifecycle_policies.put_lifecycle_policy,
    "SetRepositoryPolicy": repository_policies.set_repository_policy,
    "TagResource": tags.tag_resource,
    "UntagResource": tags.untag_resource,
}
