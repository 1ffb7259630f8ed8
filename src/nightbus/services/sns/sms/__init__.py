"""Sends text messages to the outbox, and keeps what belongs to them: attributes, opt-outs, the sandbox's numbers."""
