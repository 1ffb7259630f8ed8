"""Implements the resource types of the AWS CDK."""
