"""A policy, an owner and tags are looked for by whatever text a request has in the place of an ARN."""

from __future__ import annotations

from pathlib import Path

from bus_rig import SCOPE, rig
from nightbus.node.resource_access import ServiceResources
from nightbus.services import SERVICES

PLACE = f"{SCOPE.region}:{SCOPE.account}"
KINDS = (
    "app", "alias", "endpoint", "event-bus", "event-source-mapping", "function", "key", "layer", "log-group",
    "parameter", "repository", "role", "rule", "secret", "stack", "trail",
)  # fmt: skip
RESOURCES = [
    "x",
    "x/y",
    "x:y:z",
    "*",
    "\n",
    *(f"{kind}{end}" for kind in KINDS for end in (":", "/", "/a/b/c", ":a:b:c")),
]
TEXTS = ["", "a", ":", "arn:", ":" * 5, ":" * 9, "*"]


async def test_no_text_is_an_internal_error(tmp_path: Path) -> None:
    async with rig(tmp_path / "data") as node:
        resources = ServiceResources()
        resources.attach(node.platform)
        for service in [*SERVICES, "states"]:
            begun = f"arn:aws:{service}"
            cut = [f"{begun}{':' * colons}" for colons in range(6)]
            for text in [*TEXTS, *cut, f"{begun}:*:*:*", *(f"{begun}:{PLACE}:{one}" for one in RESOURCES)]:
                assert await resources.policy(text) is None or service in text
                assert await resources.owner(text) == ""
                assert not await resources.tags(text, {})
