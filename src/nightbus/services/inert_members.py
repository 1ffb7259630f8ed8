"""Lists the members of requests that are accepted although no handler uses them, with the values for which that holds.

The operation registry refuses each member that a handler does not name, so that no request is silently ignored. Newer
tools send members with their documented default, or with a value that has an effect only with something that Nightbus
does not have, such as an object lock. Such a value requests nothing and is accepted, with one line and one source each.
Any other value of these members is refused by name.

`tests/unit/services/test_inert_members.py` lists the members of the newest models that are neither here nor handled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Asks = Callable[[Any], bool]


def _only(*values: Any) -> Asks:
    """Return the check that accepts these values."""
    return lambda value: value in values


def _empty(value: Any) -> bool:
    """Accept an empty list, text or structure, and a structure of these only."""
    if isinstance(value, Mapping):
        return all(map(_empty, value.values()))
    return value in (None, "", [], ())


def _anything(value: Any) -> bool:
    """Accept any value, because it is about something that Nightbus does not have."""
    return True


def _no_triggers(value: Any) -> bool:
    return not value.get("RollbackTriggers") and not value.get("MonitoringTimeInMinutes")


# By service and member, for every operation whose handler does not name the member: the values, and their source.
# "default" stands for the member's documentation in botocore's model of the service.
_MEMBERS: Mapping[str, Mapping[str, Asks]] = {
    "cloudformation": {
        "CallAs": _only("SELF"),  # default
        "DisableValidation": _anything,  # nothing to skip: an invalid template is never deployed
        "ForceRollback": _only(False),  # default
        "ResourceTypes": _only([], ["*"], ["AWS::*"]),  # default: permissions to all resource types
        "RollbackConfiguration": _no_triggers,  # default: no triggers, 0 minutes
    },
    "cloudtrail": {
        "IsOrganizationTrail": _only(False),  # default
        "RecursiveLogging": _empty,  # log files of a trail are never in a log file
    },
    "events": {"InvocationConnectivityParameters": _empty},
    "lambda": {
        "BisectBatchOnFunctionError": _only(False),  # of streams alone; default
        "CodeSigningConfigArn": _empty,
        "DestinationConfig": _only(
            {}, {"OnSuccess": {}, "OnFailure": {}}, {"OnFailure": {}}, {"OnSuccess": {}}
        ),
        "DocumentDBEventSourceConfig": _empty,
        "ImageConfig": _empty,  # overrides nothing of an image that is not there
        "LoggingConfig": _empty,
        "MaximumRecordAgeInSeconds": _only(-1),  # of streams alone; default: infinite
        "MaximumRetryAttempts": _only(-1),  # of streams alone; default: infinite
        "MetricsConfig": _empty,
        "ParallelizationFactor": _only(1),  # of streams alone; default
        "ProvisionedPollerConfig": _empty,
        "SourceAccessConfigurations": _only([]),
        "SourceKMSKeyArn": _only(""),
        "TumblingWindowInSeconds": _only(0),  # of streams alone; default
    },
    "logs": {
        "accountIdentifiers": _only([]),
        "applyOnTransformedLogs": _only(False),  # default; there are no transformers
        "dataSources": _only([]),
        "emitSystemFields": _only([]),
        "fieldIndexNames": _only([]),
        "fieldSelectionCriteria": _only(""),
        "includeLinkedAccounts": _only(False),  # default
        "logGroupTags": _only([]),
        "roleArn": _only(""),  # of a subscription to a stream; functions have policies
    },
    "s3": {
        "AnnotationDirective": _only(
            "COPY", "EXCLUDE"
        ),  # objects have no annotations here, so none are copied
        "BucketNamespace": _only("global"),  # default
        "ChecksumAlgorithm": _anything,  # of the request's own body, of bucket and object ACLs
        "ContentMD5": _anything,  # the same
        "ContinuationToken": _anything,  # of lists of configurations, which are empty
        "MFA": _anything,  # no bucket has MFA delete
        "RequestPayer": _only(
            "requester"
        ),  # no bucket has requester pays: "bucket owners need not specify this"
        "Token": _anything,  # of support, to enable Object Lock on an existing bucket; none is needed any more
    },
    "secretsmanager": {"RotationToken": _anything},  # of functions that assume a role of another account
    "ssm": {"Shared": _only(False)},  # default; nothing is shared by AWS RAM
}


def asks_for_nothing(service: str, member: str, value: Any) -> bool:
    """Return whether a member that the handler does not name is accepted with this value."""
    fits = _MEMBERS.get(service, {}).get(member)
    return fits is not None and fits(value)


def listed() -> set[tuple[str, str]]:
    """Return (service, member) of all lines above."""
    return {(service, member) for service, members in _MEMBERS.items() for member in members}
