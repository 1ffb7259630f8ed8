"""The handler of a custom resource, behind the provider framework."""

from typing import Any


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return {"PhysicalResourceId": "own", "Data": {"Answer": event["ResourceProperties"]["Question"].upper()}}
