"""Makes the credential report: a CSV of the users of the account with the state of their credentials.

A report is made anew whenever it is asked for, while AWS makes one every four hours at most.
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.arn import partition_of
from nightbus.aws.errors import AwsError
from nightbus.services.context import Context
from nightbus.services.iam.keys_of_users import keys_of
from nightbus.services.iam.last_used import last_use
from nightbus.services.iam.password_policy import password_age
from nightbus.services.iam.records import USERS, entities, time_of
from nightbus.store.interface import PutRecord

_REPORT, _KEY = "iam/credential-report", "report"
_DAY_MS = 24 * 3600 * 1000
_VALID_MS = 4 * 3600 * 1000
_USER_COLUMNS = (
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
)
_KEY_COLUMNS = ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
_KEYS, _CERTIFICATES = 2, 2
_NO_KEY = ("false", "N/A", "N/A", "N/A", "N/A")
_NO_CERTIFICATE = ("false", "N/A")
_COLUMNS = (
    *_USER_COLUMNS,
    *(f"access_key_{number}_{name}" for number in range(1, _KEYS + 1) for name in _KEY_COLUMNS),
    *(f"cert_{number}_{name}" for number in range(1, _CERTIFICATES + 1) for name in _KEY_COLUMNS[:2]),
)


async def generate_credential_report(ctx: Context) -> dict[str, Any]:
    before = await ctx.store.get(ctx.global_scope, _REPORT, _KEY)
    value = {"Content": await _content(ctx), "Generated": ctx.now_ms()}
    await ctx.store.commit(PutRecord(ctx.global_scope, _REPORT, _KEY, value))
    if before is not None and ctx.now_ms() - before.value["Generated"] < _VALID_MS:
        return {"State": "COMPLETE"}
    return {
        "State": "STARTED",
        "Description": "No report exists. Starting a new report generation task",
    }


async def get_credential_report(ctx: Context) -> dict[str, Any]:
    report = await ctx.store.get(ctx.global_scope, _REPORT, _KEY)
    if report is None:
        raise AwsError("ReportNotPresent", "No report is present for this account.", 410)
    if ctx.now_ms() - report.value["Generated"] >= _VALID_MS:
        raise AwsError("ReportExpired", "The most recent credential report has expired.", 410)
    return {
        "Content": report.value["Content"].encode(),
        "ReportFormat": "text/csv",
        "GeneratedTime": time_of(report.value["Generated"]),
    }


async def _content(ctx: Context) -> str:
    users = sorted(await entities(ctx, USERS), key=lambda user: str(user["UserName"]).lower())
    rows = [_COLUMNS, await _root_row(ctx), *[await _user_row(ctx, user) for user in users]]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().removesuffix("\n")


async def _root_row(ctx: Context) -> Sequence[str]:
    arn = f"arn:{partition_of(ctx.region)}:iam::{ctx.account}:root"
    password = ("not_supported", "no_information", "not_supported", "not_supported")
    return ("<root_account>", arn, "N/A", *password, "false", *await _credentials(ctx, ""))


async def _user_row(ctx: Context, user: Mapping[str, Any]) -> Sequence[str]:
    name = user["UserName"]
    credentials = await _credentials(ctx, name)
    return (name, user["Arn"], _time(user["Created"]), *await _password(ctx, user), "false", *credentials)


async def _password(ctx: Context, user: Mapping[str, Any]) -> Sequence[str]:
    profile = user.get("LoginProfile")
    if not profile:
        return ("false", "N/A", "N/A", "N/A")
    days = await password_age(ctx)
    rotation = _time(profile["Changed"] + days * _DAY_MS) if days is not None else "N/A"
    return ("true", "no_information", _time(profile["Changed"]), rotation)


async def _credentials(ctx: Context, user_name: str) -> Sequence[str]:
    """Return the cells of the access keys and certificates. The root user's keys are those of no name."""
    records = sorted(await keys_of(ctx, user_name), key=lambda record: record.value.get("Created", 0))
    keys = [await _key_cells(ctx, record.key, record.value) for record in records[:_KEYS]]
    keys += [_NO_KEY] * (_KEYS - len(keys))
    return (*(cell for key in keys for cell in key), *_NO_CERTIFICATE * _CERTIFICATES)


async def _key_cells(ctx: Context, key_id: str, value: Mapping[str, Any]) -> Sequence[str]:
    use = await last_use(ctx, key_id)
    used = ("N/A", "N/A", "N/A") if use is None else (_time(use["time"]), use["region"], use["service"])
    return (str(value["Status"] == "Active").lower(), _time(value.get("Created", 0)), *used)


def _time(ms: int) -> str:
    return time_of(ms).isoformat()
