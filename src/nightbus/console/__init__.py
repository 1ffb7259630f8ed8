"""The web console and its JSON API: what answers below `/_nightbus/console` and `/_nightbus/api`."""
