"""Keeps platform applications and their endpoints, and sends mobile push notifications to the outbox."""
