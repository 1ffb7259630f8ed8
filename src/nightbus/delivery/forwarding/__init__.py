"""Targets whose service is not part of Nightbus: which call reaches them, and who makes it, by boto3, elsewhere."""
