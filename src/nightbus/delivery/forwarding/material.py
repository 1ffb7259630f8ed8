"""Makes a call to another service from the target's settings, its input and the event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from nightbus.aws.arn import Arn
from nightbus.bus.json_path import InvalidPath, find, parse_path
from nightbus.bus.json_text import parse_json, write_json
from nightbus.bus.transform import CHOICES
from nightbus.delivery.forwarding.interface import Unforwardable

# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html, dynamic path parameters
_DYNAMIC = (
    "EcsParameters",
    "HttpParameters",
    "RedshiftDataParameters",
    "SageMakerPipelineParameters",
    "SqsParameters",
)


@dataclass(frozen=True, slots=True)
class Material:
    """`event` is the event's own text, of which `input` is what the target shall get."""

    target: Mapping[str, Any]
    rule: str
    rule_arn: str
    event_id: str
    input: str
    event: str

    @property
    def arn(self) -> Arn:
        return Arn.parse(str(self.target["Arn"]))

    def settings(self, block: str) -> dict[str, Any]:
        """The target's own, in which some blocks may name parts of the event. Raises Unforwardable."""
        settings = dict(self.target.get(block) or {})
        return self._filled(settings) if block in _DYNAMIC else settings

    def _filled(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: self._filled(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._filled(inner) for inner in value]
        return self.part(value) if isinstance(value, str) and is_dynamic(value) else value

    def part(self, path: str) -> str:
        """What the path picks from the event, as text. Raises Unforwardable where that is nothing."""
        try:
            values = find(parse_path(path), parse_json(self.event))
        except InvalidPath:
            values = []
        if not values:
            raise Unforwardable(f"The event has nothing at {path}.")
        return values[0] if isinstance(values[0], str) else write_json(values[0])

    @property
    def _id(self) -> str:
        """Of a rule's target. Other origins have one target, without an id."""
        return str(self.target.get("Id", ""))

    @property
    def chosen_input(self) -> str | None:
        """The input, where the target says which; kinds that get nothing of the event otherwise use this."""
        chosen = any(self.target.get(choice) is not None for choice in CHOICES)
        return self.input if chosen else None

    def chosen_object(self) -> dict[str, Any]:
        """The chosen input as an object, empty where there is none. Raises Unforwardable."""
        if self.chosen_input is None:
            return {}
        try:
            value = parse_json(self.chosen_input)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise Unforwardable(f"The input of target {self._id} must be a JSON object.")
        return value

    def once(self) -> str:
        """The same for every attempt of this delivery, and for nothing else."""
        return str(uuid5(NAMESPACE_URL, f"{self.rule_arn}|{self._id}|{self.event_id}"))


def is_dynamic(text: str) -> bool:
    return text.startswith("$.")


def lower_first(value: Any) -> Any:
    """`{"SubnetIds": [...]}` as most newer services write it: `{"subnetIds": [...]}`, all the way down."""
    if isinstance(value, Mapping):
        return {name[:1].lower() + name[1:]: lower_first(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [lower_first(inner) for inner in value]
    return value
