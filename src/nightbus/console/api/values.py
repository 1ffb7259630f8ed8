"""Defines what the queries, bodies and answers of several groups of paths have in common."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from nightbus.aws.errors import AwsError
from nightbus.bus.json_text import parse_json, write_json

LATEST = 253_402_300_799_000  # 9999-12-31, the last day of datetime
Limit = Annotated[int, msgspec.Meta(ge=1, le=1000, description="At most so many.")]
Next = Annotated[str, msgspec.Meta(max_length=4096, description="`next` of the answer before.")]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=LATEST, description="UTC milliseconds.")]
Json = msgspec.Raw  # any JSON value, as its text: an event's numbers may be larger than any double


class Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The parameters of a query, beside `account` and `region`, which every path takes."""


class Page(Query, frozen=True, kw_only=True):
    """The parameters of a list."""

    limit: Limit = 100
    next: Next = ""


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The JSON body of a request."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON body of an answer."""


class ApiError(Answer, frozen=True):
    """`error` is AWS's code where there is one."""

    error: str
    message: str


class Done(Answer, frozen=True):
    """The answer to a request that has nothing to tell."""

    done: bool = True


T = TypeVar("T", bound=Answer)


def copied(kind: type[T], source: object, **others: Any) -> T:
    """An answer whose members are `source`'s attributes of the same names, except for `others`."""
    names = [name for name in kind.__struct_fields__ if name not in others]
    return kind(**{name: getattr(source, name) for name in names}, **others)


@dataclass(frozen=True, slots=True)
class WithHeaders(Generic[T]):
    """An answer that sets headers as well."""

    answer: T
    headers: list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class EventStream:
    """An answer without an end: server-sent events. `still` says, about once a second, whether to go on; `close` is
    called at the end."""

    messages: AsyncIterator[bytes]
    still: Callable[[], Awaitable[bool]]
    close: Callable[[], None]


def as_json(value: Any) -> Json:
    """A value of the JSON of events, exactly."""
    return msgspec.Raw(write_json(value).encode())


def encoded(answer: Any) -> bytes:
    """The JSON text of an answer, or of a row of one."""
    try:
        return msgspec.json.encode(answer)
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can write
        return write_json(_plain(answer)).encode()


def _plain(value: Any) -> Any:
    """The value of Structs and of JSON texts in them, for `write_json`. msgspec's own conversion knows no texts."""
    if isinstance(value, msgspec.Struct):
        names = zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
        return {name: _plain(getattr(value, field)) for name, field in names}
    if isinstance(value, msgspec.Raw):
        return parse_json(bytes(value).decode())
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def check_texts(value: Any) -> None:
    """Raises AwsError where a text of a body, or of a Struct in it, has half of a surrogate pair: no name and no
    message can have that. What is JSON of any kind may."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise AwsError("ValidationException", "A text has half of a surrogate pair.") from None
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            check_texts(getattr(value, name))
    elif isinstance(value, list):
        for one in value:
            check_texts(one)
    elif isinstance(value, dict) and any(isinstance(one, msgspec.Struct) for one in value.values()):
        for name, one in value.items():
            check_texts(name)
            check_texts(one)
