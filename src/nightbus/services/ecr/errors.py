"""Makes the errors that ECR raises, with AWS's codes and messages."""

from __future__ import annotations

from nightbus.aws.errors import AwsError


def invalid_parameter(name: str, reason: str) -> AwsError:
    text = f"Invalid parameter at '{name}' failed to satisfy constraint: '{reason}'"
    return AwsError("InvalidParameterException", text)


def no_repository(name: str, registry: str) -> AwsError:
    text = f"The repository with name '{name}' does not exist in the registry with id '{registry}'"
    return AwsError("RepositoryNotFoundException", text)


def repository_exists(name: str, registry: str) -> AwsError:
    text = f"The repository with name '{name}' already exists in the registry with id '{registry}'"
    return AwsError("RepositoryAlreadyExistsException", text)


def no_repository_policy(name: str, registry: str) -> AwsError:
    text = f"Repository policy does not exist for the {_repository(name, registry)}"
    return AwsError("RepositoryPolicyNotFoundException", text)


def no_lifecycle_policy(name: str, registry: str) -> AwsError:
    text = f"Lifecycle policy does not exist for the {_repository(name, registry)}"
    return AwsError("LifecyclePolicyNotFoundException", text)


def no_image(digest: str | None, tag: str | None, name: str, registry: str) -> AwsError:
    image = f"{{imageDigest:'{digest or 'null'}', imageTag:'{tag or 'null'}'}}"
    text = f"The image with imageId {image} does not exist within the {_repository(name, registry)}"
    return AwsError("ImageNotFoundException", text)


def no_images_here(operation: str) -> AwsError:
    """Return the error (501) for what only a registry with images could do."""
    text = f"ecr:{operation} is not supported by Nightbus: it keeps repositories, but no container images."
    return AwsError("NotImplementedException", text, 501)


def _repository(name: str, registry: str) -> str:
    return f"repository with name '{name}' in the registry with id '{registry}'"
