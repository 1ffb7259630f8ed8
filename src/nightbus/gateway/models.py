"""Reads the operations and shapes of a service from its model.

botocore's `service-2.json` files are the specification. They are read as data without their documentation, each service
at its first use. Importing botocore itself would take 0.4 s and 40 MB.
"""

from __future__ import annotations

import functools
import gzip
import importlib.util
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

_SPECIAL_NAMES = {"ListHITsForQualificationType": "list_hits_for_qualification_type"}
_FIRST_CAP = re.compile(r"(.)([A-Z][a-z]+)")
_END_CAP = re.compile(r"([a-z0-9])([A-Z])")
_PLURAL = re.compile(r"([A-Z]{2,}s)$")


class Shape:
    """A shape as one reference in the model describes it: its own traits, overridden by the reference's."""

    def __init__(self, service: ServiceModel, reference: Mapping[str, Any]) -> None:
        self._service = service
        self.name: str = reference["shape"]
        own: Mapping[str, Any] = service.shapes[self.name]
        self._own = own
        self.type: str = own["type"]
        self.traits: Mapping[str, Any] = {**own, **reference}
        self.compiled: dict[
            str, Callable[[Any], Any]
        ] = {}  # what other modules compute for this reference once, by their names

    @cached_property
    def members(self) -> dict[str, Shape]:
        return {name: Shape(self._service, member) for name, member in self._own.get("members", {}).items()}

    @cached_property
    def required(self) -> tuple[str, ...]:
        return tuple(self._own.get("required", ()))

    @cached_property
    def element(self) -> Shape:
        """Return the shape of a list's elements."""
        return Shape(self._service, self._own["member"])

    @cached_property
    def key(self) -> Shape:
        return Shape(self._service, self._own["key"])

    @cached_property
    def value(self) -> Shape:
        return Shape(self._service, self._own["value"])

    @cached_property
    def location(self) -> str | None:
        location: str | None = self.traits.get("location")
        return location

    @cached_property
    def flattened(self) -> bool:
        return bool(self.traits.get("flattened"))

    @cached_property
    def streaming(self) -> bool:
        return bool(self.traits.get("streaming"))

    @cached_property
    def is_document(self) -> bool:
        return bool(self._own.get("document"))

    def wire_name(self, default: str) -> str:
        return str(self.traits.get("locationName", default))

    @cached_property
    def payload(self) -> str | None:
        payload: str | None = self._own.get("payload")
        return payload


class OperationModel:
    def __init__(self, service: ServiceModel, name: str, raw: Mapping[str, Any]) -> None:
        self.service = service
        self.name = name
        self.method: str = raw["http"]["method"]
        self.uri: str = raw["http"]["requestUri"]
        self.status: int = raw["http"].get("responseCode", 200)
        self.result_wrapper: str | None = raw.get("output", {}).get("resultWrapper")
        self.deprecated = bool(raw.get("deprecated"))
        self.needs_signature: bool = raw.get("authtype") != "none"
        self.takes_unsigned_body = raw.get("authtype") == "v4-unsigned-body" or bool(
            raw.get("unsignedPayload")
        )
        self._raw = raw

    @cached_property
    def input(self) -> Shape | None:
        return Shape(self.service, self._raw["input"]) if "input" in self._raw else None

    @cached_property
    def output(self) -> Shape | None:
        return Shape(self.service, self._raw["output"]) if "output" in self._raw else None

    @cached_property
    def input_is_streamed(self) -> bool:
        """Return whether the handler gets the request's body as a stream and not as bytes."""
        shape = self.input
        if shape is None or shape.payload is None:
            return False
        return shape.members[shape.payload].streaming


class ServiceModel:
    """A service. `name` is botocore's (the folder of its model), `metadata` is the model's."""

    def __init__(self, name: str, raw: Mapping[str, Any]) -> None:
        self.name = name
        self.metadata: Mapping[str, str] = raw["metadata"]
        self.shapes: Mapping[str, Mapping[str, Any]] = raw["shapes"]
        self.operations: dict[str, OperationModel] = {
            operation: OperationModel(self, operation, body) for operation, body in raw["operations"].items()
        }

    @property
    def protocol(self) -> str:
        return self.metadata["protocol"]

    @property
    def signing_name(self) -> str:
        """Return the service that clients name in the scope of their signatures."""
        return self.metadata.get("signingName") or self.metadata.get("endpointPrefix", self.name)

    @cached_property
    def errors(self) -> dict[str, Mapping[str, Any]]:
        """Return the raw shapes of errors by their codes on the wire."""
        shapes = {}
        for name, shape in self.shapes.items():
            if shape.get("exception") or "error" in shape:
                shapes[name] = shape
                shapes.setdefault(shape.get("error", {}).get("code", name), shape)
        return shapes


@functools.cache
def load_service(name: str) -> ServiceModel:
    """Return the service's model. Raises KeyError for a service that botocore does not have."""
    raw = read_model(name)
    if name == "sqs":
        _take_message_attributes(raw["shapes"])
    if name == "s3":
        raw["shapes"]["FilterRuleName"]["enum"] += ["Prefix", "Suffix"]  # as S3 itself returns them
    return ServiceModel(name, raw)


def _take_message_attributes(shapes: dict[str, Any]) -> None:
    """Let AttributeNames of ReceiveMessage be the names of messages' attributes, which the model does not say."""
    names = shapes["QueueAttributeName"]["enum"]
    names += [one for one in shapes["MessageSystemAttributeName"]["enum"] if one not in names]


def read_model(name: str) -> dict[str, Any]:
    """Return a new copy of the raw model, which the caller may change. Raises KeyError."""
    file = _model_file(name)
    raw: dict[str, Any] = orjson.loads(
        gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    )
    _drop_documentation(raw)
    return raw


def _model_file(name: str) -> Path:
    folder = data_folder() / name
    if not name or "/" in name or not folder.is_dir():
        raise KeyError(name)
    newest = sorted(version for version in folder.iterdir() if version.is_dir())[-1]
    packed = newest / "service-2.json.gz"
    return packed if packed.exists() else newest / "service-2.json"


@functools.cache
def data_folder() -> Path:
    """Return the folder of botocore's models, without importing botocore."""
    spec = importlib.util.find_spec("botocore")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("botocore is not installed, and its models are the specification of every service")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def service_files() -> Iterator[tuple[str, Path]]:
    for folder in sorted(data_folder().iterdir()):
        if folder.is_dir():
            try:
                yield folder.name, _model_file(folder.name)
            except (KeyError, IndexError):
                continue


def _drop_documentation(raw: dict[str, Any]) -> None:
    for shape in raw["shapes"].values():
        shape.pop("documentation", None)
        for member in shape.get("members", {}).values():
            member.pop("documentation", None)
        for part in ("member", "key", "value"):
            if part in shape:
                shape[part].pop("documentation", None)
    for operation in raw["operations"].values():
        operation.pop("documentation", None)


@functools.cache
def snake_case(name: str) -> str:
    """Return a name in botocore's form for Python: `EventBusName` → `event_bus_name`."""
    if name in _SPECIAL_NAMES:
        return _SPECIAL_NAMES[name]
    plural = _PLURAL.search(name)
    if plural:
        name = f"{name[: -len(plural.group())]}_{plural.group().lower()}"
    return _END_CAP.sub(r"\1_\2", _FIRST_CAP.sub(r"\1_\2", name)).lower()
