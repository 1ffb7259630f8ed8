"""Parses the filter patterns of CloudWatch Logs and matches messages against them. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""
