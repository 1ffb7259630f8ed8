"""Puts the input into an S3 bucket, as an object with the key that the target names.

Only destinations of functions have buckets as targets; rules do not.
"""

from __future__ import annotations

from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.errors import AwsError
from nightbus.delivery.jobs import Delivered, Job, Outcome, TargetContext
from nightbus.delivery.targets.outcomes import failed

KEY = "S3Key"  # the member of the target


async def deliver(job: Job[Any], ctx: TargetContext) -> Outcome:
    key = str(job.target[KEY])
    request = {
        "Bucket": Arn.parse(job.address).resource,
        "Key": key,
        "Body": job.input,
        "ContentType": "application/json",
    }
    try:
        await ctx.operations.call("s3", "PutObject", request, ctx.call)
    except AwsError as error:
        return failed(error)
    return Delivered(key)
