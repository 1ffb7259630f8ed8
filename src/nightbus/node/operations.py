"""Brings a call, from the wire or from inside, to the handler of its operation.

Parameters are validated by the service model, top-level member names become the handler's keyword parameters, and
what a handler does not name is refused by name: nothing that a client asks for is silently ignored. A handler whose
commit meets another one's begins again, so that clients do not hear of it.

Before that, the Authorizer judges whether the call may do what the operation needs (`ACTIONS` in the service's
`actions.py`), whoever calls: a client, another service, a stack. A handler asks only for what it learns later, by
`ctx.authorize`.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nightbus.audit.event_kinds import is_data_event
from nightbus.aws.calls import Call
from nightbus.aws.errors import AwsError, not_supported
from nightbus.aws.replies import Reply
from nightbus.gateway.checked_json import Checked
from nightbus.gateway.failure_log import error_of
from nightbus.gateway.models import OperationModel, load_service, snake_case
from nightbus.gateway.validation import validate
from nightbus.identity.asking_handlers import THEIR_HANDLERS_ASK, AskedKeys
from nightbus.identity.authorization import Authorizer
from nightbus.identity.needs import Asked, NeedsOf
from nightbus.node.resource_access import service_modules
from nightbus.policies.request import Need
from nightbus.services import SERVICES
from nightbus.services.conflicts import conflict_error
from nightbus.services.context import Context, Handler, Platform
from nightbus.services.inert_members import asks_for_nothing
from nightbus.store.conflicts import Contended, retries_on_conflict
from nightbus.store.interface import Conflict

Resolve = Callable[[Any, Asked, Sequence[Need]], Awaitable[Sequence[Need]]]


@dataclass(frozen=True, slots=True)
class _Bound:
    """A handler beside its model: `parameters` maps the members it honours to its keyword parameters."""

    name: str  # such as `events:PutEvents`
    model: OperationModel
    handler: Handler
    parameters: Mapping[str, str]
    is_data_event: bool  # by CloudTrail
    needs_of: NeedsOf | None = None
    resolve: Resolve | None = None


class OperationRegistry:
    """Implements `nightbus.aws.calls.Operations` over the packages of `nightbus.services`."""

    def __init__(self) -> None:
        self._platform: Platform | None = None
        self._bound: dict[tuple[str, str], _Bound] = {}

    def attach(self, platform: Platform) -> None:
        """Once, when the node's parts are made: they need this registry, and its handlers need them."""
        self._platform = platform

    async def handle(
        self, service: str, operation: str, params: Mapping[str, Any], call: Call
    ) -> Mapping[str, Any] | Reply:
        bound = self._bound.get((service, operation)) or self._bind(service, operation)
        if self._platform is None:
            raise RuntimeError("the node is not assembled yet")
        trail = None if call.trusted else self._platform.trail
        try:
            result = await self._run(self._platform, bound, service, operation, params, call)
        except AwsError as error:
            if trail is not None:
                trail.failed(service, operation, params, error, call)
            raise
        except Exception as failure:
            if trail is not None:
                trail.failed(service, operation, params, error_of(failure), call)
            raise
        if trail is not None and (not bound.is_data_event or await trail.records_data(call.scope, service)):
            output = result.output if isinstance(result, Reply) else result
            trail.succeeded(service, operation, params, output, call)
        return result

    async def _run(
        self,
        platform: Platform,
        bound: _Bound,
        service: str,
        operation: str,
        params: Mapping[str, Any],
        call: Call,
    ) -> Mapping[str, Any] | Reply:
        if type(params) is not Checked:
            validate(bound.model, params)
        asked_keys = None
        if platform.authorizer is not None and not call.trusted:
            asked_keys = AskedKeys() if service in THEIR_HANDLERS_ASK else None
            await _authorize(platform, platform.authorizer, bound, Asked(params, call), asked_keys)
        arguments = {}
        for member, value in params.items():
            if value is None:
                continue
            parameter = bound.parameters.get(member)
            if parameter is None:
                if asks_for_nothing(service, member, value):
                    continue
                raise not_supported(service, operation, member)
            arguments[parameter] = value
        context = Context(call, platform, bound.name, asked_keys)
        try:
            result: Mapping[str, Any] | Reply | None = await bound.handler(context, **arguments)
        except (Conflict, Contended) as lost:
            raise conflict_error(service, lost.key) from lost
        return {} if result is None else result

    async def call(
        self, service: str, operation: str, params: Mapping[str, Any], call: Call
    ) -> dict[str, Any]:
        result = await self.handle(service, operation, params, call)
        return dict(result.output if isinstance(result, Reply) else result)

    def _bind(self, service: str, operation: str) -> _Bound:
        package = SERVICES.get(service)
        handler = importlib.import_module(package).HANDLERS.get(operation) if package else None
        if handler is None:
            raise not_supported(service, operation)
        bound = bind(service, operation, handler)
        for module in service_modules(service):
            line = getattr(module, "ACTIONS", {}).get(operation)
            if callable(line):
                bound = replace(bound, needs_of=line, resolve=getattr(module, "resolve", None))
        if bound.needs_of is None:
            raise TypeError(f"{bound.name} has no line in `ACTIONS`, so nothing says who may call it")
        self._bound[service, operation] = bound
        return bound


def bind(service: str, operation: str, handler: Handler) -> _Bound:
    """Raises TypeError when the handler names what the operation's model does not have."""
    model = load_service(service).operations[operation]
    members = {snake_case(name): name for name in (model.input.members if model.input else {})}
    _, *names = inspect.signature(handler).parameters
    unknown = sorted(set(names) - set(members))
    if unknown:
        raise TypeError(f"{service}:{operation} has no member for {', '.join(unknown)}")
    # What has consumed a streamed body cannot begin again: its handler retries what comes after.
    retrying = handler if model.input_is_streamed else retries_on_conflict(handler)
    named = {members[name]: name for name in names}
    return _Bound(f"{service}:{operation}", model, retrying, named, is_data_event(service, operation))


async def _authorize(
    platform: Platform, authorizer: Authorizer, bound: _Bound, asked: Asked, asked_keys: AskedKeys | None
) -> None:
    needs = bound.needs_of(asked) if bound.needs_of is not None else ()
    if bound.resolve is not None:
        needs = await bound.resolve(platform, asked, needs)
    if platform.last_uses is not None:
        platform.last_uses.see(asked.call, bound.name, needs)
    await authorizer.authorize(bound.name, needs, asked.call, asked_keys)
