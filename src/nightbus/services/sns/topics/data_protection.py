"""Puts and gets the data protection policies of topics.

Statements that deny, mask or redact are honoured, for the identifiers that `IDENTIFIERS` has. Audits, and other
identifiers, are refused by name.
"""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import not_supported
from nightbus.messaging.data_protection import IDENTIFIERS, INBOUND, MANAGED, OUTBOUND
from nightbus.messaging.queue import FIFO_SUFFIX
from nightbus.services.context import Context
from nightbus.services.sns.errors import bad_parameter
from nightbus.services.sns.json_values import json_object
from nightbus.services.sns.records import change_topic, topic_record
from nightbus.store.interface import Record

POLICY = "protection"  # the member of a topic's record
_LONGEST = 30_720
_OPERATION = "PutDataProtectionPolicy"


async def put_data_protection_policy(ctx: Context, *, resource_arn: str, data_protection_policy: str) -> None:
    """Replace the topic's policy. An empty one ends it."""
    await topic_record(ctx, resource_arn, "SNS:PutDataProtectionPolicy")

    def changed(record: Record) -> dict[str, Any]:
        check_data_protection(data_protection_policy, record.key.endswith(FIFO_SUFFIX))
        return {**record.value, POLICY: data_protection_policy}

    await change_topic(ctx, resource_arn, changed)


async def get_data_protection_policy(ctx: Context, *, resource_arn: str) -> dict[str, Any]:
    _, record = await topic_record(ctx, resource_arn, "SNS:GetDataProtectionPolicy")
    return {"DataProtectionPolicy": record.value.get(POLICY, "")}


def check_data_protection(text: str, fifo: bool) -> None:
    """Raise AwsError for a policy that is not valid, or that asks for what is not done."""
    if not text:
        return
    if fifo:
        raise bad_parameter("DataProtectionPolicy: FIFO topics do not support data protection policies")
    if len(text.encode()) > _LONGEST:
        raise bad_parameter("DataProtectionPolicy: the policy is too long")
    policy = json_object("DataProtectionPolicy", text)
    statements = policy.get("Statement")
    if policy.get("Version") != "2021-06-01" or not isinstance(statements, list) or not statements:
        raise bad_parameter("DataProtectionPolicy: the policy needs Version 2021-06-01 and a Statement")
    if policy.get("Configuration"):
        raise not_supported("sns", _OPERATION, "Configuration")
    for statement in statements:
        _check_statement(statement)


def _check_statement(statement: Any) -> None:
    if not isinstance(statement, dict) or statement.get("DataDirection") not in (INBOUND, OUTBOUND):
        raise bad_parameter("DataProtectionPolicy: DataDirection must be Inbound or Outbound")
    if "NoPrincipal" in statement:
        raise not_supported("sns", _OPERATION, "NoPrincipal")
    principals = statement.get("Principal")
    if not _are_texts([principals] if isinstance(principals, str) else principals):
        raise bad_parameter("DataProtectionPolicy: Principal must be a list of ARNs")
    identifiers = statement.get("DataIdentifier")
    if not _are_texts(identifiers):
        raise bad_parameter("DataProtectionPolicy: DataIdentifier must be a list of identifiers")
    for identifier in identifiers or ():
        if identifier.removeprefix(MANAGED) not in IDENTIFIERS:
            raise not_supported("sns", _OPERATION, f"the DataIdentifier {identifier}")
    _check_operation(statement.get("Operation"))


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and bool(values) and all(isinstance(one, str) for one in values)


def _check_operation(operation: Any) -> None:
    if not isinstance(operation, dict) or len(operation) != 1:
        raise bad_parameter("DataProtectionPolicy: a statement has one Operation")
    ((name, settings),) = operation.items()
    if name == "Audit":
        raise not_supported("sns", _OPERATION, "the Operation Audit")
    if name not in ("Deny", "Deidentify") or not isinstance(settings, dict):
        raise bad_parameter("DataProtectionPolicy: Operation must be Audit, Deny or Deidentify")
    if name == "Deny":
        return
    mask, redact = settings.get("MaskConfig"), settings.get("RedactConfig")
    if (mask is None) == (redact is None) or not isinstance(mask or redact or {}, dict):
        raise bad_parameter("DataProtectionPolicy: Deidentify has a MaskConfig or a RedactConfig")
    character = (mask or {}).get("MaskWithCharacter", "#")
    if not isinstance(character, str) or len(character) != 1 or not character.isprintable():
        raise bad_parameter("DataProtectionPolicy: MaskWithCharacter must be one character")
