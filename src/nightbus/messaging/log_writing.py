"""Says what the role of a function needs so that Lambda writes the function's log. Pure.

As on AWS it is the role, not Lambda, that makes the group and the stream: where one of them is missing, its action is
needed before that of the events.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html#monitoring-cloudwatchlogs-prereqs
"""

from __future__ import annotations

from nightbus.aws.arn import arn
from nightbus.aws.calls import Scope
from nightbus.policies.request import Need

PUT_EVENTS = "logs:PutLogEvents"
_CREATE_GROUP, _CREATE_STREAM = "logs:CreateLogGroup", "logs:CreateLogStream"


def writing_needs(
    scope: Scope, group: str, stream: str, *, has_group: bool, has_stream: bool = False
) -> list[Need]:
    """Return what is needed, in the order in which it is done. A stream that is there has its group."""
    of_group = arn("logs", scope.region, scope.account, f"log-group:{group}:log-stream:")
    of_stream = of_group + stream
    if has_stream:
        return [Need(PUT_EVENTS, of_stream)]
    first = [] if has_group else [Need(_CREATE_GROUP, of_group)]
    return [*first, Need(_CREATE_STREAM, of_stream), Need(PUT_EVENTS, of_stream)]
