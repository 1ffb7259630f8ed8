"""Names the members of requests that may be given although nothing comes of them, with the values for which that holds.

The operation registry refuses each member that a handler does not name, since nothing that a client asks for is
ignored. Newer tools send members with their documented default, or with a value that asks for something only where
there is something that Nightbus does not have (an object lock, say). Such a value asks for nothing, and is let pass
here, one line and one source each. Any other value of these members is refused by name as before.

`tests/unit/services/test_inert_members.py` lists the members of the newest models that are neither here nor handled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Asks = Callable[[Any], bool]


def _only(*values: Any) -> Asks:
    """These values ask for nothing."""
    return lambda value: value in values


def _empty(value: Any) -> bool:
    """An empty list, text or structure; a structure of nothing but such."""
    if isinstance(value, Mapping):
        return all(map(_empty, value.values()))
    return value in (None, "", [], ())


def _anything(value: Any) -> bool:
    """Whatever it says is about something that is not there."""
    return True


def _no_triggers(value: Any) -> bool:
    return not value.get("RollbackTriggers") and not value.get("MonitoringTimeInMinutes")


# By service, then by member, for every operation whose handler does not name it: the values, and where it says so.
# "Default" stands for the member's own documentation in botocore's model of the service.
_MEMBERS: Mapping[str, Mapping[str, Asks]] = {
    "cloudformation": {
        "CallAs": _only("SELF"),  # default
        "DeletionMode": _only("STANDARD"),  # "the same as not specifying this parameter"
        "DisableValidation": _anything,  # there is no validation that could be left out: what is wrong never deploys
        "ForceRollback": _only(False),  # default
        "ResourceTypes": _only([], ["*"], ["AWS::*"]),  # default: permissions to all resource types
        "RetainExceptOnCreate": _only(False),  # default
        "RollbackConfiguration": _no_triggers,  # default: no triggers, 0 minutes
        "TemplateSummaryConfig": _only({}, {"TreatUnrecognizedResourceTypesAsWarnings": False}),  # default
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
        "KMSKeyArn": _only(""),  # the key of AWS
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
        "dataSources": _only([]),
        "fieldIndexNames": _only([]),
        "includeLinkedAccounts": _only(False),  # default
        "logGroupTags": _only([]),
    },
    "s3": {
        "AnnotationDirective": _only(
            "COPY", "EXCLUDE"
        ),  # objects have no annotations here, so none are copied
        "BucketNamespace": _only("global"),  # default
        "BypassGovernanceRetention": _anything,  # no object is under governance retention
        "ChecksumAlgorithm": _anything,  # of the request's own body, of bucket and object ACLs
        "ContentMD5": _anything,  # the same
        "MFA": _anything,  # no bucket has MFA delete
        "ObjectLockEnabledForBucket": _only(False),  # default
        "RequestPayer": _only(
            "requester"
        ),  # no bucket has requester pays: "bucket owners need not specify this"
        "SkipDestinationValidation": _anything,  # no destination is taken yet
    },
    "sts": {"PolicyArns": _only([]), "Tags": _only([]), "TransitiveTagKeys": _only([])},
}


def asks_for_nothing(service: str, member: str, value: Any) -> bool:
    """Whether a member that the operation's handler does not name may be given with this value."""
    fits = _MEMBERS.get(service, {}).get(member)
    return fits is not None and fits(value)


def listed() -> set[tuple[str, str]]:
    """(service, member) of everything above."""
    return {(service, member) for service, members in _MEMBERS.items() for member in members}
