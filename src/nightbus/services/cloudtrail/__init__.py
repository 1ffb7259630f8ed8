"""Implements AWS CloudTrail: the event history, and trails, whose log files go to buckets of S3."""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.services.cloudtrail import recording, selectors, signing_keys, tags, trails
from nightbus.services.cloudtrail.delivering import deliver_log_files
from nightbus.services.cloudtrail.lookup import lookup_events
from nightbus.services.cloudtrail.trimming import trim_trail
from nightbus.services.context import Handler, Worker

HANDLERS: Mapping[str, Handler] = {
    "AddTags": tags.add_tags,
    "CreateTrail": trails.create_trail,
    "DeleteTrail": trails.delete_trail,
    "DescribeTrails": trails.describe_trails,
    "GetEventSelectors": selectors.get_event_selectors,
    "GetInsightSelectors": selectors.get_insight_selectors,
    "GetTrail": trails.get_trail,
    "GetTrailStatus": recording.get_trail_status,
    "ListPublicKeys": signing_keys.list_public_keys,
    "ListTags": tags.list_tags,
    "ListTrails": trails.list_trails,
    "LookupEvents": lookup_events,
    "PutEventSelectors": selectors.put_event_selectors,
    "RemoveTags": tags.remove_tags,
    "StartLogging": recording.start_logging,
    "StopLogging": recording.stop_logging,
    "UpdateTrail": trails.update_trail,
}
DUTIES: tuple[Worker, ...] = (trim_trail, deliver_log_files)
