"""Who asks? Links in notifications are visited by people without credentials, who may do less."""

from __future__ import annotations

from nightbus.aws.calls import Caller


def is_signed(caller: Caller) -> bool:
    """Whether the request had credentials, or came from inside."""
    return bool(caller.access_key or caller.service) or not caller.arn.endswith(":root")
