"""Finds sensitive data in what is published to a topic, and denies or masks it as the topic's policy says. Pure.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-data-protection-policies.html
https://docs.aws.amazon.com/sns/latest/dg/sns-message-data-protection-sensitive-data-types.html
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from nightbus.messaging.notification import Notification

INBOUND, OUTBOUND = "Inbound", "Outbound"
MANAGED = "arn:aws:dataprotection::aws:data-identifier/"
_PRIVATE_KEY = r"-----BEGIN {0}PRIVATE KEY-----[A-Za-z0-9+/=\s:,-]{{1,8000}}?-----END {0}PRIVATE KEY-----"
_IBAN = r"\b{0}\d{{2}}(?: ?[A-Z0-9]){{{1}}}\b"
IDENTIFIERS: Mapping[str, str] = {
    "AwsSecretKey": r"(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])",
    "BankAccountNumber-DE": _IBAN.format("DE", 18),
    "BankAccountNumber-ES": _IBAN.format("ES", 20),
    "BankAccountNumber-FR": _IBAN.format("FR", 23),
    "BankAccountNumber-GB": _IBAN.format("GB", 18),
    "BankAccountNumber-IT": _IBAN.format("IT", 23),
    "CreditCardNumber": r"(?<!\d)(?:\d{4}[ -]?){3}\d{1,7}(?!\d)|(?<!\d)3[47]\d{2}[ -]?\d{6}[ -]?\d{5}(?!\d)",
    "EmailAddress": r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}",
    "IpAddress": r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])",
    "OpenSshPrivateKey": _PRIVATE_KEY.format("OPENSSH "),
    "PhoneNumber-US": r"(?<!\d)(?:\+?1[ .-]?)?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}(?!\d)",
    "PkcsPrivateKey": _PRIVATE_KEY.format("(?:(?:RSA|ENCRYPTED|EC) )?"),
    "Ssn-US": r"(?<!\d)(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?!\d)",
}


def _is_card(text: str) -> bool:
    """Return whether the digits have a valid check digit, by Luhn."""
    digits = [int(one) for one in text if one.isdigit()][::-1]
    doubled = (sum(divmod(2 * one, 10)) for one in digits[1::2])
    return len(digits) in range(13, 20) and (sum(digits[::2]) + sum(doubled)) % 10 == 0


_CHECKS: Mapping[str, Callable[[str], bool]] = {"CreditCardNumber": _is_card}


@dataclass(frozen=True, slots=True)
class ProtectionStatement:
    """`principals` are ARNs, or `*` for all. `mask` is None to deny, "" to redact, else the character of the mask."""

    direction: str
    principals: tuple[str, ...]
    identifiers: tuple[str, ...]
    mask: str | None

    def concerns(self, direction: str, principal: str) -> bool:
        return self.direction == direction and ("*" in self.principals or principal in self.principals)

    def applied(self, text: str) -> str | None:
        """Return the text without what it must not have; None where it is denied."""
        for name in self.identifiers:
            check = _CHECKS.get(name, bool)
            pattern = _pattern(name)
            if self.mask is None:
                if any(check(found.group()) for found in pattern.finditer(text)):
                    return None
            else:
                text = pattern.sub(functools.partial(_masked, self.mask, check), text)
        return text


def _masked(mask: str, check: Callable[[str], bool], found: re.Match[str]) -> str:
    return mask * len(found.group()) if check(found.group()) else found.group()


@functools.lru_cache(maxsize=64)
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(IDENTIFIERS[name])


def statements_of(policy: str) -> tuple[ProtectionStatement, ...]:
    """Return the statements of a policy that was checked when it was put; none for ""."""
    return tuple(map(_statement, orjson.loads(policy)["Statement"])) if policy else ()


def _statement(value: Mapping[str, Any]) -> ProtectionStatement:
    principals = value["Principal"]
    operation = value["Operation"]
    mask: str | None = None
    if "Deidentify" in operation:
        config = operation["Deidentify"].get("MaskConfig")
        mask = "" if config is None else config.get("MaskWithCharacter", "#")
    return ProtectionStatement(
        value["DataDirection"],
        (principals,) if isinstance(principals, str) else tuple(principals),
        tuple(one.removeprefix(MANAGED) for one in value["DataIdentifier"]),
        mask,
    )


def protected(
    notification: Notification,
    statements: Sequence[ProtectionStatement],
    direction: str,
    principal: str,
) -> Notification | None:
    """Return the notification as `principal` may publish or get it; None where it may not at all."""
    if not statements:
        return notification
    bodies = dict(notification.bodies)
    for statement in statements:
        if not statement.concerns(direction, principal):
            continue
        for protocol, body in bodies.items():
            applied = statement.applied(body)
            if applied is None:
                return None
            bodies[protocol] = applied
    return replace(notification, bodies=bodies)
