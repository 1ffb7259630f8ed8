"""Replaces a principal in stored policies: by its unique id when it is deleted, by its new ARN after a rename. Pure.

AWS stores a principal of a policy by its unique id and shows its ARN while it exists. So a policy names a user who was
renamed, shows the id of one who was deleted, and gives nothing to another one who is made with the same name later.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_PRINCIPALS = ("Principal", "NotPrincipal")
_OF_GRANTS = ("GranteePrincipal", "RetiringPrincipal")


def renamed(value: Any, old: str, new: str) -> Any:
    """Return a record's value with `new` for the principal `old` in all its policies: documents, JSON texts of
    documents, statements, or a key's grant. It is the same object if no policy names the principal."""
    if isinstance(value, str):
        return _in_text(value, old, new)
    if isinstance(value, Mapping):
        changed = {name: _member(name, one, old, new) for name, one in value.items()}
        return changed if any(changed[name] is not value[name] for name in changed) else value
    if isinstance(value, list):
        items = [renamed(one, old, new) for one in value]
        return items if any(one is not before for one, before in zip(items, value, strict=True)) else value
    return value


def _in_text(text: str, old: str, new: str) -> str:
    if old not in text or not text.lstrip().startswith("{"):
        return text
    try:
        document = json.loads(text)
    except ValueError:
        return text
    changed = renamed(document, old, new)
    return text if changed is document else json.dumps(changed, ensure_ascii=False)


def _member(name: str, value: Any, old: str, new: str) -> Any:
    if name in _OF_GRANTS:
        return new if value == old else value
    if name not in _PRINCIPALS or not isinstance(value, Mapping):
        return renamed(value, old, new)
    named = value.get("AWS")
    if named == old:
        return {**value, "AWS": new}
    if isinstance(named, list) and old in named:
        return {**value, "AWS": [new if one == old else one for one in named]}
    return value
