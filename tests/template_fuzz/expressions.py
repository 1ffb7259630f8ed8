"""Writes values as expressions that evaluate to the same value, and declares what these need in the template."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

EXTENSIONS = "AWS::LanguageExtensions"
EXPORT, EXPORTED = "fuzz-export", "exported"
STORED = {"/fuzz/name": "one", "/fuzz/list": "a,b"}
_OPAQUE = frozenset({"Ref", "Fn::GetAtt", "Fn::Sub", "Condition"})  # their arguments are no expressions
_LITERAL_FIRST = frozenset({"Fn::Split", "Fn::Join", "Fn::If", "Fn::FindInMap"})  # of their arguments
_OFTEN_ANOTHER = 0.06
Path = tuple[Any, ...]


def leaves(value: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    """Return the texts and numbers of a value that an expression may replace."""
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)) in _OPAQUE:
            return []
        if len(value) == 1 and next(iter(value)) in _LITERAL_FIRST:
            ((key, argument),) = value.items()
            parts = enumerate(argument) if isinstance(argument, list) else ()
            return [leaf for at, one in parts if at for leaf in leaves(one, (*path, key, at))]
        return [leaf for key, child in value.items() for leaf in leaves(child, (*path, key))]
    if isinstance(value, list):
        return [leaf for key, child in enumerate(value) for leaf in leaves(child, (*path, key))]
    return [(path, value)]


def put(document: Any, path: Path, value: Any) -> None:
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


class Writer:
    """Replaces values of the document, which it changes, by expressions of the same value."""

    def __init__(self, rnd: Random, document: dict[str, Any]) -> None:
        self._rnd = rnd
        self._document = document
        self._count = 0

    def decorate(self, times: int) -> None:
        for _ in range(times):
            places = [
                ((name, "Properties", *path), value)
                for name, one in self._document["Resources"].items()
                for path, value in leaves(one.get("Properties", {}))
            ]
            if places:
                path, value = self._rnd.choice(places)
                other = self._rnd.random() < _OFTEN_ANOTHER and isinstance(value, str)
                new = self._stored(value) if other else self.expression(value)
                put(self._document["Resources"], path, new)

    def expression(self, value: Any) -> Any:
        if isinstance(value, bool):
            return self._if(value)
        if isinstance(value, int):
            return self._rnd.choice([self._number, self._if, self._mapped, self._length])(value)
        if not isinstance(value, str):
            return value
        return self._rnd.choice(_OF_TEXTS)(self, value)

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}{self._count}"

    def parameter(self, kind: str, default: Any, **more: Any) -> str:
        name = self._name("P")
        self._document.setdefault("Parameters", {})[name] = {"Type": kind, "Default": default, **more}
        return name

    def condition(self) -> str:
        """Declare a condition that holds."""
        declared = self._document.setdefault("Conditions", {})
        name, rnd = self._name("C"), self._rnd
        equal = {"Fn::Equals": [{"Ref": self.parameter("String", "yes")}, "yes"]}
        single = [name for name in declared if "::" not in name]
        known = {"Condition": rnd.choice(single)} if single else equal
        declared[name] = rnd.choice(
            [
                equal,
                {"Fn::Not": [{"Fn::Equals": [{"Ref": "AWS::Region"}, "x"]}]},
                {"Fn::And": [known, equal]},
                {"Fn::Or": [{"Fn::Equals": ["a", "b"]}, known]},
            ]
        )
        return name

    def extended(self) -> None:
        self._document["Transform"] = [EXTENSIONS]

    def _number(self, value: int) -> Any:
        return {"Ref": self.parameter("Number", value)}

    def _if(self, value: Any) -> Any:
        return {"Fn::If": [self.condition(), value, self._rnd.choice([{"Ref": "AWS::NoValue"}, value, "no"])]}

    def _mapped(self, value: Any) -> Any:
        name, rnd = self._name("M"), self._rnd
        self._document.setdefault("Mappings", {})[name] = {"us-east-1": {"v": value}, "other": {"v": value}}
        if rnd.random() < 0.3:
            self.extended()
            return {"Fn::FindInMap": [name, "none", "v", {"DefaultValue": value}]}
        return {"Fn::FindInMap": [name, rnd.choice(["other", {"Ref": "AWS::Region"}]), "v"]}

    def _length(self, value: int) -> Any:
        if not 0 < value < 20:
            return self._number(value)
        self.extended()
        return {"Fn::Length": [str(one) for one in range(value)]}

    def _ref(self, value: str) -> Any:
        more: dict[str, Any] = {}
        match self._rnd.randrange(5):
            case 0:
                more["AllowedValues"] = [value, "other"]
            case 1:
                more.update(MinLength=0, MaxLength=4096)
            case 2:
                more["AllowedPattern"] = "(?s).*+"
            case 3:
                more["NoEcho"] = True
        return {"Ref": self.parameter("String", value, **more)}

    def _sub(self, value: str) -> Any:
        return {"Fn::Sub": f"${{{self.parameter('String', value)}}}"}

    def _sub_with(self, value: str) -> Any:
        return {"Fn::Sub": ["${a}${b}", {"a": self.expression(value[:2]), "b": value[2:]}]}

    def _join(self, value: str) -> Any:
        at = self._rnd.randrange(len(value) + 1)
        return {"Fn::Join": ["", [self.expression(value[:at]), value[at:]]]}

    def _select(self, value: str) -> Any:
        return {"Fn::Select": [self._rnd.choice([1, "1"]), ["x", self.expression(value)]]}

    def _split(self, value: str) -> Any:
        return {"Fn::Select": [0, {"Fn::Split": ["|~|", self.expression(f"{value}|~|x")]}]}

    def _listed(self, value: str) -> Any:
        if "," in value or value.strip() != value or not value:
            return self._ref(value)
        kind = "List<Number>" if value.isdecimal() else "CommaDelimitedList"
        return {"Fn::Select": [0, {"Ref": self.parameter(kind, f"{value},7")}]}

    def _stored(self, value: str) -> Any:
        """Return an expression of another value, which lies outside the template."""
        return self._rnd.choice(
            [
                "{{resolve:ssm:/fuzz/name}}",
                "{{resolve:ssm:/fuzz/name:1}}",
                "{{resolve:secretsmanager:fuzz:SecretString:k}}",
                {"Ref": self.parameter("AWS::SSM::Parameter::Value<String>", "/fuzz/name")},
                {"Fn::ImportValue": self.expression(EXPORT) if self._rnd.random() < 0.5 else EXPORT},
                {"Fn::GetStackOutput": {"StackName": EXPORT, "OutputName": "O"}},
                value,
            ]
        )

    def _json(self, value: str) -> Any:
        if not value.startswith('{"') or not value.endswith("}"):
            return self._mapped(value)
        self.extended()
        return {"Fn::ToJsonString": json.loads(value)}


_OF_TEXTS: tuple[Callable[[Writer, str], Any], ...] = (
    Writer._ref, Writer._sub, Writer._sub_with, Writer._join, Writer._select, Writer._split, Writer._listed,
    Writer._if, Writer._mapped, Writer._json,
)  # fmt: skip
