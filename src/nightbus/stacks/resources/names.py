"""Generates names for resources without one in the template, as CloudFormation does: `<stack>-<id>-<12 characters>`."""

from __future__ import annotations

from nightbus.aws.ids import new_lower_suffix, new_physical_suffix

_SUFFIX = 12


def generated_name(stack_name: str, logical_id: str, longest: int, *, lower: bool = False) -> str:
    """Return a name of at most `longest` characters. If it is too long, the longer of stack and logical id is cut."""
    suffix = new_lower_suffix(_SUFFIX) if lower else new_physical_suffix(_SUFFIX)
    stack, logical = fitted(stack_name, logical_id, longest - _SUFFIX - 2)
    name = f"{stack}-{logical}-{suffix}"
    return name.lower() if lower else name


def fitted(stack_name: str, logical_id: str, room: int) -> tuple[str, str]:
    """Return both texts, cut so that together they have at most `room` characters."""
    half = room // 2
    if len(stack_name) + len(logical_id) <= room:
        return stack_name, logical_id
    if len(stack_name) <= half:
        return stack_name, logical_id[: room - len(stack_name)]
    if len(logical_id) <= half:
        return stack_name[: room - len(logical_id)], logical_id
    return stack_name[: room - half], logical_id[:half]
