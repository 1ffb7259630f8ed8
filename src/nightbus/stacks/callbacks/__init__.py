"""Lets what runs outside CloudFormation answer a stack: responses of custom resources, signals of wait conditions."""
