"""Answers the operations on images as of empty repositories, and refuses those that push an image.

Clients ask for an authorization token before they call `docker`, so they hear at once that there are no images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.services.context import Context
from nightbus.services.ecr.errors import no_image, no_images_here
from nightbus.services.ecr.records import find_repository

ImageId = Mapping[str, str]


async def describe_images(
    ctx: Context,
    *,
    repository_name: str,
    registry_id: str | None = None,
    image_ids: Sequence[ImageId] = (),
    next_token: str | None = None,
    max_results: int | None = None,
    filter: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    await find_repository(ctx, repository_name, registry_id, "DescribeImages")
    for image in image_ids:
        digest, tag = image.get("imageDigest"), image.get("imageTag")
        raise no_image(digest, tag, repository_name, registry_id or ctx.account)
    return {"imageDetails": []}


async def list_images(
    ctx: Context,
    *,
    repository_name: str,
    registry_id: str | None = None,
    next_token: str | None = None,
    max_results: int | None = None,
    filter: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    await find_repository(ctx, repository_name, registry_id, "ListImages")
    return {"imageIds": []}


async def batch_get_image(
    ctx: Context,
    *,
    repository_name: str,
    image_ids: Sequence[ImageId],
    registry_id: str | None = None,
    accepted_media_types: Sequence[str] = (),
) -> dict[str, Any]:
    await find_repository(ctx, repository_name, registry_id, "BatchGetImage")
    return {"images": [], "failures": [_missing(image) for image in image_ids]}


async def batch_delete_image(
    ctx: Context, *, repository_name: str, image_ids: Sequence[ImageId], registry_id: str | None = None
) -> dict[str, Any]:
    await find_repository(ctx, repository_name, registry_id, "BatchDeleteImage")
    return {"imageIds": [], "failures": [_missing(image) for image in image_ids]}


async def batch_check_layer_availability(
    ctx: Context, *, repository_name: str, layer_digests: Sequence[str], registry_id: str | None = None
) -> dict[str, Any]:
    await find_repository(ctx, repository_name, registry_id, "BatchCheckLayerAvailability")
    layers = [{"layerDigest": digest, "layerAvailability": "UNAVAILABLE"} for digest in layer_digests]
    return {"layers": layers, "failures": []}


async def get_authorization_token(ctx: Context, *, registry_ids: Sequence[str] = ()) -> dict[str, Any]:
    raise no_images_here("GetAuthorizationToken")


async def initiate_layer_upload(
    ctx: Context, *, repository_name: str, registry_id: str | None = None
) -> dict[str, Any]:
    await find_repository(ctx, repository_name, registry_id, "InitiateLayerUpload")
    raise no_images_here("InitiateLayerUpload")


async def put_image(
    ctx: Context,
    *,
    repository_name: str,
    image_manifest: str,
    registry_id: str | None = None,
    image_manifest_media_type: str | None = None,
    image_tag: str | None = None,
    image_digest: str | None = None,
) -> dict[str, Any]:
    await find_repository(ctx, repository_name, registry_id, "PutImage")
    raise no_images_here("PutImage")


def _missing(image: ImageId) -> dict[str, Any]:
    return {
        "imageId": dict(image),
        "failureCode": "ImageNotFound",
        "failureReason": "Requested image not found",
    }
