"""Assumes the roles of a stack set: CloudFormation the administration role, and that the account's execution role.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-prereqs-self-managed.html
"""

from __future__ import annotations

from nightbus.aws.arn import partition_of
from nightbus.aws.calls import Call, Caller, Scope, Session
from nightbus.aws.errors import AwsError
from nightbus.identity.authorization import Authorizer
from nightbus.services.cloudformation.stack_sets.records import SetOperation
from nightbus.services.context import Platform
from nightbus.services.service_roles import ROLE_ARN
from nightbus.stacks.assumed_roles import assume_role
from nightbus.stacks.records import SERVICE, SESSION_NAME

ADMINISTRATION_ROLE = "AWSCloudFormationStackSetAdministrationRole"
EXECUTION_ROLE = "AWSCloudFormationStackSetExecutionRole"
_OPERATION = "cloudformation:CreateStackInstances"


def check_administration_role(role: str, account: str) -> None:
    """Raise AwsError unless the role is one of the account that administers the set.

    The role of another account trusts CloudFormation too, and would open the accounts that trust it.
    """
    named = ROLE_ARN.fullmatch(role)
    if named is None:
        raise AwsError("ValidationError", f"{role} is not a valid RoleARN")
    if named[1] != account:
        raise AwsError("ValidationError", "Cross-account pass role is not allowed.")


async def execution_call(
    platform: Platform, scope: Scope, operation: SetOperation, account: str, region: str
) -> Call:
    """Return a call in the account and region of an instance, as the execution role. `scope` is the stack set's.

    Raises AwsError if a role is missing, does not trust who assumes it, or may not assume the other.
    """
    partition = partition_of(region)
    if operation.administration_role:
        check_administration_role(operation.administration_role, scope.account)
    administration = (
        operation.administration_role or f"arn:{partition}:iam::{scope.account}:role/{ADMINISTRATION_ROLE}"
    )
    execution = f"arn:{partition}:iam::{account}:role/{operation.execution_role or EXECUTION_ROLE}"
    there = Scope(account, region)
    authorizer = platform.authorizer
    if authorizer is None or await _is_unknown(authorizer, execution):
        return Call(there, _unlimited(execution, operation.id), operation.endpoint)
    set_arn = f"arn:{partition}:cloudformation:{scope.region}:{scope.account}:stackset/{operation.set_id}"
    by_service = Call(scope, Caller.for_service(scope.account, SERVICE, set_arn), operation.endpoint)
    if not await authorizer.is_assumable(administration, by_service, _OPERATION):
        raise _untrusting(scope.account, administration, "CloudFormation service")
    administrator = Caller.in_role(administration, SESSION_NAME, SERVICE, set_arn)
    call = Call(scope, administrator, operation.endpoint)
    try:
        caller = await assume_role(platform.operations, call, execution, operation.id[:64])
    except AwsError as refused:
        name = administration.rsplit("/", 1)[-1]
        raise _untrusting(account, execution, f"Role '{name}'") from refused
    return Call(there, caller, operation.endpoint)


async def _is_unknown(authorizer: Authorizer, role: str) -> bool:
    """Return whether the node takes the role as one of everything, since IAM does not have it."""
    return authorizer.unknown_roles and await authorizer.principals.role_of(role) is None


def _unlimited(role: str, session: str) -> Caller:
    _, partition, _, _, account, _ = role.split(":", 5)
    name = role.rsplit("/", 1)[-1]
    arn = f"arn:{partition}:sts::{account}:assumed-role/{name}/{session}"
    return Caller(account, arn, f"{name}:{session}", session=Session(role))


def _untrusting(account: str, role: str, trusted: str) -> AwsError:
    name = role.rsplit("/", 1)[-1]
    text = f"Account {account} should have '{name}' role with trust relationship to {trusted}."
    return AwsError("ValidationError", text)
