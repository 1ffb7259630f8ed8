"""Does what goes on between the calls of the events service: schedules, replays, trimming, first authorizations."""
