"""Deletes archived messages that are older than their topic's policy says, and the archives of topics without one."""

from __future__ import annotations

from nightbus.messaging.topic import TOPIC, Topic, archive_log
from nightbus.services.context import Platform
from nightbus.services.sns.archives.policies import archive_ms
from nightbus.store.interface import TrimLog

_EVERY_SECONDS = 3600.0


async def trim_topic_archives(platform: Platform) -> None:
    """Trim the archives of all topics every hour, as a duty."""
    while True:
        now = platform.clock.now_ms()
        for scope in await platform.store.scopes(TOPIC):
            archives = set(await platform.store.logs(scope, archive_log("")))
            for record in await platform.store.list(scope, TOPIC) if archives else ():
                log = archive_log(Topic.of(scope, record, ()).topic)
                kept = archive_ms(record.value["attributes"].get("ArchivePolicy"))
                if log in archives:
                    await platform.store.commit(TrimLog(scope, log, now - kept if kept else None))
        await platform.clock.sleep(_EVERY_SECONDS)
