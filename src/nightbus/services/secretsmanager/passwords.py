"""Makes random passwords, and answers GetRandomPassword."""

from __future__ import annotations

import secrets
import string
from typing import Any

from nightbus.services.context import Context
from nightbus.services.secretsmanager.errors import invalid_parameter, invalid_request

_DEFAULT_LENGTH = 32


async def get_random_password(
    ctx: Context,
    *,
    password_length: int = _DEFAULT_LENGTH,
    exclude_characters: str = "",
    exclude_numbers: bool = False,
    exclude_punctuation: bool = False,
    exclude_uppercase: bool = False,
    exclude_lowercase: bool = False,
    include_space: bool = False,
    require_each_included_type: bool = True,
) -> dict[str, Any]:
    types = [
        "" if exclude_lowercase else string.ascii_lowercase,
        "" if exclude_uppercase else string.ascii_uppercase,
        "" if exclude_numbers else string.digits,
        "" if exclude_punctuation else string.punctuation,
        " " if include_space else "",
    ]
    allowed = ["".join(one for one in kind if one not in exclude_characters) for kind in types if kind]
    if not any(allowed):
        raise invalid_request("You can't exclude all character types from the password.")
    required = [kind for kind in allowed if kind] if require_each_included_type else []
    if password_length < len(required):
        raise invalid_parameter(
            f"Password length {password_length} is too short based on the required types."
        )
    return {"RandomPassword": _password(password_length, required, "".join(allowed))}


def _password(length: int, required: list[str], allowed: str) -> str:
    """Return a password of `allowed` characters, with one of each of the `required` sets at a random place."""
    chosen = [secrets.choice(kind) for kind in required]
    chosen += [secrets.choice(allowed) for _ in range(length - len(chosen))]
    secrets.SystemRandom().shuffle(chosen)
    return "".join(chosen)
