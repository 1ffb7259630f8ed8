"""Parses and formats ARNs."""

from __future__ import annotations

from typing import NamedTuple


class Arn(NamedTuple):
    """`arn:partition:service:region:account:resource`. The resource may have further colons."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Arn:
        """Parse `text`. Raises ValueError if it is not an ARN."""
        parts = text.split(":", 5)
        if len(parts) != 6 or parts[0] != "arn" or not parts[2] or not parts[5]:
            raise ValueError(f"{text!r} is not an ARN")
        return cls(*parts[1:])

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"


def arn(service: str, region: str, account: str, resource: str) -> str:
    return f"arn:{partition_of(region)}:{service}:{region}:{account}:{resource}"


def partition_of(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    if region.startswith("us-gov-"):
        return "aws-us-gov"
    return "aws"


def in_own_partition(text: str, region: str) -> str:
    """Return an ARN with the partition of its region, of `region` if it names none; any other text as it is.

    Who finds a resource by its ARN reads account, region and name, so policies have to see one spelling of the rest.
    Users and roles are of no region, and keep the ARN that they were made with from whichever region they are used.
    """
    parts = text.split(":", 4)
    if len(parts) < 5 or parts[0] != "arn" or parts[2] == "iam":
        return text
    own = partition_of(parts[3] or region)
    return text if parts[1] == own else ":".join([parts[0], own, *parts[2:]])


def last_part(arn: str) -> str:
    """Return what stands after the last colon or slash of an ARN: mostly the resource's own name."""
    return arn.removesuffix(":*").replace("/", ":").rsplit(":", 1)[-1]


def is_arn(text: str) -> bool:
    return text.startswith("arn:") and text.count(":") >= 5
