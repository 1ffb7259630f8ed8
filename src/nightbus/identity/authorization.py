"""Decides whether a call may do what its operation needs. This is the one place that asks the policies.

Theory of operation. `authorize` gets the needs of an operation (`identity/needs.py`) and the call. It finds the
policies of the principal (`identity/principals.py`) and the policy of each resource (`Resources`), evaluates them, and
raises the error by which the service refuses. What a caller is limited by:

caller                                   identity policies         what else
an account's root                        none                      the policy of the resource
a user, a session of a role              its own                   boundary, session policies, the resource's policy
an AWS service                           it has none               the resource's policy has to allow it
a service in a role (`assumed_by`)       the role's                the role's trust policy has to admit the service

An anonymous caller has no policies: the few operations that take one ask the resource's policy and access lists
themselves. So does a service for an AWS service as the caller where its resources have no policies in `Resources`.
What the node does for itself is a trusted call, which needs nothing.

A decision that depends on no condition key, or on what the operation itself is asked for alone (the source of an
event), is remembered with the principal, and is as old as the compiled policies
are: a change of IAM's records makes new principals, and a change of a resource's policy makes another `Policy` object.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from nightbus.aws.arn import is_arn
from nightbus.aws.calls import Call, Caller, Scope, Session
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_request_id
from nightbus.bounded import Bounded
from nightbus.clock import Clock
from nightbus.identity.admissions import TAG_KEYS, admission_of, asked_by_service
from nightbus.identity.asking_handlers import THEIR_HANDLERS_ASK, AskedKeys, is_asked_by_handler
from nightbus.identity.global_keys import OF_SERVICES, global_keys, source_account
from nightbus.identity.needs import spelled_once
from nightbus.identity.principals import NOBODY, UNLIMITED, Principal, Principals
from nightbus.identity.refusals import Refusal, access_denied, invalid_token, spelled
from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import Policy, compiled_policy
from nightbus.policies.evaluation import Policies, decide, refusal_text
from nightbus.policies.request import AccessRequest, Need, Values, named_values
from nightbus.store.interface import Change

ENFORCE, AUDIT = "enforce", "audit"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/tagging-and-policies.html
_OF_TAGGED_OBJECT = re.compile(r"s3:(Get|Put|Delete)Object(Version)?(Acl|Tagging)|s3:GetObject(Version)?")
_OF_OBJECTS = ("s3:existingobjecttag/",)
_TRUSTED_ACTIONS = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")
_NEW_BUCKET = "s3:CreateBucket"  # whose name another account may have, which the handler says
_MOST_SERVICES = 10_000  # decisions that are remembered
_NO_POLICIES: tuple[Policy, ...] = ()


class Resources(Protocol):
    """Finds what belongs to a resource, by its ARN."""

    async def policy(self, arn: str) -> Policy | None:
        """Return the policy, without statements for a resource that has none; None where it is not known to exist."""
        ...

    def has_policies(self, arn: str) -> bool:
        """Return whether resources of this service have policies."""
        ...

    async def owner(self, arn: str) -> str:
        """Return the account of a resource whose ARN does not have it, "" if there is no such resource."""
        ...

    async def tags(self, arn: str, keys: Mapping[str, Values]) -> Mapping[str, str]: ...

    async def renamed(self, principal: str, new: str) -> Sequence[Change]:
        """Return the changes that put `new` for the principal into every policy that names it."""
        ...


class Authorizer:
    """`mode` is `enforce` or `audit`. With `unknown_roles` a role that IAM does not have is limited by nothing.

    `refused` are told of each refusal; they must not wait.
    """

    def __init__(
        self,
        principals: Principals,
        resources: Resources,
        clock: Clock,
        mode: str = ENFORCE,
        *,
        unknown_roles: bool = False,
    ) -> None:
        self.principals = principals
        self.resources = resources
        self.enforces = mode == ENFORCE
        self.unknown_roles = unknown_roles
        self.refused: list[Callable[[Refusal], None]] = []
        self.seen: Callable[[str, Sequence[Need]], None] | None = None
        self._clock = clock
        self._services: Bounded[tuple[str, ...], Policy] = Bounded(_MOST_SERVICES)

    def in_memory(self) -> dict[str, int]:
        return {"decisions for services": len(self._services)}

    async def admits(self, caller: Caller, scope: Scope, *needs: Need) -> bool:
        """Return whether the caller may do all of this, for what another call does or refuses: nobody is told."""
        try:
            await self._authorize("", needs, Call(scope, caller, "", request_id=""))
        except AwsError:
            return False
        return True

    async def is_assumable(self, role_arn: str, by_service: Call, operation: str) -> bool:
        """Return whether the AWS service that calls may use the role, by its trust policy; for the caller's operation.

        Raises ValueError for what is not an ARN.
        """
        role = await self.principals.role_of(role_arn)
        if role is None:
            if not self.unknown_roles:
                await self._tell_of_missing_role(operation, role_arn, by_service)
            return self.unknown_roles or not self.enforces
        try:
            await self._admit(operation, role, role_arn, by_service)
        except AwsError:
            return False
        return True

    async def assumed(
        self, role_arn: str, service: str, source_arn: str, request_id: str, operation: str
    ) -> str | None:
        """Return the unique id of a role that the AWS service uses for the resource `source_arn`, "" for an unknown
        role that counts, also as one that audit mode lets pass, None if the service may not assume it. `request_id` is
        the caller's, "" for none."""
        role = await self.principals.role_of(role_arn)
        if role is None and self.unknown_roles:
            return ""
        _, _, _, region, account, _ = source_arn.split(":", 5)
        if role is None or (service, role_arn, source_arn, account) not in role.admitted:
            caller = Caller.for_service(account, service, source_arn)
            call = Call(Scope(account, region), caller, "", request_id or new_request_id())
            if not await self.is_assumable(role_arn, call, operation):
                return None
        return role.id if role is not None else ""

    async def authorize(
        self, operation: str, needs: Sequence[Need], call: Call, asked_keys: AskedKeys | None = None
    ) -> None:
        """Raise AwsError, in the spelling of the operation's service, unless the call may do all that it needs.

        `operation` is botocore's name of the service and the operation's, such as `events:PutEvents`. With
        `asked_keys` the operation's handler comes next, and says some refusals itself (`asking_handlers.py`).
        """
        if not call.trusted:
            await self._authorize(operation, needs, call, asked_keys)

    async def _authorize(
        self, operation: str, needs: Sequence[Need], call: Call, asked_keys: AskedKeys | None = None
    ) -> None:
        caller = call.caller
        if caller.is_anonymous:
            return
        if self.seen is not None and caller.session is not None and caller.session.role:
            self.seen(caller.session.role, needs)
        try:
            principal = await self.principal_of(caller, operation)
        except AwsError:
            await self._tell_of_used_role(operation, call)
            raise
        if principal is UNLIMITED and not self.enforces and not self.unknown_roles:
            await self._tell_of_used_role(operation, call)
        if caller.session is not None and caller.session.assumed_by and principal.trust is not None:
            await self._admit_service(operation, call, principal)
        is_limited = _is_limited(caller)
        for asked in needs:
            need = spelled_once(asked, call.scope.region)
            policy = await self._policy_of(need)
            if not caller.arn and policy is None and await self._is_left(need, operation):
                continue
            owner = await self._owner(need, call)
            if not is_limited:
                is_open = policy is None or not policy.statements
                if principal is UNLIMITED and is_open and owner == caller.account:
                    continue
                admission = admission_of(principal, policy, need, caller, owner)
                admitted = principal.admitted.get(admission) if admission is not None else None
                if admitted is not None and admitted[0] is policy:
                    if asked_keys is not None:  # the need has all keys that the policies name
                        asked_keys.note(need, need.keys)
                    continue
                known = None if caller.arn else self._services.get(asked_by_service(need, caller))
                if known is not None and known is policy:
                    continue
            await self._judge(operation, need, call, principal, policy, owner, asked_keys)

    async def principal_of(self, caller: Caller, operation: str = "sts:GetCallerIdentity") -> Principal:
        """Return the caller's policies. Raises AwsError for a principal that does not exist any more."""
        session = caller.session
        if session is not None and session.parent:
            caller = Caller(caller.account, session.parent, session.parent_id)
            session = None
        if caller.is_root:
            return UNLIMITED
        if not caller.arn or caller.is_anonymous:
            return NOBODY
        name = caller.arn.split("/", 1)[-1]
        if ":user/" in caller.arn:
            principal = await self.principals.user(caller.account, name.rsplit("/", 1)[-1])
        elif session is not None and session.role:
            principal = await self.principals.role_of(session.role)
        else:
            principal = await self.principals.role(caller.account, name.split("/", 1)[0])
        if principal is None:
            is_issued = session is not None and bool(session.role_id)  # of a role that IAM had
            if (self.unknown_roles or not self.enforces) and ":user/" not in caller.arn and not is_issued:
                return UNLIMITED
            raise self._unknown(caller, operation)
        known = caller.user_id if session is None else session.role_id
        if known and ":" not in known and principal.id != known:
            raise invalid_token(operation.split(":", 1)[0])
        return principal

    def _unknown(self, caller: Caller, operation: str) -> AwsError:
        if caller.session is not None and caller.session.assumed_by:
            text = f"User: {caller.service} is not authorized to perform: sts:AssumeRole on resource:"
            return access_denied(operation.split(":")[0], f"{text} {caller.session.role}")
        return invalid_token(operation.split(":", 1)[0])

    async def _admit_service(self, operation: str, call: Call, principal: Principal) -> None:
        """Raise AwsError unless the role's trust policy admits the service that uses it."""
        caller, session = call.caller, call.caller.session
        if session is None or principal.trust is None:
            return
        account = source_account(caller)
        if (session.assumed_by, session.role, caller.source_arn, account) in principal.admitted:
            return
        await self._admit(operation, principal, session.role, _by_service(call, session))

    async def _admit(self, operation: str, role: Principal, role_arn: str, by_service: Call) -> None:
        """Raise AwsError unless the role's trust policy admits the AWS service that calls.

        An answer that does not depend on the circumstances of the call is remembered with the role.
        """
        caller, trust = by_service.caller, role.trust
        if trust is None or by_service.trusted:
            return
        need = Need("sts:AssumeRole", role_arn)
        account = role_arn.split(":", 5)[4]
        await self._judge(operation, need, by_service, NOBODY, trust, account)
        if self.enforces and trust.condition_keys <= OF_SERVICES:
            role.admitted[caller.service, role_arn, caller.source_arn, source_account(caller)] = (trust,)

    async def _tell_of_used_role(self, operation: str, call: Call) -> None:
        """Have it written down that the call is one of an AWS service in a role that does not exist."""
        session = call.caller.session
        if session is not None and session.assumed_by:
            await self._tell_of_missing_role(operation, session.role, _by_service(call, session))

    async def _tell_of_missing_role(self, operation: str, role_arn: str, by_service: Call) -> None:
        """Have it written down that an AWS service was to use a role that does not exist."""
        if not operation:
            return
        need, owner = Need("sts:AssumeRole", role_arn), role_arn.split(":", 5)[4]
        policies = Policies((), None, None, compiled_policy("{}", PolicyKind.TRUST, role_arn))
        request = await self._request(need, by_service, NOBODY, policies, owner)
        decision = decide(request, policies, owner)
        text = refusal_text(request, decision).removesuffix(f" {decision.reason}")
        refusal = Refusal(
            operation, need, by_service, request, policies, owner, decision, self.enforces, text, True
        )
        for tell in self.refused:
            tell(refusal)

    async def _policy_of(self, need: Need) -> Policy | None:
        if need.resource == "*" or need.action == _NEW_BUCKET:
            return None
        if need.action.startswith(_TRUSTED_ACTIONS):
            role = await self.principals.role_of(need.resource) if is_arn(need.resource) else None
            return role.trust if role is not None else None
        return await self.resources.policy(need.resource)

    async def _is_left(self, need: Need, operation: str) -> bool:
        """Return whether the handler answers an AWS service, since it is the one who knows.

        The resource is not there, or belongs to a service whose resources have no policies.
        """
        service = operation.split(":", 1)[0]
        if service in THEIR_HANDLERS_ASK or service == "lambda":
            return True
        if not self.resources.has_policies(need.resource):
            return True
        return service == "s3" and not await self.resources.owner(need.resource)

    async def _owner(self, need: Need, call: Call) -> str:
        resource = need.resource
        parts = resource.split(":", 5)
        if len(parts) < 6 or need.action == _NEW_BUCKET:
            return call.scope.account
        account = parts[4]
        if account.isdigit():
            return account
        return (await self.resources.owner(resource) if not account else "") or call.scope.account

    async def _judge(
        self,
        operation: str,
        need: Need,
        call: Call,
        principal: Principal,
        policy: Policy | None,
        owner: str,
        asked_keys: AskedKeys | None = None,
    ) -> None:
        caller, session = call.caller, call.caller.session
        of_session = None
        if session is not None and _is_limited(caller):
            of_session = await self.principals.session_policies(caller.account, session.policies)
        policies = Policies(principal.identity, principal.boundary, of_session, policy)
        request = await self._request(need, call, principal, policies, owner)
        if asked_keys is not None and policy is not None:
            asked_keys.note(need, request.keys)
        decision = decide(request, policies, owner)
        if decision.is_allowed:
            admission = admission_of(principal, policy, need, caller, owner)
            if principal.identity and of_session is None and admission is not None:
                principal.admitted[admission] = (policy,)
            if not caller.arn and policy is not None and policy.condition_keys <= OF_SERVICES:
                self._services[asked_by_service(need, caller)] = policy
            return
        text = refusal_text(request, decision).replace(need.action, spelled(need.action))
        if decision.kind is PolicyKind.TRUST:  # AWS does not say what a trust policy lacks
            text = text.removesuffix(f" {decision.reason}")
        refusal = Refusal(operation, need, call, request, policies, owner, decision, self.enforces, text)
        for tell in self.refused if operation else ():
            tell(refusal)
        service = operation.split(":", 1)[0]
        leaves = asked_keys is not None and asked_keys.leaves_refusals
        is_left = leaves and is_asked_by_handler(service, need.action)
        if is_left and decision.kind is PolicyKind.RESOURCE:
            return
        if self.enforces or not operation:
            raise access_denied(service, "Access Denied" if service == "s3" and caller.is_anonymous else text)

    async def _request(
        self, need: Need, call: Call, principal: Principal, policies: Policies, owner: str
    ) -> AccessRequest:
        caller = call.caller
        keys: dict[str, Values] = {
            **global_keys(call, principal, self._clock.now_ms()),
            "aws:resourceaccount": owner,
            "s3:resourceaccount": owner,
            **need.keys,
        }
        if any(part in key for key in _named_keys(principal, policies) for part in TAG_KEYS):
            keys |= await self._tags_of(need, keys)
        is_principal = bool(caller.arn) and not caller.is_anonymous
        return AccessRequest(
            need.action,
            need.resource,
            arn=caller.arn if is_principal else "",
            account=caller.account if is_principal else "",
            service="" if caller.arn else caller.service,
            source_arn="" if caller.arn else caller.source_arn,
            source_account="" if caller.arn else source_account(caller),
            keys=keys,
        )

    async def _tags_of(self, need: Need, keys: Mapping[str, Values]) -> dict[str, Values]:
        """Return the tags of the resource, by each of the keys under which services have them."""
        service = need.action.split(":", 1)[0].lower()
        of_object = service == "s3" and "/" in need.resource
        if of_object and not _OF_TAGGED_OBJECT.fullmatch(need.action):
            return {}
        prefixes = _OF_OBJECTS if of_object else ("aws:resourcetag/", f"{service}:resourcetag/")
        tags = await self.resources.tags(need.resource, need.keys)
        named = [named_values(prefix, tags.items()) for prefix in prefixes]
        return {name: value for one in named for name, value in one.items() if name not in keys}


def _by_service(call: Call, session: Session) -> Call:
    """Return the call as that of the AWS service which made it in a role."""
    caller = call.caller
    service = Caller.for_service(source_account(caller), session.assumed_by, caller.source_arn)
    return Call(call.scope, service, call.endpoint, call.request_id)


def _is_limited(caller: Caller) -> bool:
    """Return whether session policies limit the caller; a federated user without any may do nothing."""
    session = caller.session
    return session is not None and bool(session.policies or session.parent)


def _named_keys(principal: Principal, policies: Policies) -> set[str]:
    named = set(principal.condition_keys)
    for policy in (*(policies.session or _NO_POLICIES), policies.resource):
        if policy is not None:
            named |= policy.condition_keys
    return named
