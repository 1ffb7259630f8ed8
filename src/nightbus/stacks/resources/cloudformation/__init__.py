"""Implements the resource types of CloudFormation itself, such as nested stacks, macros and custom resources."""
