"""Gives the values of condition keys: those that come with a request, and those that follow from its principal.

A key has a value (a text, or several), or is absent (""), or is unknown (None): the evaluator cannot say what AWS
would say. Absent is every global key that the request does not have, and every key of a service that the tables of
actions give wherever a request has it. Source:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from __future__ import annotations

from collections.abc import Callable

from nightbus.policies.principals import account_of, principal_arn, principal_type, user_name
from nightbus.policies.request import AccessRequest, Values
from nightbus.policies.service_keys import PREFIXES_OF_SERVICES, SERVICE_KEYS

ABSENT = ""
# Global keys of AWS, in lower case, that no request to Nightbus has where it does not say so: there are no
# organizations, no VPC endpoints and no chat applications. Keys of a call (aws:SourceIp, aws:CurrentTime) come with
# requests that a call makes; where the policy of a resource is asked about a delivery they are unknown.
_GLOBAL = frozenset(
    {
        "aws:assumedroot", "aws:canonicaluserid", "aws:chatbotsourcearn", "aws:ec2instancesourceprivateipv4",
        "aws:ec2instancesourcevpc", "aws:federatedprovider", "aws:isvpceservice", "aws:multifactorauthage",
        "aws:principalorgid", "aws:principalorgpaths", "aws:principalservicenameslist", "aws:referer",
        "aws:resourceorgid", "aws:resourceorgpaths", "aws:signinsessionarn",
        "aws:sourceidentity", "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourcevpc", "aws:sourcevpcarn",
        "aws:sourcevpce", "aws:tagkeys", "aws:vpceaccount", "aws:vpceorgid", "aws:vpceorgpaths", "aws:vpcsourceip",
    }
)  # fmt: skip
_PREFIXES = ("aws:principaltag/", "aws:requesttag/", "aws:resourcetag/", *PREFIXES_OF_SERVICES)


def _is_service(request: AccessRequest) -> bool:
    return bool(request.service) and not request.arn


_DERIVED: dict[str, Callable[[AccessRequest], str]] = {
    "aws:principalaccount": lambda request: request.account or account_of(request.arn),
    "aws:principalarn": lambda request: principal_arn(request.arn),
    "aws:principalisawsservice": lambda request: "true" if _is_service(request) else "false",
    "aws:principalservicename": lambda request: request.service if _is_service(request) else ABSENT,
    "aws:principaltype": lambda request: principal_type(request.arn),
    "aws:resourceaccount": lambda request: account_of(request.resource),
    "aws:securetransport": lambda _: "true",  # policies use it against plain HTTP over the internet
    "aws:sourceaccount": lambda request: request.source_account,
    "aws:sourcearn": lambda request: request.source_arn,
    # A topic's default policy names its own account by it.
    "aws:sourceowner": lambda request: request.account,
    "aws:username": lambda request: user_name(request.arn),
    "aws:viaawsservice": lambda request: "true" if request.service and request.arn else "false",
}


def value_of(request: AccessRequest, key: str) -> Values | None:
    """Return the value of a key (in lower case), "" for an absent one, None for an unknown one."""
    return reader(key)(request)


def reader(key: str) -> Callable[[AccessRequest], Values | None]:
    """Return the function that reads a key (in lower case) from requests, for a policy that asks often."""
    derived = _DERIVED.get(key)
    if derived is not None:
        return lambda request: derived(request) if (value := request.keys.get(key)) is None else value
    absent = ABSENT if is_known(key) else None
    return lambda request: request.keys.get(key, absent)


def is_known(key: str) -> bool:
    """Return whether a request without this key (in lower case) is one that has no value for it."""
    return key in _GLOBAL or key in SERVICE_KEYS or key.startswith(_PREFIXES)
