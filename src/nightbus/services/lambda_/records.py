"""Defines and reads the records of functions.

`lambda/function` (key: name) holds `latest`, the highest version number so far, tags and reserved concurrency. A
published version (`lambda/version`) is a copy of `latest`. Both are a `Version`: the configuration with the members of
the wire, the digest of the code, and the layers with their digests. `previous` is the version before an update that is
in progress or failed. Aliases, policies and settings of asynchronous invocation are records of their own, keyed by name
and qualifier.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from nightbus.aws.calls import Scope
from nightbus.policies.callers import NO_STATEMENTS
from nightbus.policies.compiled import compiled_statements
from nightbus.policies.document import Policy
from nightbus.services.context import Context
from nightbus.services.lambda_.errors import no_function, not_found
from nightbus.services.lambda_.lifecycle.states import update_failed
from nightbus.services.lambda_.names import LATEST, FunctionRef, is_version
from nightbus.store.interface import Change, KeepBlob, Record, RecordReader, ReleaseBlob, RequireRecord, Store

FUNCTION = "lambda/function"
VERSION = "lambda/version"
ALIAS = "lambda/alias"
POLICY = "lambda/policy"
EVENT_INVOKE = "lambda/event-invoke-config"
FUNCTION_URL = "lambda/function-url"
FUNCTION_URL_ID = "lambda/function-url-id"
PROVISIONED = "lambda/provisioned-concurrency"
RUNTIME_MANAGEMENT = "lambda/runtime-management"
LAYER = "lambda/layer"
LAYER_VERSION = "lambda/layer-version"
LAYER_POLICY = "lambda/layer-policy"
OF_AN_INVOCATION = (FUNCTION, VERSION, ALIAS, POLICY, EVENT_INVOKE, FUNCTION_URL, FUNCTION_URL_ID)
OF_A_FUNCTION = (VERSION, ALIAS, POLICY, EVENT_INVOKE, PROVISIONED, RUNTIME_MANAGEMENT)
OF_A_QUALIFIER = (POLICY, EVENT_INVOKE, PROVISIONED, RUNTIME_MANAGEMENT)  # deleted with the version or alias


class LayerUse(TypedDict):
    arn: str
    size: int
    unzipped: int
    digest: str


class Version(TypedDict):
    """A version of a function. `config` is a FunctionConfiguration, `unzipped` the size in bytes of the code without
    its layers."""

    config: dict[str, Any]
    digest: str
    unzipped: int
    layers: list[LayerUse]


def qualified_key(name: str, qualifier: str) -> str:
    """Return the key of a qualifier's record. Version numbers are padded, so that they sort as numbers."""
    return f"{name}:{qualifier.zfill(10) if qualifier.isdigit() else qualifier}"


def blob_owner(ref: FunctionRef, version: str) -> str:
    return f"lambda/{ref.arn}:{version}"


def blobs_of(version: Version) -> set[str]:
    return {version["digest"], *(layer["digest"] for layer in version["layers"])}


def blobs_held(value: Mapping[str, Any]) -> set[str]:
    """Return the blobs that the value of a function's record holds for $LATEST: those of what invocations run while an
    update is in progress, or after it failed, are among them."""
    previous = value.get("previous")
    return blobs_of(value["latest"]) | (blobs_of(previous) if previous else set())


def running_version(value: Mapping[str, Any]) -> Version:
    """Return what invocations of $LATEST run, out of the value of a function's record.

    Where the last update failed, that is the version before it."""
    latest: Version = value["latest"]
    previous: Version | None = value.get("previous")
    return previous if previous is not None and update_failed(latest["config"]) else latest


def blob_changes(owner: str, old: Version | None, new: Version | None) -> list[Change]:
    """Return the changes by which an owner keeps the blobs of `new` and releases those that only `old` has."""
    return change_of_blobs(owner, blobs_of(old) if old else set(), blobs_of(new) if new else set())


def change_of_blobs(owner: str, before: set[str], after: set[str]) -> list[Change]:
    keeps: list[Change] = [KeepBlob(digest, owner) for digest in sorted(after - before)]
    return keeps + [ReleaseBlob(digest, owner) for digest in sorted(before - after)]


async def require_function(ctx: Context, ref: FunctionRef) -> Record:
    record = await ctx.store.get(ref.scope, FUNCTION, ref.name)
    if record is None:
        raise no_function(ref.qualified_arn)
    return record


async def function_requirements(ctx: Context, ref: FunctionRef) -> list[RequireRecord]:
    """Return changes by which a commit requires the function, and the qualifier's version or alias, as they are now."""
    function = await require_function(ctx, ref)
    requirements = [RequireRecord(ref.scope, FUNCTION, ref.name, function.revision)]
    for kind in (VERSION, ALIAS) if ref.qualifier else ():
        key = qualified_key(ref.name, ref.qualifier)
        record = await ctx.store.get(ref.scope, kind, key)
        if record is not None:
            requirements.append(RequireRecord(ref.scope, kind, key, record.revision))
    return requirements


async def require_version(ctx: Context, ref: FunctionRef) -> tuple[Record, Version]:
    """Return the function's record and the qualifier's version; an alias stands for its version."""
    function = await require_function(ctx, ref)
    qualifier = ref.version_or_alias
    if not is_version(qualifier):
        alias = await ctx.store.get(ref.scope, ALIAS, qualified_key(ref.name, qualifier))
        if alias is None:
            raise not_found(f"Cannot find alias arn: {ref.qualified_arn}")
        qualifier = alias.value["FunctionVersion"]
    return function, await version_of(ctx.store, ref, function, qualifier)


async def resource_policy_of(store: RecordReader, ref: FunctionRef) -> Policy:
    """Return the policy of the function, or of the version or alias that the reference names."""
    record = await store.get(ref.scope, POLICY, qualified_key(ref.name, ref.qualifier))
    statements = record.value["statements"] if record is not None else []
    return compiled_statements(statements, ref.qualified_arn) or NO_STATEMENTS


async def version_of(store: RecordReader, ref: FunctionRef, function: Record, version: str) -> Version:
    if version == LATEST:
        latest: Version = function.value["latest"]
        return latest
    record = await store.get(ref.scope, VERSION, qualified_key(ref.name, version))
    if record is None:
        raise no_function(f"{ref.arn}:{version}")
    return as_version(record.value)


def as_version(value: dict[str, Any]) -> Version:
    return Version(
        config=value["config"], digest=value["digest"], unzipped=value["unzipped"], layers=value["layers"]
    )


async def versions_of(store: Store, scope: Scope, name: str) -> list[Record]:
    return await store.list(scope, VERSION, prefix=f"{name}:")
