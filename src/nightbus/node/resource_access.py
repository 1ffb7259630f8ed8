"""Finds the policy, the owner and the tags of a resource, which the service that has it knows: by its ARN.

A service's `actions.py`, or the module `access.py` beside it, may have `resource_policy(platform, arn)`,
`resource_owner(platform, arn)` and `resource_tags(platform, arn, keys)`. Its `POLICY_RECORDS` are the kinds of records
that have policies with principals.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from nightbus.policies.document import Policy
from nightbus.policies.renamed_principals import renamed
from nightbus.policies.request import Values
from nightbus.services import SERVICES
from nightbus.services.context import Platform
from nightbus.store.interface import Change, PutRecord

_NO_TAGS: Mapping[str, str] = {}
_POLICY, _OWNER, _TAGS = "resource_policy", "resource_owner", "resource_tags"
Finder = Callable[..., Awaitable[Any]]


class ServiceResources:
    """Implements `identity.authorization.Resources` over the packages of `nightbus.services`."""

    def __init__(self) -> None:
        self._platform: Platform | None = None
        self._finders: dict[tuple[str, str], Finder | None] = {}

    def attach(self, platform: Platform) -> None:
        """Once, when the node's parts are made."""
        self._platform = platform

    async def policy(self, arn: str) -> Policy | None:
        find = self._finder(arn, _POLICY)
        if find is None:
            return None
        policy: Policy | None = await find(self._platform, arn)
        return policy

    def has_policies(self, arn: str) -> bool:
        return self._finder(arn, _POLICY) is not None

    async def owner(self, arn: str) -> str:
        find = self._finder(arn, _OWNER)
        return "" if find is None else str(await find(self._platform, arn) or "")

    async def tags(self, arn: str, keys: Mapping[str, Values]) -> Mapping[str, str]:
        find = self._finder(arn, _TAGS)
        if find is None:
            return _NO_TAGS
        tags: Mapping[str, str] = await find(self._platform, arn, keys)
        return tags

    async def renamed(self, principal: str, new: str) -> Sequence[Change]:
        """Return the changes that put `new` for the principal into every policy of the node that names it."""
        if self._platform is None:
            return ()
        store, changes = self._platform.store, []
        for kind in _kinds_with_policies():
            for scope in await store.scopes(kind):
                for record in await store.list(scope, kind):
                    value = renamed(record.value, principal, new)
                    if value is not record.value:
                        changes.append(PutRecord(scope, kind, record.key, value, record.revision))
        return changes

    def _finder(self, arn: str, name: str) -> Finder | None:
        """Return the function of the ARN's service, None where it has none, and for a text that is not an ARN."""
        parts = arn.split(":", 5)
        service = parts[2] if len(parts) == 6 and parts[0] == "arn" and parts[5] else ""
        if (service, name) not in self._finders:
            modules = [] if service not in SERVICES else service_modules(service)
            found = [getattr(module, name) for module in modules if hasattr(module, name)]
            self._finders[service, name] = found[0] if found else None
        return self._finders[service, name]


def _kinds_with_policies() -> list[str]:
    """Return what the services list as `POLICY_RECORDS`."""
    modules = [module for service in SERVICES for module in service_modules(service)]
    return [kind for module in modules for kind in getattr(module, "POLICY_RECORDS", ())]


def service_modules(service: str) -> list[ModuleType]:
    """Return the modules of a service that say what its operations need, and what its resources' policies are."""
    found = []
    for name in ("actions", "access"):
        full = f"{SERVICES[service]}.{name}"
        if importlib.util.find_spec(full) is not None:
            found.append(importlib.import_module(full))
    return found
