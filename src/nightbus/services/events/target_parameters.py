"""Checks which parameters a target may have and must have by its ARN, with PutTargets's error texts.

`bus/transform.py` checks that inputs and templates are well-formed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError, validation_error
from nightbus.bus.json_text import parse_json
from nightbus.bus.template import sample_of
from nightbus.delivery.forwarding.kinds import kind_of
from nightbus.messaging.queue import queue_address

# The services whose targets may have a block of parameters. Every target may have SqsParameters.
_SERVICES = {
    "AppSyncParameters": ("appsync",),
    "BatchParameters": ("batch",),
    "EcsParameters": ("ecs",),
    "HttpParameters": ("events", "execute-api"),
    "KinesisParameters": ("kinesis",),
    "RedshiftDataParameters": ("redshift", "redshift-serverless"),
    "RunCommandParameters": ("ssm",),
    "SageMakerPipelineParameters": ("sagemaker",),
}
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-gateway-target.html
_NOT_FOR_APIS = frozenset(
    {
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "host",
        "max-forwards",
        "te",
        "transfer-encoding",
        "trailer",
        "upgrade",
        "via",
        "www-authenticate",
        "x-forwarded-for",
    }
)
_LOG_EVENT = {"timestamp", "message"}


def check_parameters(target: Mapping[str, Any]) -> None:
    """Raise AwsError if the target lacks a parameter, or has one, that does not go with its ARN."""
    name, arn = target["Id"], Arn.parse(target["Arn"])
    unfit = [
        block for block, services in _SERVICES.items() if block in target and arn.service not in services
    ]
    if unfit:
        raise validation_error(f"Parameter(s) {', '.join(unfit)} not supported for target: {name}.")
    required = _required_block(target, arn)
    if required and not target.get(required):
        raise validation_error(f"Parameter(s) {required} must be specified for target: {name}.")
    if arn.service == "execute-api":
        _check_headers(target)
    if arn.service == "logs" and not _makes_log_events(target):
        raise validation_error(f"Input for target {name} is not a valid JSON text.")


def _check_headers(target: Mapping[str, Any]) -> None:
    for header in (target.get("HttpParameters") or {}).get("HeaderParameters") or {}:
        name = header.lower()
        if name in _NOT_FOR_APIS or name.startswith("x-amz"):
            raise validation_error(f"Header {header} is not permitted for target: {target['Id']}.")


def _required_block(target: Mapping[str, Any], arn: Arn) -> str:
    """Return the name of the block that a target of this ARN must have, "" if there is none."""
    if arn.service == "sqs" and arn.resource.endswith(".fifo"):
        return "SqsParameters"
    kind = kind_of(target["Arn"])
    return kind.parameters if kind is not None and kind.required else ""


def _makes_log_events(target: Mapping[str, Any]) -> bool:
    """Return whether the input of a log group is valid: the whole event, or an object of a timestamp and a message."""
    if target.get("Input") is not None or target.get("InputPath") is not None:
        return False
    transformer = target.get("InputTransformer")
    if transformer is None:
        return True
    try:
        sample = parse_json(sample_of(transformer["InputTemplate"]))
    except ValueError:  # the template makes text, not JSON
        return False
    return isinstance(sample, dict) and set(sample) == _LOG_EVENT


def check_dead_letter_queue(arn: str, scope: Scope) -> None:
    """Raise AwsError unless the ARN is that of a standard queue in the region."""
    try:
        service = Arn.parse(arn).service
    except ValueError:
        raise _bad_dead_letters(f"Invalid ARN {arn}.") from None
    if service != "sqs":
        raise validation_error(f"{service} is not supported as a dead letter resource")
    scope_and_name = queue_address(arn)
    if scope_and_name is None:
        raise _bad_dead_letters(f"Invalid ARN {arn}.")
    if scope_and_name[1].endswith(".fifo"):
        raise validation_error("SQS FIFO is not supported by Dead Letter Queues")
    if scope_and_name[0].region != scope.region:
        raise _bad_dead_letters(f"The queue must be in {scope.region}.")


def _bad_dead_letters(reason: str) -> AwsError:
    return validation_error(f"Invalid parameter: DeadLetterConfig Reason: {reason}")


def check_ids(targets: list[dict[str, Any]]) -> None:
    """Raise AwsError if two targets have the same id."""
    ids = [target["Id"] for target in targets]
    for one in ids:
        if ids.count(one) > 1:
            reason = f"More than one target with Id '{one}' is provided."
            raise validation_error(f"Parameter targets is not valid. Reason: {reason}")
