"""Finds the service and the operation of a request."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nightbus.aws.errors import AwsError
from nightbus.gateway.catalogue import Catalogue
from nightbus.gateway.hosts import bucket_of
from nightbus.gateway.models import OperationModel, ServiceModel, load_service
from nightbus.gateway.paths import PathRouter
from nightbus.gateway.query_compatible import is_query_compatible, speaking_query
from nightbus.gateway.request import WireRequest

_LINKED = ("sns",)  # services whose links, which people visit, name an action and no version
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Route:
    """The operation of a request, and the protocol of the request. A service may have several protocols."""

    operation: OperationModel
    protocol: str


class Unroutable(Exception):
    """The request has no operation.

    The response is `error` in `protocol`, as `service` (None if unknown) would answer.
    """

    def __init__(self, protocol: str, error: AwsError, service: ServiceModel | None = None) -> None:
        super().__init__(str(error))
        self.protocol = protocol
        self.error = error
        self.service = service


class Routes:
    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._paths: dict[str, PathRouter] = {}
        self._targets: dict[str, Route] = {}

    def find(self, request: WireRequest) -> Route:
        """Return the request's route. Raises Unroutable.

        It sets `request.labels`, including the bucket of a host-style request of S3.
        """
        target = request.headers.get("x-amz-target")
        if target:
            return self._by_target(target)
        if request.headers.get("smithy-protocol") or request.path.startswith("/service/"):
            cbor = self._by_rpc_path(request)
            if cbor is not None:
                return cbor
        signed_for = request.authorization.service
        if request.content_type == FORM or "Action" in request.query:
            route = self._by_action(request, signed_for)
            if route is not None:
                return route
        return self._by_path(request, signed_for)

    def spoken(self, request: WireRequest) -> tuple[str, ServiceModel | None]:
        """Return the protocol and the service of a request by its headers alone, for errors before the operation is
        known."""
        target = request.headers.get("x-amz-target", "")
        if target:
            named = self._catalogue.by_target.get(target.rpartition(".")[0])
            return "json", load_service(named) if named else None
        if request.headers.get("smithy-protocol"):
            return "smithy-rpc-v2-cbor", None
        service = next(iter(self._services(request.authorization.service, "")), None)
        if service is None:
            return (
                "query" if request.content_type == FORM or "Action" in request.query else "rest-xml"
            ), None
        if request.content_type == FORM and _speaks_query(service):
            return _form_protocol(service), service
        return service.protocol, service

    def _by_target(self, target: str) -> Route:
        route = self._targets.get(target)
        if route is not None:
            return route
        prefix, _, name = target.rpartition(".")
        service_name = self._catalogue.by_target.get(prefix)
        if service_name is None:
            raise Unroutable(
                "json", AwsError("UnknownOperationException", f"{target} is no operation of any service.")
            )
        service = load_service(service_name)
        operation = service.operations.get(name)
        if operation is None:
            unknown = AwsError("UnknownOperationException", f"{service_name} has no operation {name!r}.")
            raise Unroutable("json", unknown, service)
        route = self._targets[target] = Route(operation, "json")
        return route

    def _by_rpc_path(self, request: WireRequest) -> Route | None:
        parts = request.path.strip("/").split("/")
        if len(parts) != 4 or parts[0] != "service" or parts[2] != "operation":
            return None
        for name in self._catalogue.signed_for(request.authorization.service) or (
            self._catalogue.by_target.get(parts[1], ""),
        ):
            service = load_service(name) if name else None
            if service is not None and service.metadata.get("targetPrefix", parts[1]) == parts[1]:
                operation = service.operations.get(parts[3])
                if operation is not None:
                    return Route(operation, "smithy-rpc-v2-cbor")
        unknown = AwsError("UnknownOperationException", f"{parts[1]} has no operation {parts[3]!r}.")
        raise Unroutable("smithy-rpc-v2-cbor", unknown)

    def _by_action(self, request: WireRequest, signed_for: str) -> Route | None:
        form = _form(request)
        action = form.get("Action") or request.query.get("Action")
        version = form.get("Version") or request.query.get("Version", "")
        services = self._services(signed_for, version)
        if action and not signed_for and not version:
            services = map(load_service, _LINKED)
        candidates = [service for service in map(speaking_query, services) if _speaks_query(service)]
        if action is None:
            if not candidates:
                return None
            error = AwsError("MissingAction", "The request must contain the parameter Action.")
            raise Unroutable(_form_protocol(candidates[0]), error, candidates[0])
        for service in candidates:
            operation = service.operations.get(action)
            if operation is not None:
                return Route(operation, _form_protocol(service))
        if not candidates and signed_for == "s3":
            return None
        error = AwsError(
            "InvalidAction",
            f"Could not find operation {action} for version {version or 'NO_VERSION_SPECIFIED'}",
        )
        likeliest = candidates[0] if candidates else None
        raise Unroutable(_form_protocol(likeliest) if likeliest else "query", error, likeliest)

    def _services(self, signed_for: str, version: str) -> Iterable[ServiceModel]:
        names = self._catalogue.signed_for(signed_for) or self._catalogue.by_version.get(version, ())
        return map(load_service, names)

    def _by_path(self, request: WireRequest, signed_for: str) -> Route:
        names = list(self._catalogue.signed_for(signed_for)) if signed_for else ["s3"]
        bucket = bucket_of(request.headers.get("host", "")) if "s3" in names else None
        if bucket is not None:
            request.path = f"/{bucket}{request.path if request.path != '/' else ''}"
        for name in names:
            match = self._paths_of(name).find(request)
            if match is not None:
                operation, request.labels = match
                return Route(operation, operation.service.protocol)
        service = load_service(names[0]) if names else None
        what = (
            f"{request.method} {request.path} is no operation of {service.name if service else signed_for!r}."
        )
        if service is not None and service.name == "s3":
            error = AwsError(
                "MethodNotAllowed", "The specified method is not allowed against this resource.", 405
            )
        else:
            error = AwsError("UnknownOperationException", what, 404)
        raise Unroutable(service.protocol if service else "json", error, service)

    def _paths_of(self, name: str) -> PathRouter:
        router = self._paths.get(name)
        if router is None:
            router = self._paths[name] = PathRouter(load_service(name))
        return router


def _form(request: WireRequest) -> dict[str, str]:
    try:
        return request.form()
    except ValueError as many:
        raise Unroutable(
            "query", AwsError("MalformedQueryString", "The query string is malformed.")
        ) from many


def _speaks_query(service: ServiceModel) -> bool:
    protocols = {service.protocol, *service.metadata.get("protocols", ())}
    return bool({"query", "ec2"} & protocols)


def _form_protocol(service: ServiceModel) -> str:
    if service.protocol == "ec2":
        return "ec2"
    return "sqs-query" if is_query_compatible(service) else "query"
