"""What the tests of EventBridge by boto3 share: rules whose events can be read, and buses that others may use."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from waiting import wait_for

Client = Callable[..., Any]
ACCOUNT = "000000000000"
GOOD = {"Source": "shop", "DetailType": "order", "Detail": '{"n": 1}'}


class Listener:
    """A rule with a log group as its target, and what arrives there."""

    def __init__(
        self, client: Client, pattern: Any, bus: str = "default", account: str = ACCOUNT, **options: Any
    ) -> None:
        region = options.get("region", "us-east-1")
        self._logs = client("logs", account=account, **options)
        self._events = client("events", account=account, **options)
        self.name = f"listener-{uuid4().hex[:8]}"
        self.group = f"/events/{self.name}"
        self._logs.create_log_group(logGroupName=self.group)
        admit_events(self._logs, region, account)
        self.rule = self._events.put_rule(Name=self.name, EventBusName=bus, EventPattern=json.dumps(pattern))[
            "RuleArn"
        ]
        arn = f"arn:aws:logs:{region}:{account}:log-group:{self.group}"
        self._events.put_targets(Rule=self.name, EventBusName=bus, Targets=[{"Id": "log", "Arn": arn}])

    def heard(self, count: int) -> list[Any]:
        def enough() -> list[Any] | None:
            found = self._logs.filter_log_events(logGroupName=self.group)["events"]
            return [json.loads(one["message"]) for one in found] if len(found) >= count else None

        return wait_for(enough)


def admit_events(logs: Any, region: str = "us-east-1", account: str = ACCOUNT) -> None:
    """EventBridge may write to the account's log groups.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
    """
    one = {
        "Effect": "Allow",
        "Principal": {"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": f"arn:aws:logs:{region}:{account}:log-group:*",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [one]})
    logs.put_resource_policy(policyName="events", policyDocument=document)


def admit(client: Client, owner: str, account: str = ACCOUNT, bus: str = "default", **options: Any) -> None:
    """The owner's bus takes events from the account."""
    events = client("events", account=owner, **options)
    events.put_permission(
        EventBusName=bus, Action="events:PutEvents", Principal=account, StatementId=f"from-{account}"
    )


def put(events: Any, *entries: dict[str, Any]) -> list[dict[str, Any]]:
    """The results of entries that are all taken."""
    reply = events.put_events(Entries=list(entries))
    assert reply["FailedEntryCount"] == 0, reply
    results: list[dict[str, Any]] = reply["Entries"]
    return results
