"""Cloud Control API: resources by their CloudFormation type, as far as the AWS tools ask for them."""

from __future__ import annotations

from nightbus.services.cloudcontrol import resources
from nightbus.services.context import Handler

HANDLERS: dict[str, Handler] = {
    "GetResource": resources.get_resource,
}
