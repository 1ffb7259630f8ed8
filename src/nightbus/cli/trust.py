"""Finds what the command line trusts of a node that speaks TLS."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from nightbus.cli.node_folders import folder_of_port
from nightbus.node.settings import Settings
from nightbus.node.tls_certificate import made_certificate


def authority_in(folder: Path) -> Path | None:
    """Return the PEM file of the authority that a node on the folder has made for itself, None if it has made none."""
    file = made_certificate(folder.absolute()).authority
    return file if file is not None and file.is_file() else None


def trusting_context(settings: Settings) -> ssl.SSLContext:
    """Return a context that trusts what this machine trusts, `AWS_CA_BUNDLE`, and the node's own authority."""
    context = ssl.create_default_context()
    own = authority_in(folder_of_port(settings) or settings.data)
    for file in (own, os.environ.get("AWS_CA_BUNDLE")):
        if file and Path(file).is_file():
            context.load_verify_locations(file)
    return context
