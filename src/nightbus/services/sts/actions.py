"""Says which actions an operation of AWS STS needs. Who somebody is, and a session of one's own, need none.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightbus.aws.arn import partition_of
from nightbus.identity.needs import Asked, NeedsOf, needs, request_tags, when
from nightbus.policies.request import Need, Values


def _role(asked: Asked) -> str:
    return asked.text("RoleArn")


_TAGS = request_tags("Tags")


def _session(asked: Asked) -> Mapping[str, Values]:
    return {
        "sts:externalid": asked.text("ExternalId"),
        "sts:rolesessionname": asked.text("RoleSessionName"),
        "sts:sourceidentity": asked.text("SourceIdentity"),
        "sts:transitivetagkeys": tuple(asked.params.get("TransitiveTagKeys") or ()),
        **_TAGS(asked),
    }


def _federated(asked: Asked) -> str:
    scope = asked.call.scope
    return f"arn:{partition_of(scope.region)}:sts::{scope.account}:federated-user/{asked.text('Name')}"


def _nothing(asked: Asked) -> Sequence[Need]:
    return ()


ACTIONS: Mapping[str, NeedsOf] = {
    "AssumeRole": needs(
        "sts:AssumeRole",
        _role,
        when("Tags", needs("sts:TagSession", _role, keys=_session)),
        when("SourceIdentity", needs("sts:SetSourceIdentity", _role, keys=_session)),
        keys=_session,
    ),
    "DecodeAuthorizationMessage": needs("sts:DecodeAuthorizationMessage"),
    "GetAccessKeyInfo": needs("sts:GetAccessKeyInfo"),
    "GetCallerIdentity": _nothing,
    "GetFederationToken": needs("sts:GetFederationToken", _federated, keys=_TAGS),
    "GetSessionToken": _nothing,
}
