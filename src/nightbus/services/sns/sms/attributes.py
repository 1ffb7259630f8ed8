"""Gets and sets the settings of an account's text messages.

https://docs.aws.amazon.com/sns/latest/api/API_SetSMSAttributes.html
"""

from __future__ import annotations

import re
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import not_supported
from nightbus.aws.grammar import whole_number
from nightbus.services.context import Context
from nightbus.services.sns.errors import bad_parameter
from nightbus.store.interface import PutRecord, Store

ATTRIBUTES, _KEY = "sns/sms-attributes", "account"
DEFAULT_LIMIT = "1"  # USD
_SENDER = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9]{1,11}")
_TYPES = ("Promotional", "Transactional")
_NAMES = (
    "MonthlySpendLimit",
    "DeliveryStatusIAMRole",
    "DeliveryStatusSuccessSamplingRate",
    "DefaultSenderID",
    "DefaultSMSType",
    "UsageReportS3Bucket",
)


async def sms_attributes(store: Store, scope: Scope) -> dict[str, str]:
    """Return what was set, and the spend limit, which always counts."""
    record = await store.get(scope, ATTRIBUTES, _KEY)
    return {"MonthlySpendLimit": DEFAULT_LIMIT, **(record.value if record is not None else {})}


async def get_sms_attributes(ctx: Context, *, attributes: list[str] | None = None) -> dict[str, Any]:
    for name in attributes or ():
        if name not in _NAMES:
            raise bad_parameter(f"attributes Reason: {name} is not a valid attribute")
    existing = await sms_attributes(ctx.store, ctx.scope)
    return {
        "attributes": {
            name: value for name, value in existing.items() if not attributes or name in attributes
        }
    }


async def set_sms_attributes(ctx: Context, *, attributes: dict[str, str]) -> dict[str, Any]:
    for name, value in attributes.items():
        _check(name, value)
    record = await ctx.store.get(ctx.scope, ATTRIBUTES, _KEY)
    existing, revision = ({}, 0) if record is None else (record.value, record.revision)
    merged = {name: value for name, value in {**existing, **attributes}.items() if value}
    await ctx.store.commit(PutRecord(ctx.scope, ATTRIBUTES, _KEY, merged, expect=revision))
    return {}


def _check(name: str, value: str) -> None:
    if name not in _NAMES:
        raise bad_parameter(f"attributes Reason: {name} is not a valid attribute")
    if not value:
        return  # it is set back
    if name == "UsageReportS3Bucket":
        raise not_supported("sns", "SetSMSAttributes", name)
    valid = {
        "MonthlySpendLimit": lambda: whole_number(value) is not None,
        "DeliveryStatusIAMRole": lambda: _is_role(value),
        "DeliveryStatusSuccessSamplingRate": lambda: whole_number(value) in range(101),
        "DefaultSenderID": lambda: _SENDER.fullmatch(value) is not None,
        "DefaultSMSType": lambda: value in _TYPES,
    }[name]()
    if not valid:
        raise bad_parameter(f"attributes Reason: Invalid value for attribute: {name}: {value}")


def _is_role(text: str) -> bool:
    try:
        parsed = Arn.parse(text)
    except ValueError:
        return False
    return parsed.service == "iam" and parsed.resource.startswith("role/")
