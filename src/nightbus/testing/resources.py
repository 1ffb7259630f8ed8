"""Says which ARN the resource of a stack has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nightbus.aws.arn import arn

if TYPE_CHECKING:
    from nightbus.testing.interface import Account, StackResource

_BY_NAME = {
    "AWS::Lambda::Function": ("lambda", "function:{}"),
    "AWS::Events::EventBus": ("events", "event-bus/{}"),
    "AWS::Logs::LogGroup": ("logs", "log-group:{}"),
}


def arn_of_resource(account: Account, resource: StackResource) -> str:
    """Raises LookupError for a type whose ARN does not follow from its id."""
    name = resource.physical_id
    if name.startswith("arn:"):
        return name
    if resource.type_name == "AWS::SQS::Queue":
        return arn("sqs", account.region, account.account, name.rpartition("/")[2])
    if resource.type_name == "AWS::S3::Bucket":
        return f"arn:aws:s3:::{name}"
    if resource.type_name == "AWS::Events::ApiDestination":
        events = account.client("events")
        return str(events.describe_api_destination(Name=name)["ApiDestinationArn"])
    if resource.type_name not in _BY_NAME:
        raise LookupError(f"give the ARN of the {resource.type_name} {name}")
    service, form = _BY_NAME[resource.type_name]
    return arn(service, account.region, account.account, form.format(name))
