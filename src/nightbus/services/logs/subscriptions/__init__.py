"""Sends the events of log groups to functions, as the groups' subscription filters ask."""
