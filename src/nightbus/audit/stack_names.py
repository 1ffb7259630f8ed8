"""Writes ARNs as the template of their stack does: `!GetAtt Queue.Arn`, `!Sub ${Bucket.Arn}/invoices/*`. Pure.

What is not of the stack has the pseudo parameters for the partition, the Region and the account.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from nightbus.aws.arn import Arn, last_part

_GET_ARN = {  # the service and the resource in the ARN; {} is the physical id
    "AWS::ECR::Repository": ("ecr", "repository/{}"),
    "AWS::Events::EventBus": ("events", "event-bus/{}"),
    "AWS::IAM::Role": ("iam", "role/{}"),
    "AWS::IAM::User": ("iam", "user/{}"),
    "AWS::KMS::Key": ("kms", "key/{}"),
    "AWS::Lambda::Function": ("lambda", "function:{}"),
    "AWS::S3::Bucket": ("s3", "{}"),
    "AWS::SQS::Queue": ("sqs", "{}"),
}
_REF_IS_ARN = frozenset(
    {
        "AWS::IAM::ManagedPolicy",
        "AWS::Lambda::Alias",
        "AWS::Lambda::Version",
        "AWS::SNS::Topic",
        "AWS::SecretsManager::Secret",
    }
)
_NAMED = {  # types without an attribute that suits: the ARN is written out, {} is the reference
    "AWS::Logs::LogGroup": ("logs", "log-group:{}"),
    "AWS::SSM::Parameter": ("ssm", "parameter/{}"),
}
_FUNCTION = "AWS::Lambda::Function"
_LOG_GROUP = ("logs", "log-group:/aws/lambda/{}")  # of a function


class StackMember(NamedTuple):
    """A resource of a stack."""

    logical_id: str
    physical_id: str
    type: str


class StackNames:
    """The names of one stack's resources. `own` are logical ids of the functions whose role the statement is for: their
    ARNs are written without a reference, because the function depends on its role."""

    def __init__(
        self, account: str, region: str, members: Sequence[StackMember], own: Sequence[str] = ()
    ) -> None:
        self._account = account
        self._region = region
        self._own = own
        known = [
            (self._log_arn(member), member) for member in members
        ]  # before a group that needs the function
        known += [(self._arn(member), member) for member in members]
        self._arns = sorted(((arn, member) for arn, member in known if arn), key=lambda pair: -len(pair[0]))

    def written(self, arn: str) -> Any:
        """Return the ARN, or the pattern, as an intrinsic function or a plain string, in JSON's form."""
        for known, member in self._arns:
            if arn == known or (arn.startswith(known) and arn[len(known)] in "/:"):
                return self._reference(known, member, arn[len(known) :])
        return self._plain(arn)

    def _reference(self, known: str, member: StackMember, rest: str) -> Any:
        name = member.logical_id
        if name in self._own:
            is_generated = f"-{name}-" in member.physical_id
            again = f"${{AWS::StackName}}-{name}-*" if is_generated else member.physical_id
            return self._plain(known.replace(member.physical_id, again) + rest)
        is_log = known == self._log_arn(member)
        if is_log or member.type in _NAMED:
            service, resource = _LOG_GROUP if is_log else _NAMED[member.type]
            if member.physical_id.startswith("/"):
                resource = resource.replace("/{}", "{}")
            head = f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:"
            return {"Fn::Sub": head + resource.replace("{}", f"${{{name}}}") + rest}
        if member.type in _REF_IS_ARN:
            return {"Fn::Sub": f"${{{name}}}{rest}"} if rest else {"Ref": name}
        return {"Fn::Sub": f"${{{name}.Arn}}{rest}"} if rest else {"Fn::GetAtt": [name, "Arn"]}

    def _arn(self, member: StackMember) -> str:
        """Return the ARN of a resource of the stack, "" for a type that no policy names so."""
        if member.type in _REF_IS_ARN:
            return member.physical_id
        service, resource = _GET_ARN.get(member.type) or _NAMED.get(member.type) or ("", "")
        if not service or not member.physical_id:
            return ""
        name = last_part(member.physical_id) if service == "sqs" else member.physical_id
        name = name.removeprefix("/") if service == "ssm" else name
        region = "" if service in ("iam", "s3") else self._region
        account = "" if service == "s3" else self._account
        return str(Arn("aws", service, region, account, resource.format(name)))

    def _log_arn(self, member: StackMember) -> str:
        if member.type != _FUNCTION or not member.physical_id:
            return ""
        service, resource = _LOG_GROUP
        return str(Arn("aws", service, self._region, self._account, resource.format(member.physical_id)))

    def _plain(self, arn: str) -> Any:
        try:
            parts = Arn.parse(arn)
        except ValueError:
            return arn
        written = Arn(
            "${AWS::Partition}",
            parts.service,
            "${AWS::Region}" if parts.region == self._region else parts.region,
            "${AWS::AccountId}" if parts.account == self._account else parts.account,
            parts.resource,
        )
        return {"Fn::Sub": str(written)}
