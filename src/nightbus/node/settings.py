"""Reads the node's settings: where it listens, where it keeps its data, and what it does for whom.

Decided in this order: the command's own option, the variable `NIGHTBUS_*`, `nightbus.toml` in the current folder
or one above it, the default. Every subcommand reads the same settings, so that they speak of the same node. What judges
a setting that is rarely given is imported when it is: a command that answers at once needs none of it.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightbus.delivery.retention import Retention

if TYPE_CHECKING:
    from nightbus.messaging.mail_server import MailServer

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 4566
FILE_NAME = "nightbus.toml"
MEMORY_FOLDER_PREFIX = "nightbus-node-"  # of the temporary folder of a node with --memory
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?\]?")
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}
_KNOWN = (
    "allowed_hosts",
    "allowed_origins",
    "audit_data_events",
    "audit_days",
    "audit_megabytes",
    "authorization",
    "concurrent_executions",
    "data",
    "dev_credentials",
    "environment_idle_seconds",
    "forward",
    "functions_network",
    "history_hours",
    "history_megabytes",
    "host",
    "memory",
    "port",
    "preload_sdk",
    "quotas",
    "service_events",
    "smtp",
)


_TRAIL_DAYS, _TRAIL_MEGABYTES = 90, 256
ALL, LOOPBACK = "all", "loopback"  # of `functions_network`
ENFORCE, AUDIT = "enforce", "audit"  # of `authorization`
_ANY_ADDRESS = ("", "0.0.0.0", "::", "[::]")  # noqa: S104


class SettingsError(ValueError):
    """A setting cannot be used; the text says which, where it stands and why."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`port` 0 takes any free one. With `memory` the store lives until the node stops and `data` is unused.

    Without `smtp` there are no subscriptions by e-mail. `forward` says where targets of services go that are not part
    of Nightbus: a URL, or `aws`. Without `quotas` there may be any number of rules, targets and the like.
    `retention` is how much of the history of buses is kept. `allowed_hosts` are host names under which clients reach
    the node beside its own, `allowed_origins` the web pages that may call it (`gateway/gate.py`).
    `concurrent_executions` is how many invocations an account may run at a time, `environment_idle_seconds` how long an
    environment is kept that nobody invokes.
    With `preload_sdk`, boto3 is imported once for all environments of a Python, unless memory is short then.
    `functions_network` is what functions reach: `all` that the machine does, or `loopback` for the node and themselves.
    `trail_retention` is how much of the audit trail is kept; with `audit_data_events` it has successful data calls too.
    `authorization` says whether the policies of callers are enforced, or only what they would refuse is written down.
    With `dev_credentials`, access keys that the node did not issue are administrators', of the accounts that they name.
    With `service_events`, PutEvents takes events whose source begins with `aws.`, from everybody.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    data: Path = Path(".nightbus")
    memory: bool = False
    smtp: MailServer | None = None
    forward: Mapping[str, str] = field(default_factory=dict)
    quotas: bool = True
    retention: Retention = field(default_factory=Retention)
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    service_events: bool = False
    concurrent_executions: int = 1000
    environment_idle_seconds: int = 600
    preload_sdk: bool = True
    functions_network: str = ALL
    trail_retention: Retention = field(default_factory=lambda: Retention(_TRAIL_DAYS * 24, _TRAIL_MEGABYTES))
    audit_data_events: bool = False
    authorization: str = ENFORCE
    dev_credentials: bool = False

    @property
    def reached_host(self) -> str:
        """The host for clients on this machine, an address of IPv6 without brackets."""
        host = self.host.strip("[]")
        return "127.0.0.1" if host in ("", "0.0.0.0") else "::1" if host == "::" else host  # noqa: S104

    @property
    def endpoint(self) -> str:
        """The base URL for clients on this machine."""
        host = self.reached_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def load_settings(
    *,
    host: str | None = None,
    port: int | None = None,
    data: Path | None = None,
    memory: bool | None = None,
    forward: Sequence[str] = (),
    quotas: bool | None = None,
    allowed_hosts: Sequence[str] = (),
    allowed_origins: Sequence[str] = (),
    service_events: bool | None = None,
    functions_network: str | None = None,
    authorization: str | None = None,
    dev_credentials: bool | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """Raises SettingsError."""
    variables = os.environ if environ is None else environ
    file, table = _find_file(folder or Path.cwd())
    data_default = table["data"] if "data" in table else default_data_folder(variables)
    chosen_host = _host(host, variables, table, file)
    in_memory = _switch("memory", False, memory, variables, table, file)
    settings = Settings(
        host=chosen_host,
        port=_port(port, variables, table, file),
        data=(data or _path(variables.get("NIGHTBUS_DATA")) or Path(data_default)).expanduser(),
        memory=in_memory,
        smtp=_smtp(variables, table, file),
        forward=_forward(forward, variables, table, file),
        quotas=_switch("quotas", True, quotas, variables, table, file),
        retention=Retention(
            hours=_count("history_hours", Retention().hours, variables, table, file),
            megabytes=_count("history_megabytes", Retention().megabytes, variables, table, file),
        ),
        allowed_hosts=_names("allowed_hosts", allowed_hosts, variables, table, file),
        allowed_origins=_names("allowed_origins", allowed_origins, variables, table, file),
        service_events=_switch("service_events", False, service_events, variables, table, file),
        concurrent_executions=_count("concurrent_executions", 1000, variables, table, file),
        environment_idle_seconds=_count("environment_idle_seconds", 600, variables, table, file),
        preload_sdk=_switch("preload_sdk", True, None, variables, table, file),
        trail_retention=Retention(
            hours=24 * _count("audit_days", _TRAIL_DAYS, variables, table, file),
            megabytes=_count("audit_megabytes", _TRAIL_MEGABYTES, variables, table, file),
        ),
        audit_data_events=_switch("audit_data_events", False, None, variables, table, file),
        functions_network=_one_of(
            (ALL, LOOPBACK), "functions_network", functions_network, variables, table, file
        ),
        authorization=_one_of((ENFORCE, AUDIT), "authorization", authorization, variables, table, file),
        dev_credentials=_switch(
            "dev_credentials",
            in_memory and _is_loopback(chosen_host),
            dev_credentials,
            variables,
            table,
            file,
        ),
    )
    if settings.functions_network == LOOPBACK and not (
        settings.host in _ANY_ADDRESS or _is_loopback(settings.host)
    ):
        raise SettingsError(
            f"functions_network {LOOPBACK} goes with a loopback address, 0.0.0.0 or :: only, not with {settings.host}: "
            "functions could not reach the node"
        )
    if settings.dev_credentials and not _is_loopback(settings.host):
        raise SettingsError(
            f"dev_credentials goes with a loopback address only, not with {settings.host}: "
            "whoever reaches the node would be its administrator"
        )
    if settings.service_events and not _is_loopback(settings.host):
        raise SettingsError(
            f"service_events goes with a loopback address only, not with {settings.host}: "
            "whoever reaches the node could put events in the name of AWS's services"
        )
    return settings


def _host(option: str | None, environ: Mapping[str, str], table: Mapping[str, Any], file: Path | None) -> str:
    host = option or environ.get("NIGHTBUS_HOST") or _text(table, "host", file) or DEFAULT_HOST
    if not _HOST.fullmatch(host):
        raise SettingsError(f"host {host!r} is neither a host name nor an address")
    return host


def _is_loopback(host: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def default_data_folder(environ: Mapping[str, str]) -> Path:
    base = environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "nightbus"


def _find_file(folder: Path) -> tuple[Path | None, dict[str, Any]]:
    for candidate in (folder, *folder.parents):
        file = candidate / FILE_NAME
        if file.is_file():
            return file, _read(file)
    return None, {}


def _read(file: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(file.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as broken:
        raise SettingsError(f"{file}: {broken}") from broken
    unknown = sorted(set(table) - set(_KNOWN))
    if unknown:
        raise SettingsError(f"{file}: unknown setting {', '.join(unknown)}; known are {', '.join(_KNOWN)}")
    if "data" in table:
        table["data"] = str(file.parent / Path(_text(table, "data", file) or ".").expanduser())
    return table


def _text(table: Mapping[str, Any], name: str, file: Path | None) -> str | None:
    value = table.get(name)
    if value is not None and not isinstance(value, str):
        raise SettingsError(f"{file}: {name} must be a string")
    return value


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _port(option: int | None, environ: Mapping[str, str], table: Mapping[str, Any], file: Path | None) -> int:
    if option is not None:
        value, origin = option, "--port"
    elif environ.get("NIGHTBUS_PORT"):
        text, origin = environ["NIGHTBUS_PORT"], "NIGHTBUS_PORT"
        if not text.isdecimal():
            raise SettingsError(f"{origin}: {text!r} is not a port number")
        value = int(text)
    else:
        value, origin = table.get("port", DEFAULT_PORT), f"{file}: port"
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 65535:
        raise SettingsError(f"{origin}: {value!r} is not a port number (0 to 65535)")
    return value


def _count(
    name: str, default: int, environ: Mapping[str, str], table: Mapping[str, Any], file: Path | None
) -> int:
    variable = f"NIGHTBUS_{name.upper()}"
    origin, value = f"{file}: {name}", table.get(name, default)
    if environ.get(variable):
        origin, text = variable, environ[variable]
        value = int(text) if text.isdecimal() else text
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise SettingsError(f"{origin}: {value!r} is not a whole number above 0")
    return value


def _one_of(
    values: tuple[str, ...],
    name: str,
    option: str | None,
    environ: Mapping[str, str],
    table: Mapping[str, Any],
    file: Path | None,
) -> str:
    """Return one of `values`, of which the first is the default."""
    origin, value = f"{file}: {name}", _text(table, name, file)
    variable = f"NIGHTBUS_{name.upper()}"
    if option or environ.get(variable):
        origin = f"--{name.replace('_', '-')}" if option else variable
        value = option or environ[variable]
    if value not in (None, *values):
        neither = (
            f"neither {values[0]} nor {values[1]}" if len(values) == 2 else f"none of {', '.join(values)}"
        )
        raise SettingsError(f"{origin}: {value!r} is {neither}")
    return value or values[0]


def _smtp(environ: Mapping[str, str], table: Mapping[str, Any], file: Path | None) -> MailServer | None:
    text, origin = environ.get("NIGHTBUS_SMTP"), "NIGHTBUS_SMTP"
    if text is None:
        text, origin = _text(table, "smtp", file), f"{file}: smtp"
    if not text:
        return None
    from nightbus.messaging.mail_server import MailServer

    try:
        return MailServer.parse(text)
    except ValueError as wrong:
        raise SettingsError(f"{origin} {wrong}") from None


def _forward(
    options: Sequence[str], environ: Mapping[str, str], table: Mapping[str, Any], file: Path | None
) -> dict[str, str]:
    """Service by service: one may be named in the file and another by an option."""
    in_file = table.get("forward", {})
    if not in_file and not environ.get("NIGHTBUS_FORWARD") and not options:
        return {}
    from nightbus.delivery.forwarding.settings import forwards_from, forwards_in

    origin, endpoints = f"{file}: forward", dict[str, str]()
    try:
        if not isinstance(in_file, dict) or not all(isinstance(value, str) for value in in_file.values()):
            raise ValueError("must be a table of strings")
        endpoints |= forwards_from(in_file.items())
        origin = "NIGHTBUS_FORWARD"
        endpoints |= forwards_in(environ.get(origin, ""))
        origin = "--forward"
        endpoints |= forwards_in(",".join(options))
    except ValueError as wrong:
        raise SettingsError(f"{origin}: {wrong}") from None
    return endpoints


def _names(
    name: str,
    options: Sequence[str],
    environ: Mapping[str, str],
    table: Mapping[str, Any],
    file: Path | None,
) -> tuple[str, ...]:
    """A list of strings: an option that may be repeated, a variable with commas, or an array in the file."""
    variable = f"NIGHTBUS_{name.upper()}"
    if options:
        origin, texts = f"--{name.replace('_', '-').rstrip('s')}", list(options)
    elif variable in environ:
        origin, texts = variable, [text.strip() for text in environ[variable].split(",") if text.strip()]
    else:
        origin, texts = f"{file}: {name}", table.get(name, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise SettingsError(f"{origin} must be an array of strings")
    if not texts:
        return ()
    from nightbus.gateway.gate import check_allowed_host, check_allowed_origin

    check = check_allowed_host if name == "allowed_hosts" else check_allowed_origin
    try:
        return tuple(check(text) for text in texts)
    except ValueError as wrong:
        raise SettingsError(f"{origin}: {wrong}") from None


def _switch(
    name: str,
    default: bool,
    option: bool | None,
    environ: Mapping[str, str],
    table: Mapping[str, Any],
    file: Path | None,
) -> bool:
    if option is not None:
        return option
    variable = f"NIGHTBUS_{name.upper()}"
    if variable in environ:
        text = environ[variable].strip().lower()
        if text not in _TRUE | _FALSE:
            raise SettingsError(f"{variable}: {text!r} is neither true nor false")
        return text in _TRUE
    value = table.get(name, default)
    if not isinstance(value, bool):
        raise SettingsError(f"{file}: {name} must be true or false")
    return value
