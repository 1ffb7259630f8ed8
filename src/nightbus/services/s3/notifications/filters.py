"""Decides which notification configuration an event of an object matches, and which configurations overlap.

Pure functions over values. A filter compares the beginning and the end of a key as they are, without URL encoding.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

# The member of each kind of configuration, and the member of it that holds the destination's ARN.
DESTINATIONS = {
    "QueueConfigurations": "QueueArn",
    "TopicConfigurations": "TopicArn",
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
}
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
_EVENTS = {
    "ObjectCreated": ("Put", "Post", "Copy", "CompleteMultipartUpload"),
    "ObjectRemoved": ("Delete", "DeleteMarkerCreated"),
    "ObjectRestore": ("Post", "Completed", "Delete"),
    "Replication": (
        "OperationFailedReplication",
        "OperationMissedThreshold",
        "OperationReplicatedAfterThreshold",
        "OperationNotTracked",
    ),
    "LifecycleExpiration": ("Delete", "DeleteMarkerCreated"),
    "ObjectTagging": ("Put", "Delete"),
    "ObjectAnnotation": ("Put", "Delete"),
}
EVENT_TYPES = frozenset(
    {
        *(f"s3:{kind}:{name}" for kind, names in _EVENTS.items() for name in ("*", *names)),
        "s3:ReducedRedundancyLostObject",
        "s3:LifecycleTransition",
        "s3:IntelligentTiering",
        "s3:ObjectAcl:Put",
        "s3:ObjectRetention:Put",
    }
)


class KeyFilter(NamedTuple):
    """The beginning and the end that a key must have; "" for any."""

    prefix: str = ""
    suffix: str = ""

    def accepts(self, key: str) -> bool:
        return key.startswith(self.prefix) and key.endswith(self.suffix)

    def overlaps(self, other: KeyFilter) -> bool:
        """Return whether a key may match both: one prefix begins with the other one, and so for the suffixes' ends."""
        prefixes = self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)
        return prefixes and (self.suffix.endswith(other.suffix) or other.suffix.endswith(self.suffix))


class Destination(NamedTuple):
    """One configuration of a bucket: its id, the ARN that gets its events, and which events those are."""

    id: str
    arn: str
    events: Sequence[str]
    keys: KeyFilter

    def wants(self, event: str, key: str) -> bool:
        """Return whether an event, such as `ObjectCreated:Put`, of the object `key` goes to this destination."""
        return any(matches(one, event) for one in self.events) and self.keys.accepts(key)


def destinations_of(configuration: Mapping[str, Any]) -> Iterator[Destination]:
    """Yield the destinations of a stored configuration, all but the event bus."""
    for kind, member in DESTINATIONS.items():
        for one in configuration.get(kind, ()):
            yield Destination(one["Id"], one[member], one["Events"], key_filter(one))


def key_filter(configuration: Mapping[str, Any]) -> KeyFilter:
    rules = ((configuration.get("Filter") or {}).get("Key") or {}).get("FilterRules") or ()
    values = {str(rule.get("Name", "")).lower(): str(rule.get("Value", "")) for rule in rules}
    return KeyFilter(values.get("prefix", ""), values.get("suffix", ""))


def matches(pattern: str, event: str) -> bool:
    """Return whether `s3:ObjectCreated:*` or `s3:ObjectCreated:Put` stands for the event `ObjectCreated:Put`."""
    wanted = pattern.removeprefix("s3:")
    return wanted == event or (wanted.endswith(":*") and event.startswith(wanted[:-1]))


def share_event(one: Sequence[str], other: Sequence[str]) -> bool:
    """Return whether an event type is in both, where `*` stands for all of its kind."""
    return any(_is_within(a, b) or _is_within(b, a) for a in one for b in other)


def _is_within(pattern: str, other: str) -> bool:
    return matches(pattern, other.removeprefix("s3:"))
