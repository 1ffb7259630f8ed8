"""From a bus to its targets: the router that matches and commits, the dispatcher that delivers and retries."""
