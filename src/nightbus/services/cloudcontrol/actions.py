"""Says which actions an operation of the Cloud Control API needs. They have CloudFormation's prefix and no resources.

What a resource's creation does is the caller's calls, or the role's, so each is authorized for itself.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_cloudcontrol.html
"""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.identity.needs import NeedsOf, needs, passes_role

_ROLE = passes_role("RoleArn", "cloudformation.amazonaws.com")


def _line(action: str, *further: NeedsOf) -> NeedsOf:
    return needs(f"cloudformation:{action}", "*", *further)


ACTIONS: Mapping[str, NeedsOf] = {
    "CancelResourceRequest": _line("CancelResourceRequest"),
    "CreateResource": _line("CreateResource", _ROLE),
    "DeleteResource": _line("DeleteResource", _ROLE),
    "GetResource": _line("GetResource", _ROLE),
    "GetResourceRequestStatus": _line("GetResourceRequestStatus"),
    "ListResourceRequests": _line("ListResourceRequests"),
    "ListResources": _line("ListResources", _ROLE),
    "UpdateResource": _line("UpdateResource", _ROLE),
}
