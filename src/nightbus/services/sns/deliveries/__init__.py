"""Delivers notifications to subscribers that are not queues of this node: jobs, retries, mails, logs, the outbox."""
