"""Publishes what Secrets Manager itself does with secrets on the default bus, as CloudTrail's service events.

They are in CloudTrail's history too, from the same commit.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
"""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from nightbus.aws.ids import new_event_id
from nightbus.identity.audit import TRAIL
from nightbus.services.context import Platform
from nightbus.services.secretsmanager.records import Secret
from nightbus.services.service_events import ServiceEvents
from nightbus.store.interface import Append, Change


class SecretEvents(ServiceEvents):
    """The events of a change of one secret."""

    def __init__(self, platform: Platform, secret: Secret) -> None:
        super().__init__(platform, secret.scope, "aws.secretsmanager")
        self._secret = secret
        self._records: list[Append] = []

    def happened(self, name: str, **data: str) -> None:
        """Add an event such as RotationSucceeded. `data` are further members of its `additionalEventData`."""
        moment = datetime.fromtimestamp(self.now / 1000, UTC)
        detail = {
            "eventVersion": "1.11",
            "userIdentity": {
                "accountId": self._secret.scope.account,
                "invokedBy": "secretsmanager.amazonaws.com",
            },
            "eventTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            "eventSource": "secretsmanager.amazonaws.com",
            "eventName": name,
            "awsRegion": self._secret.scope.region,
            "sourceIPAddress": "secretsmanager.amazonaws.com",
            "userAgent": "secretsmanager.amazonaws.com",
            "requestParameters": None,
            "responseElements": None,
            "additionalEventData": {"SecretId": self._secret.arn, **data},
            "eventID": new_event_id(self.now),
            "readOnly": False,
            "resources": [{"ARN": self._secret.arn, "type": "AWS::SecretsManager::Secret"}],
            "eventType": "AwsServiceEvent",
            "managementEvent": True,
            "recipientAccountId": self._secret.scope.account,
            "eventCategory": "Management",
        }
        self.add("AWS Service Event via CloudTrail", self._secret.arn, detail)
        self._records.append(Append(self._secret.scope, TRAIL, self.now, orjson.dumps(detail)))

    async def commit(self, *changes: Change) -> None:
        """Commit the change with its events and records. Raises Conflict."""
        await super().commit(*changes, *self._records)
