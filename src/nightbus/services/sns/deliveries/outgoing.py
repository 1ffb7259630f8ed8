"""Defines a message on its way to the outbox, whose delivery is decided: by a job of a subscription, or by Publish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.messaging.outbox import EMAIL, SMS, OutboxMessage
from nightbus.services.sns.deliveries.mail import Mail
from nightbus.services.sns.sms.spending import spending
from nightbus.store.interface import Change, Store


@dataclass(frozen=True, slots=True)
class Outgoing:
    """`refusal` says why it is not delivered, "" where it is. The others are as `OutboxMessage` has them."""

    kind: str
    to: str
    text: str
    subject: str = ""
    refusal: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> dict[str, Any]:
        """The target of the job that delivers it; the text is the job's input."""
        return {
            "Outbox": self.kind,
            "To": self.to,
            "Subject": self.subject,
            "Refusal": self.refusal,
            "Details": self.details,
        }

    @classmethod
    def of(cls, target: Mapping[str, Any], text: bytes) -> Outgoing:
        return cls(
            target["Outbox"],
            target["To"],
            text.decode(),
            target["Subject"],
            target["Refusal"],
            target["Details"],
        )

    async def changes(
        self, store: Store, scope: Scope, message_id: str, now: int, topic: str = ""
    ) -> list[Change]:
        """Return the changes that put it into the outbox, and count what a text message costs. `now` is UTC ms."""
        kept = OutboxMessage(
            message_id, self.kind, self.to, self.text, now, self.subject, topic, self.refusal, self.details
        )
        if self.kind == SMS and not self.refusal:
            return [kept.entry(scope), await spending(store, scope, self.details["parts"], now)]
        return [kept.entry(scope)]


def outgoing_mail(address: str, mail: Mail) -> Outgoing:
    return Outgoing(EMAIL, address, mail.text, mail.subject, details={"from": mail.sender_name})
