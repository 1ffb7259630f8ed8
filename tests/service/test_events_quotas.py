"""A node that is told so keeps to no quotas."""

from __future__ import annotations

from nodes import RunningNode

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"


def test_without_quotas_there_may_be_more_of_everything() -> None:
    node = RunningNode(environ={"NIGHTBUS_QUOTAS": "no"})
    try:
        events = node.client("events")
        for at in range(301):
            events.put_rule(Name=f"r{at}", EventPattern='{"source": ["shop"]}')
        for at in range(101):
            events.create_event_bus(Name=f"b{at}")
        targets = [{"Id": str(at), "Arn": FUNCTION} for at in range(6)]
        assert events.put_targets(Rule="r0", Targets=targets)["FailedEntryCount"] == 0
        shown = events.describe_rule(Name="r300")
        assert (shown["CreatedBy"], shown["State"]) == ("000000000000", "ENABLED")
    finally:
        assert node.stop() == 0
