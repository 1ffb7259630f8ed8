"""Lists the AWS services of Nightbus. Each has a package with handlers that are named after its operations.

A package's `HANDLERS` maps operation names to handlers (`async def put_rule(ctx, *, name, event_pattern=None)`):
the keyword parameters are the operation's members in snake case, so a member that a handler does not name is
refused by name instead of being ignored. Its optional `WORKERS` are coroutines that run
as long as the node does, its `DUTIES` those that run on one node at a time of several (`nightbus.store.duties`), and
its `JOB_QUEUES` make the queues whose jobs the dispatcher delivers (`nightbus.delivery.jobs`).
"""

from __future__ import annotations

SERVICES: dict[str, str] = {
    # botocore's service name: the package that handles it
    "cloudcontrol": "nightbus.services.cloudcontrol",
    "cloudformation": "nightbus.services.cloudformation",
    "cloudtrail": "nightbus.services.cloudtrail",
    "ecr": "nightbus.services.ecr",
    "events": "nightbus.services.events",
    "iam": "nightbus.services.iam",
    "kms": "nightbus.services.kms",
    "lambda": "nightbus.services.lambda_",
    "logs": "nightbus.services.logs",
    "s3": "nightbus.services.s3",
    "schemas": "nightbus.services.schemas",
    "secretsmanager": "nightbus.services.secretsmanager",
    "sns": "nightbus.services.sns",
    "sqs": "nightbus.services.sqs",
    "ssm": "nightbus.services.ssm",
    "sts": "nightbus.services.sts",
}

# These have neither workers nor duties nor jobs, so a node imports them with their first request and not at its start.
WITHOUT_WORK = frozenset({"ecr", "iam", "schemas", "sts"})
