"""Knows KMS's keys: their records, their material in memory, and the cryptography. Services and deliveries ask it."""
