"""Makes the condition keys of an encryption context and of a new grant.

https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.identity.request_keys import ABSENT
from nightbus.policies.request import Values, named_values


def encryption_context(context: Mapping[str, Any] | None) -> Mapping[str, Values]:
    """Return the condition keys of an encryption context."""
    pairs = [(name, str(text)) for name, text in (context or {}).items()]
    values = named_values("kms:encryptioncontext:", pairs)
    values["kms:encryptioncontextkeys"] = tuple(context or ()) or ABSENT
    return values


def keys_of_grant(members: Mapping[str, Any]) -> Mapping[str, Values]:
    """Return the condition keys of a request for a grant with these members."""
    constraints = members.get("Constraints") or {}
    context = {
        name: text for one in constraints.values() if isinstance(one, Mapping) for name, text in one.items()
    }
    return {
        **encryption_context(context),
        "kms:grantconstrainttype": tuple(constraints) or ABSENT,
        "kms:grantoperations": tuple(members.get("Operations") or ()),
        "kms:granteeprincipal": members.get("GranteePrincipal") or ABSENT,
        "kms:retiringprincipal": members.get("RetiringPrincipal") or ABSENT,
    }
