"""Publishes what Secrets Manager itself does with secrets on the default bus, as CloudTrail's service events.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
"""

from __future__ import annotations

from datetime import UTC, datetime

from nightbus.services.context import Platform
from nightbus.services.secretsmanager.records import Secret
from nightbus.services.service_events import ServiceEvents


class SecretEvents(ServiceEvents):
    """The events of a change of one secret."""

    def __init__(self, platform: Platform, secret: Secret) -> None:
        super().__init__(platform, secret.scope, "aws.secretsmanager")
        self._secret = secret

    def happened(self, name: str, **data: str) -> None:
        """Add an event such as RotationSucceeded. `data` are further members of its `additionalEventData`."""
        moment = datetime.fromtimestamp(self.now / 1000, UTC)
        detail = {
            "eventVersion": "1.08",
            "eventTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            "eventSource": "secretsmanager.amazonaws.com",
            "eventName": name,
            "awsRegion": self._secret.scope.region,
            "additionalEventData": {"SecretId": self._secret.arn, **data},
            "eventType": "AwsServiceEvent",
            "recipientAccountId": self._secret.scope.account,
        }
        self.add("AWS Service Event via CloudTrail", self._secret.arn, detail)
