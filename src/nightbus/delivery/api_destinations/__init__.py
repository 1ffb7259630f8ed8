"""Sends events to API destinations: HTTP endpoints elsewhere, with the authorization of a connection."""
