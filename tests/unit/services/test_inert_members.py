"""Members that ask for nothing pass, with these values alone; every other one of the newest models is known by name."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest

from nightbus.gateway.models import load_service, snake_case
from nightbus.services import SERVICES
from nightbus.services.inert_members import asks_for_nothing, listed

# Members of implemented operations that no handler names, and which are refused whatever they say: what they ask for is
# not there. A newer model that has more of them fails the test, so that each is decided on.
REFUSED = {
    "cloudcontrol": {"RoleArn", "TypeVersionId"},
    "cloudtrail": {"EventDataStore", "NextToken"},  # of selectors; of lists that have one page
    "cloudformation": {
        "DeploymentMode",
        "OrganizationalUnitIds",
        "PublicVersionNumber",
        "PublisherId",
        "ResourcesToImport",
        "StackIdsUrl",
        "StackPolicyBody",
        "StackPolicyDuringUpdateBody",
        "StackPolicyDuringUpdateURL",
        "StackPolicyURL",
        "StackSetName",
        "TimeoutInMinutes",
    },
    # external key stores, Nitro enclaves, and which checks a dry run leaves out
    "kms": {"CustomKeyStoreId", "DryRunModifiers", "Recipient", "XksKeyId"},
    "iam": {
        "AddPrivateKey",  # nobody signs in by SAML here, so nothing would be decrypted
        "OrderedOrganizationPolicyInputList",  # there are no organizations
        "RemovePrivateKey",
    },
    "lambda": {
        "AmazonManagedKafkaEventSourceConfig",
        "CapacityProviderConfig",
        "DurableConfig",
        "DurableExecutionName",
        "ImageUri",
        "MasterRegion",
        "PublishTo",
        "Queues",
        "SelfManagedEventSource",
        "SelfManagedKafkaEventSourceConfig",
        "StartingPosition",
        "StartingPositionTimestamp",
        "TenancyConfig",
        "TenantId",
        "Topics",
    },
    "logs": {
        "entity",
        "expectedRevisionId",
        "logGroupNamePattern",
        "parameters",
        "resourceArn",
        "resourceIdentifier",
    },
    "secretsmanager": {"ExternalSecretRotationMetadata", "ExternalSecretRotationRoleArn", "Type"},
    "s3": {
        "AccessControlPolicy",
        "ChecksumMD5",
        "ChecksumSHA512",
        "ChecksumXXHASH128",
        "ChecksumXXHASH3",
        "ChecksumXXHASH64",
        "CopySourceSSECustomerAlgorithm",
        "CopySourceSSECustomerKey",
        "CopySourceSSECustomerKeyMD5",
        "GrantFullControl",
        "GrantRead",
        "GrantReadACP",
        "GrantWrite",
        "GrantWriteACP",
        "IfMatchInitiatedTime",
        "IfMatchLastModifiedTime",
        "IfMatchSize",
        "ObjectLockEventHold",
        "ObjectLockEventHoldDurationDays",
        "ObjectLockEventHoldDurationYears",
        "SSECustomerAlgorithm",
        "SSECustomerKey",
        "SSECustomerKeyMD5",
        "SSEKMSEncryptionContext",
        "WriteOffsetBytes",
    },
    "sts": {
        "MinimumSessionTokenSize",
        "Policy",
        "ProvidedContexts",
        "SerialNumber",
        "SourceIdentity",
        "TokenCode",
    },
}


def unnamed() -> set[tuple[str, str]]:
    """(service, member) of what an implemented operation has and its handler does not name."""
    found = set()
    for service, package in SERVICES.items():
        operations = load_service(service).operations
        for name, handler in importlib.import_module(package).HANDLERS.items():
            shape = operations[name].input
            named = set(inspect.signature(handler).parameters)
            members = shape.members if shape else {}
            found |= {(service, one) for one in members if snake_case(one) not in named}
    return found


def test_every_member_of_the_newest_models_is_decided_on() -> None:
    refused = {(service, name) for service, names in REFUSED.items() for name in names}
    assert refused & listed() == set()
    assert unnamed() - refused - listed() == set()


def test_no_decision_is_left_over() -> None:
    """The checks of S3's SSEKMSKeyId and the like move from here into handlers, and then leave this list."""
    assert listed() - unnamed() == set()


@pytest.mark.parametrize(
    ("service", "member", "nothing", "something"),
    [
        ("cloudformation", "RollbackConfiguration", {}, {"RollbackTriggers": [{"Arn": "a", "Type": "t"}]}),
        ("cloudformation", "ResourceTypes", ["*"], ["AWS::SQS::Queue"]),
        ("lambda", "MetricsConfig", {"Metrics": []}, {"Metrics": ["EventCount"]}),
        ("lambda", "ImageConfig", {}, {"Command": ["a"]}),
        ("s3", "BucketNamespace", "global", "account-regional"),
        ("cloudtrail", "IsOrganizationTrail", False, True),
    ],
)
def test_a_value_that_asks_for_something_does_not_pass(
    service: str, member: str, nothing: Any, something: Any
) -> None:
    assert asks_for_nothing(service, member, nothing)
    assert not asks_for_nothing(service, member, something)
