"""Declares the options that several commands share, and makes settings from them."""

from __future__ import annotations

import argparse
from pathlib import Path

from nightbus.aws.grammar import is_account
from nightbus.node.settings import ALL, AUDIT, ENFORCE, LOOPBACK, Settings, load_settings

_LARGEST_PORT = 65535
_MOST_WORKERS = 256
_OF_SETTINGS = (
    "host",
    "port",
    "data",
    "memory",
    "store",
    "store_password_file",
    "cluster_key_file",
    "forward",
    "quotas",
    "allowed_hosts",
    "allowed_origins",
    "service_events",
    "functions_network",
    "authorization",
    "dev_credentials",
    "tls",
    "tls_cert",
    "tls_key",
    "insecure_http",
    "workers",
)


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Return the settings that the options, the environment and the files say. Raises SettingsError."""
    chosen = {name: getattr(arguments, name, None) for name in _OF_SETTINGS}
    return load_settings(**{name: value for name, value in chosen.items() if value is not None})


def port_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= _LARGEST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port number (0 to {_LARGEST_PORT})")
    return int(text)


def worker_count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= _MOST_WORKERS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes (1 to {_MOST_WORKERS})")
    return int(text)


def add_node(parser: argparse.ArgumentParser) -> None:
    """Add the options that select the node."""
    parser.add_argument(
        "--host", metavar="NAME", help="The node's host, 127.0.0.1 by default. [NIGHTBUS_HOST]"
    )
    parser.add_argument(
        "--port", type=port_number, metavar="NUMBER", help="The node's port, 4566 by default. [NIGHTBUS_PORT]"
    )


def add_listening(parser: argparse.ArgumentParser) -> None:
    """Add the options for the address of a node that is started."""
    parser.add_argument(
        "--host", metavar="NAME", help="Address to listen on, 127.0.0.1 by default. [NIGHTBUS_HOST]"
    )
    parser.add_argument(
        "--port",
        type=port_number,
        metavar="NUMBER",
        help="Port to listen on, 4566 by default; 0 chooses a free one. [NIGHTBUS_PORT]",
    )


def add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="Folder that holds everything, ~/.local/share/nightbus by default. [NIGHTBUS_DATA]",
    )


def add_keeping(parser: argparse.ArgumentParser) -> None:
    """Add the options for the data folder, or for a node in memory."""
    add_data(parser)
    parser.add_argument(
        "--memory",
        action=argparse.BooleanOptionalAction,
        help="Keep nothing after the node stops. [NIGHTBUS_MEMORY]",
    )


def add_store(parser: argparse.ArgumentParser) -> None:
    """Add the options for a node on a store that several nodes share."""
    add_database(parser)
    add_cluster_key(parser)
    parser.add_argument(
        "--workers",
        type=worker_count,
        metavar="NUMBER",
        help="Run so many processes on the port, each a node on the shared store; 1 by default. [NIGHTBUS_WORKERS]",
    )


def add_cluster_key(parser: argparse.ArgumentParser) -> None:
    """Add the option for the key that opens the secrets of a database."""
    parser.add_argument(
        "--cluster-key-file",
        type=Path,
        metavar="FILE",
        help="The file with the key that all nodes of a cluster are given; without it the first node makes "
        "cluster.key in its data folder. [NIGHTBUS_CLUSTER_KEY_FILE; NIGHTBUS_CLUSTER_KEY is the key itself]",
    )


def add_data_or_database(parser: argparse.ArgumentParser) -> None:
    """Add the options for where a node or a cluster keeps everything."""
    add_data(parser)
    add_database(parser)


def add_database(parser: argparse.ArgumentParser) -> None:
    """Add the options for the database that several nodes share."""
    parser.add_argument(
        "--store",
        metavar="URL",
        help="Keep everything in a PostgreSQL database that nodes share, postgresql://USER@HOST:PORT/DATABASE; the "
        "data folder then has only what is this machine's own. [NIGHTBUS_STORE]",
    )
    parser.add_argument(
        "--store-password-file",
        type=Path,
        metavar="FILE",
        help="The file with the database's password. [NIGHTBUS_STORE_PASSWORD_FILE]",
    )


def add_dev_credentials(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dev-credentials",
        action=argparse.BooleanOptionalAction,
        help="Accept any access key as an administrator's, as emulators do; only on loopback, and the default with "
        "--memory. [NIGHTBUS_DEV_CREDENTIALS]",
    )


def add_tls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tls",
        action=argparse.BooleanOptionalAction,
        help="Speak TLS, which is the default with an address that is not loopback. [NIGHTBUS_TLS]",
    )


def add_encryption(parser: argparse.ArgumentParser) -> None:
    """Add the options for TLS of a node that is started."""
    add_tls(parser)
    parser.add_argument(
        "--tls-cert",
        type=Path,
        metavar="FILE",
        help="The node's certificate, PEM; by default the node makes one. [NIGHTBUS_TLS_CERT]",
    )
    parser.add_argument(
        "--tls-key", type=Path, metavar="FILE", help="The certificate's key, PEM. [NIGHTBUS_TLS_KEY]"
    )
    parser.add_argument(
        "--insecure-http",
        action=argparse.BooleanOptionalAction,
        help="Speak plain HTTP with an address that is not loopback too. [NIGHTBUS_INSECURE_HTTP]",
    )


def add_serving(parser: argparse.ArgumentParser) -> None:
    """Add the options for what a started node serves, and to whom."""
    add_forward(parser)
    add_dev_credentials(parser)
    add_encryption(parser)
    parser.add_argument(
        "--quotas",
        action=argparse.BooleanOptionalAction,
        help="Enforce AWS's quotas (300 rules per bus ...), which is the default. [NIGHTBUS_QUOTAS]",
    )
    parser.add_argument(
        "--allowed-host",
        action="append",
        dest="allowed_hosts",
        metavar="NAME",
        help="Another host name of this node, such as the one that containers use; may be repeated. "
        "[NIGHTBUS_ALLOWED_HOSTS]",
    )
    parser.add_argument(
        "--allowed-origin",
        action="append",
        dest="allowed_origins",
        metavar="URL",
        help="A web page's origin that may call this node from a browser; may be repeated. "
        "[NIGHTBUS_ALLOWED_ORIGINS]",
    )
    parser.add_argument(
        "--service-events",
        action=argparse.BooleanOptionalAction,
        help="Let PutEvents accept sources that begin with aws., as of AWS's services; only on loopback. "
        "[NIGHTBUS_SERVICE_EVENTS]",
    )
    parser.add_argument(
        "--functions-network",
        choices=(ALL, LOOPBACK),
        help="What functions reach: all that this machine does, which is the default, or loopback: the node and "
        "themselves. [NIGHTBUS_FUNCTIONS_NETWORK]",
    )
    parser.add_argument(
        "--authorization",
        choices=(ENFORCE, AUDIT),
        help="enforce the policies of callers, or audit: let every call go on, and write down those that the policies "
        "refuse. [NIGHTBUS_AUTHORIZATION]",
    )


def add_forward(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--forward",
        action="append",
        metavar="SERVICE=URL",
        help="The endpoint for targets of a service outside Nightbus (states, kinesis, ecs ...): a URL, or aws for AWS "
        "itself; may be repeated. [NIGHTBUS_FORWARD]",
    )


def add_region(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--region", metavar="NAME", help="AWS region; else AWS_REGION, AWS_DEFAULT_REGION, us-east-1."
    )


def account_number(text: str) -> str:
    if not is_account(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an account (twelve digits)")
    return text


def add_account(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--account",
        type=account_number,
        metavar="NUMBER",
        help="The account whose administrator's key is meant, by default 000000000000; one that has none yet gets it "
        "from the running node.",
    )


def add_json(parser: argparse.ArgumentParser, help: str = "Print JSON.") -> None:
    parser.add_argument("--json", action="store_true", help=help)
