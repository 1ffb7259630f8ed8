"""Answers GetParameter, GetParameters and GetParametersByPath."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError, validation_error
from nightbus.aws.pagination import decode_token, encode_token
from nightbus.services.context import Context
from nightbus.services.ssm.errors import PUBLIC, invalid_token, no_parameter, public_parameters, wrong_path
from nightbus.services.ssm.filters import LABEL, Test, label_of, tests_of
from nightbus.services.ssm.names import check_name, parse_reference
from nightbus.services.ssm.records import PARAMETER, find_parameter, find_version, parameter_reply
from nightbus.services.ssm.secret_references import PREFIX, referenced_secret
from nightbus.store.interface import Record

_PAGE = 10
_READ_AT_ONCE = 100
_FILTER_KEYS = ("Type", "KeyId", LABEL)
_NOT_THERE = frozenset({"ParameterNotFound", "ParameterVersionNotFound"})


async def get_parameter(ctx: Context, *, name: str, with_decryption: bool = False) -> dict[str, Any]:
    return {"Parameter": await _read(ctx, name, with_decryption)}


async def _read(ctx: Context, name: str, decrypt: bool) -> dict[str, Any]:
    if name.startswith(f"{PUBLIC}/") and not name.startswith(f"{PUBLIC}/ami"):
        raise public_parameters("GetParameter")
    if name.startswith(PREFIX):
        return await referenced_secret(ctx, name, decrypt)
    reference = parse_reference(ctx.scope, name)
    record = await find_parameter(ctx, reference)
    version = await find_version(ctx, record, reference.selector)
    return await parameter_reply(ctx, record.key, version, decrypt, reference.selector)


async def get_parameters(ctx: Context, *, names: list[str], with_decryption: bool = False) -> dict[str, Any]:
    if len(set(names)) != len(names):
        raise validation_error("Duplicate parameter names are not allowed.")
    found, invalid = [], []
    for name in names:
        try:
            if name.startswith(f"{PUBLIC}/"):
                raise no_parameter()
            found.append(await _read(ctx, name, with_decryption))
        except AwsError as error:
            if error.code not in _NOT_THERE:
                raise
            invalid.append(name)
    return {"Parameters": found, "InvalidParameters": invalid}


async def get_parameters_by_path(
    ctx: Context,
    *,
    path: str,
    recursive: bool = False,
    parameter_filters: list[dict[str, Any]] | None = None,
    with_decryption: bool = False,
    max_results: int = _PAGE,
    next_token: str | None = None,
) -> dict[str, Any]:
    check_path(path)
    prefix = path if path.endswith("/") else f"{path}/"
    after = decode_token(next_token, invalid_token()) if next_token else ""
    filters = parameter_filters or []
    tests, label = tests_of(filters, _FILTER_KEYS), label_of(filters)
    if label:
        tests.append(lambda record: label in record.value["labels"])
    records, more = await _below(ctx, prefix, recursive, tests, after, max_results)
    found = [
        await parameter_reply(ctx, record.key, await find_version(ctx, record, label), with_decryption, label)
        for record in records
    ]
    return {"Parameters": found, "NextToken": encode_token(records[-1].key) if more else None}


def check_path(path: str) -> None:
    """Raise AwsError unless the path is one that parameters can have."""
    if path.startswith(PUBLIC):
        raise public_parameters("GetParametersByPath")
    if not path.startswith("/"):
        raise wrong_path()
    if path != "/":
        try:
            check_name(path.removesuffix("/"))
        except AwsError as wrong:
            raise wrong_path() from wrong


async def _below(
    ctx: Context, prefix: str, recursive: bool, tests: list[Test], after: str, limit: int
) -> tuple[list[Record], bool]:
    """Return a page of the parameters below the path, and whether there are more. "/" is the path of names without a
    slash too."""
    found: list[Record] = []
    in_store = "" if prefix == "/" else prefix
    while len(found) <= limit:
        records = await ctx.store.list(
            ctx.scope, PARAMETER, prefix=in_store, after=after, limit=_READ_AT_ONCE
        )
        found += [
            record
            for record in records
            if (recursive or "/" not in record.key.removeprefix(prefix))
            and all(test(record) for test in tests)
        ]
        if len(records) < _READ_AT_ONCE:
            break
        after = records[-1].key
    return found[:limit], len(found) > limit
