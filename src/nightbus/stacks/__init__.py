"""Implements CloudFormation's engine: templates, change sets, provisioning and rollback."""
