"""Implements the resource types of Amazon ECR."""
