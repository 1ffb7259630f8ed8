"""No record has what a model marks as sensitive, nor what is secret by its name, in any operation of any service."""

from __future__ import annotations

import importlib
import json
import re
from typing import Any

import pytest

from nightbus.audit.parameters import HIDDEN, shown
from nightbus.gateway.models import Shape, load_service
from nightbus.services import SERVICES

# Names that sound secret, and are not: they name something, or only tell one request or page from another.
HARMLESS = re.compile(
    r"(next|client|clientrequest|hooksrequest|registration|request|continuation|nextcontinuation|sequence|nextsequence"
    r"|nextforward|nextbackward|uploadsequence)token|registrationtokenlist|removeprivatekey|secretid(list)?|secretversionstostages|secret(manager)?arn|authorization(type|endpoint)"
    r"|service(specific)?credential(alias|id)|externalsecretrotationrolearn|.*(id|arn|type|name|status)",
    re.IGNORECASE,
)
SOUNDS_SECRET = re.compile(
    r"pass(word|phrase)|secret|token|credential|plaintext|private|assertion", re.IGNORECASE
)


def example(shape: Shape, name: str, above: frozenset[int] = frozenset(), *, is_secret: bool = False) -> Any:
    """Return a value of the shape, in which every secret text is `hush`."""
    is_secret = is_secret or bool(shape.traits.get("sensitive"))
    if id(shape) in above:
        return None
    above = above | {id(shape)}
    if shape.type == "structure":
        return {key: example(one, key, above, is_secret=is_secret) for key, one in shape.members.items()}
    if shape.type == "list":
        return [example(shape.element, name, above, is_secret=is_secret)]
    if shape.type == "map":
        return {"key": example(shape.value, name, above, is_secret=is_secret)}
    if shape.type == "string":
        secret = is_secret or (SOUNDS_SECRET.search(name) and not HARMLESS.fullmatch(name))
        return "hush" if secret and "enum" not in shape.traits else "plain"
    if shape.type == "blob":
        return b"hush"
    return {"boolean": True}.get(shape.type, 1)


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_records_have_no_secret(service: str) -> None:
    model = load_service(service)
    leaks = set()
    for operation in importlib.import_module(SERVICES[service]).HANDLERS:
        for shape in (model.operations[operation].input, model.operations[operation].output):
            if shape is not None:
                record = shown(service, shape, example(shape, ""))
                leaks |= {operation} if "hush" in json.dumps(record) else set()
    assert not leaks


def test_links_that_carry_a_signature_are_hidden() -> None:
    shape = load_service("cloudformation").operations["CreateStack"].input
    link = "https://bucket.s3.amazonaws.com/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0123"
    assert shown("cloudformation", shape, {"StackName": "s", "TemplateURL": link}) == {
        "stackName": "s",
        "templateURL": HIDDEN,
    }
