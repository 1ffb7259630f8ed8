"""Does the background work of the events service: schedules, replays, trimming, first authorizations."""
