"""Writes server access logs: a line for each request to a bucket with logging, in objects of its target bucket."""
