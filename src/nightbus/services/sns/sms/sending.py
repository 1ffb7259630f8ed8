"""Decides what becomes of a text message: how many parts it has, and whether it reaches its number.

https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html
https://docs.aws.amazon.com/sns/latest/dg/sms_stats_cloudwatch.html (the reasons of failures)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.messaging.notification import Attributes
from nightbus.messaging.outbox import SMS
from nightbus.services.sns.deliveries.outgoing import Outgoing
from nightbus.services.sns.sms.attributes import sms_attributes
from nightbus.services.sns.sms.numbers import is_opted_out
from nightbus.services.sns.sms.spending import PRICE, spent_parts
from nightbus.store.interface import Store

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)  # GSM 03.38
_EXTENDED = frozenset("^{}\\[~]|€\f")  # two places each
_SETTINGS = {
    "AWS.SNS.SMS.SenderID": "sender_id",
    "AWS.SNS.SMS.SMSType": "sms_type",
    "AWS.SNS.SMS.MaxPrice": "max_price",
    "AWS.MM.SMS.OriginationNumber": "origination_number",
    "AWS.MM.SMS.EntityId": "entity_id",
    "AWS.MM.SMS.TemplateId": "template_id",
}


def parts_of(text: str) -> int:
    """Return how many messages carry the text: each has 160 characters of GSM's alphabet or 70 others, or fewer if they
    are several."""
    if _BASIC.union(_EXTENDED).issuperset(text):
        places, alone, together = len(text) + sum(one in _EXTENDED for one in text), 160, 153
    else:
        places, alone, together = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if places <= alone else math.ceil(places / together)


async def text_message(
    store: Store, scope: Scope, number: str, text: str, attributes: Attributes, *, limited: bool, now: int
) -> Outgoing:
    """Return the message to `number`. `limited`: the month's spend limit counts. `now` is UTC ms."""
    settings = await sms_attributes(store, scope)
    details: dict[str, Any] = {
        shown: attributes[name]["StringValue"]
        for name, shown in _SETTINGS.items()
        if "StringValue" in attributes.get(name, {})
    }
    details.setdefault("sms_type", settings.get("DefaultSMSType", "Promotional"))
    if "DefaultSenderID" in settings:
        details.setdefault("sender_id", settings["DefaultSenderID"])
    details["parts"] = parts_of(text)
    details["price"] = round(details["parts"] * PRICE, 5)
    refusal = ""
    if await is_opted_out(store, scope, number):
        refusal = "Phone number is opted out"
    elif _exceeds(details):
        refusal = "This delivery would exceed max price"
    elif limited:
        spent = (await spent_parts(store, scope, now)) * PRICE
        if spent + details["price"] > float(settings["MonthlySpendLimit"]):
            refusal = "No quota left for account"
    return Outgoing(SMS, number, text, refusal=refusal, details=details)


def _exceeds(details: Mapping[str, Any]) -> bool:
    try:
        return float(details["price"]) > float(details["max_price"])
    except (KeyError, ValueError):
        return False
