"""Registers the operations of the Cloud Control API, over the resource types of CloudFormation."""

from __future__ import annotations

from nightbus.services.cloudcontrol import changes, requests, resources, working
from nightbus.services.context import Handler, Worker

HANDLERS: dict[str, Handler] = {
    "CancelResourceRequest": requests.cancel_resource_request,
    "CreateResource": changes.create_resource,
    "DeleteResource": changes.delete_resource,
    "GetResource": resources.get_resource,
    "GetResourceRequestStatus": requests.get_resource_request_status,
    "ListResourceRequests": requests.list_resource_requests,
    "ListResources": resources.list_resources,
    "UpdateResource": changes.update_resource,
}
WORKERS: list[Worker] = [working.carry_out_requests]
DUTIES: list[Worker] = [working.forget_old_requests]
