"""Says what the role of a function needs so that Lambda writes the function's log. Pure.

As on AWS it is the role, not Lambda, that makes the group and the stream: where one of them is missing, its action is
needed before that of the events.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html#monitoring-cloudwatchlogs-prereqs
"""

from __future__ import annotations

from datetime import UTC, datetime

from nightbus.aws.arn import arn
from nightbus.aws.calls import Scope
from nightbus.policies.request import Need

PUT_EVENTS = "logs:PutLogEvents"
_CREATE_GROUP, _CREATE_STREAM = "logs:CreateLogGroup", "logs:CreateLogStream"


def stream_name(group: str, function: str, version: str, began_ms: int, environment: str) -> str:
    """Return the name of an environment's stream. In a group of one's own, which functions may share, it has the
    function's name. `environment` is the environment's id: 32 hexadecimal digits.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html
    """
    day = f"{datetime.fromtimestamp(began_ms / 1000, UTC):%Y/%m/%d}"
    if group == f"/aws/lambda/{function}":
        return f"{day}/[{version}]{environment}"
    return f"{day}/{function}[{version}]{environment}"


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
