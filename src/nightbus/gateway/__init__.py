"""Implements the server side of AWS's wire protocols, driven by botocore's service models, which are read as data."""
