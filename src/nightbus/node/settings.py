"""Reads the node's settings: where it listens, where it keeps its data, and what it does for whom.

Decided in this order: the command's own option, the variable `NIGHTBUS_*`, `nightbus.toml` in the current folder
or one above it, the default. Every subcommand reads the same settings, so that they speak of the same node. What judges
a setting that is rarely given is imported when it is: a command that answers at once needs none of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nightbus.delivery.retention import Retention
from nightbus.node.setting_sources import SettingsError, Sources

if TYPE_CHECKING:
    from nightbus.messaging.mail_server import MailServer
    from nightbus.node.shared_store import SharedStore

__all__ = ["Settings", "SettingsError", "load_settings"]

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 4566
MEMORY_FOLDER_PREFIX = "nightbus-node-"  # of the temporary folder of a node with --memory
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?\]?")
_KNOWN = (
    "allowed_hosts",
    "allowed_origins",
    "audit_data_events",
    "audit_days",
    "audit_megabytes",
    "authorization",
    "blob_cache_megabytes",
    "blobs",
    "cluster_key_file",
    "concurrent_executions",
    "data",
    "dev_credentials",
    "environment_idle_seconds",
    "forward",
    "functions_network",
    "history_hours",
    "history_megabytes",
    "host",
    "insecure_http",
    "memory",
    "metrics_open",
    "port",
    "preload_sdk",
    "quotas",
    "service_events",
    "smtp",
    "store",
    "store_password_file",
    "store_polls",
    "tls",
    "tls_cert",
    "tls_key",
    "workers",
)


_TRAIL_DAYS, _TRAIL_MEGABYTES = 90, 256
ALL, LOOPBACK = "all", "loopback"  # of `functions_network`
ENFORCE, AUDIT = "enforce", "audit"  # of `authorization`
_ANY_ADDRESS = ("", "0.0.0.0", "::", "[::]")  # noqa: S104
_CONSOLE_REACHES = ("127.0.0.1", "::1", "localhost")  # what browsers take names below localhost for


@dataclass(frozen=True, slots=True)
class Settings:
    """`port` 0 takes any free one. With `memory` the store lives until the node stops and `data` is unused.
    `store` is one that several nodes share; None for the embedded one in the folder `data`.

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
    With `metrics_open`, whoever reaches the node reads its metrics without a key.
    With `service_events`, PutEvents takes events whose source begins with `aws.`, from everybody.
    With `tls` clients speak TLS, except those of this machine, which may speak plain HTTP. The certificate is that of
    `tls_cert` with the key of `tls_key` (PEM files), or one that the node makes.
    With `virtual_time_from` (UTC ms) the node's time stands there until a test lets it pass; `test_cache` is a
    folder for results of the SAM transform and for unpacked packages then. Only `nightbus.testing` sets the two.
    `workers` is how many processes a started node has, each a node of its own on the store that they share.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    data: Path = Path(".nightbus")
    memory: bool = False
    store: SharedStore | None = None
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
    metrics_open: bool = False
    tls: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None
    virtual_time_from: int | None = None
    test_cache: Path | None = None
    workers: int = 1

    @property
    def reached_host(self) -> str:
        """The host for clients on this machine, an address of IPv6 without brackets."""
        host = self.host.strip("[]")
        return "127.0.0.1" if host in ("", "0.0.0.0") else "::1" if host == "::" else host  # noqa: S104

    @property
    def endpoint(self) -> str:
        """The base URL for clients on this machine."""
        return f"{'https' if self.tls else 'http'}://{self._authority}"

    @property
    def plain_endpoint(self) -> str:
        """The base URL of plain HTTP, for functions: with `tls`, only this machine may use it."""
        return f"http://{self._authority}"

    def endpoint_for_others(self, machine: str) -> str:
        """The base URL that other nodes show for this one: of `machine`, its name, if it listens on all addresses."""
        authority = f"{machine}:{self.port}" if self.host in _ANY_ADDRESS else self._authority
        return f"{'https' if self.tls else 'http'}://{authority}"

    @property
    def command_endpoint(self) -> str:
        """The base URL for the command line's own requests: plain HTTP to a node of this machine, which is not
        encrypted, needs no certificate and crosses no network."""
        is_here = self.host in _ANY_ADDRESS or _is_loopback(self.host)
        return self.plain_endpoint if is_here else self.endpoint

    @property
    def console_endpoint(self) -> str:
        """The base URL of the web console: a host of its own for a browser of this machine, else the endpoint."""
        from nightbus.gateway.hosts import CONSOLE_HOST

        is_here = self.host in _ANY_ADDRESS or self.reached_host in _CONSOLE_REACHES
        return f"http://{CONSOLE_HOST}:{self.port}" if is_here else self.endpoint

    @property
    def _authority(self) -> str:
        host = self.reached_host
        return f"{f'[{host}]' if ':' in host else host}:{self.port}"


def load_settings(
    *,
    host: str | None = None,
    port: int | None = None,
    data: Path | None = None,
    memory: bool | None = None,
    store: str | None = None,
    store_password_file: Path | None = None,
    cluster_key_file: Path | None = None,
    forward: Sequence[str] = (),
    quotas: bool | None = None,
    allowed_hosts: Sequence[str] = (),
    allowed_origins: Sequence[str] = (),
    service_events: bool | None = None,
    functions_network: str | None = None,
    authorization: str | None = None,
    dev_credentials: bool | None = None,
    tls: bool | None = None,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    insecure_http: bool | None = None,
    workers: int | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """Raises SettingsError."""
    variables = os.environ if environ is None else environ
    sources = Sources(variables, folder or Path.cwd(), _KNOWN)
    chosen_host, certificate = _host(sources, host), sources.path("tls_cert", tls_cert)
    in_memory, is_local = sources.switch("memory", False, memory), _is_loopback(chosen_host)
    is_open = sources.switch("insecure_http", False, insecure_http)
    settings = Settings(
        host=chosen_host,
        port=sources.port(DEFAULT_PORT, port),
        data=sources.path("data", data) or default_data_folder(variables),
        memory=in_memory,
        store=_shared_store(sources, store, store_password_file, cluster_key_file, memory),
        smtp=_smtp(sources),
        forward=_forward(sources, forward),
        quotas=sources.switch("quotas", True, quotas),
        retention=Retention(
            hours=sources.count("history_hours", Retention().hours),
            megabytes=sources.count("history_megabytes", Retention().megabytes),
        ),
        allowed_hosts=sources.names("allowed_hosts", allowed_hosts, _allowed_host),
        allowed_origins=sources.names("allowed_origins", allowed_origins, _allowed_origin),
        service_events=sources.switch("service_events", False, service_events),
        concurrent_executions=sources.count("concurrent_executions", 1000),
        environment_idle_seconds=sources.count("environment_idle_seconds", 600),
        preload_sdk=sources.switch("preload_sdk", True),
        trail_retention=Retention(
            hours=24 * sources.count("audit_days", _TRAIL_DAYS),
            megabytes=sources.count("audit_megabytes", _TRAIL_MEGABYTES),
        ),
        audit_data_events=sources.switch("audit_data_events", False),
        functions_network=sources.one_of((ALL, LOOPBACK), "functions_network", functions_network),
        authorization=sources.one_of((ENFORCE, AUDIT), "authorization", authorization),
        dev_credentials=sources.switch("dev_credentials", in_memory and is_local, dev_credentials),
        metrics_open=sources.switch("metrics_open", False),
        tls=sources.switch("tls", certificate is not None or not (is_local or is_open), tls),
        tls_cert=certificate,
        tls_key=sources.path("tls_key", tls_key),
        workers=workers or sources.count("workers", 1),
    )
    _check_tls(settings, is_open=is_open)
    _check_loopback(settings)
    return settings


def _check_tls(settings: Settings, *, is_open: bool) -> None:
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise SettingsError("tls_cert and tls_key go together: the certificate and its key, as PEM files")
    if settings.tls and is_open:
        raise SettingsError("insecure_http is for plain HTTP, and does not go with tls")
    if settings.tls_cert is not None and not settings.tls:
        raise SettingsError("tls_cert does not go with tls off")
    if not (settings.tls or is_open or _is_loopback(settings.host)):
        raise SettingsError(
            f"tls off goes with a loopback address only, not with {settings.host}: whoever sees the traffic could read "
            "it; insecure_http (--insecure-http) allows that"
        )


def _check_loopback(settings: Settings) -> None:
    """Raise SettingsError for what goes with a loopback address only."""
    is_local = _is_loopback(settings.host)
    if settings.functions_network == LOOPBACK and not (settings.host in _ANY_ADDRESS or is_local):
        raise SettingsError(
            f"functions_network {LOOPBACK} goes with a loopback address, 0.0.0.0 or :: only, not with {settings.host}: "
            "functions could not reach the node"
        )
    if settings.dev_credentials and not is_local:
        raise SettingsError(
            f"dev_credentials goes with a loopback address only, not with {settings.host}: "
            "whoever reaches the node would be its administrator"
        )
    if settings.service_events and not is_local:
        raise SettingsError(
            f"service_events goes with a loopback address only, not with {settings.host}: "
            "whoever reaches the node could put events in the name of AWS's services"
        )


def _host(sources: Sources, option: str | None) -> str:
    host = sources.text("host", option) or DEFAULT_HOST
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


def _smtp(sources: Sources) -> MailServer | None:
    text, origin = sources.environ.get("NIGHTBUS_SMTP"), "NIGHTBUS_SMTP"
    if text is None:
        text, origin = sources.text_of_file("smtp"), f"{sources.file}: smtp"
    if not text:
        return None
    from nightbus.messaging.mail_server import MailServer

    try:
        return MailServer.parse(text)
    except ValueError as wrong:
        raise SettingsError(f"{origin} {wrong}") from None


def _shared_store(
    sources: Sources,
    url: str | None,
    password_file: Path | None,
    cluster_key_file: Path | None,
    memory: bool | None,
) -> SharedStore | None:
    """An option for memory wins over a store of a variable or the file."""
    if not (url or (sources.text("store") and not memory)):
        return None
    from nightbus.node.shared_store import shared_store

    return shared_store(sources, url, password_file, cluster_key_file, memory)


def _forward(sources: Sources, options: Sequence[str]) -> dict[str, str]:
    """Service by service: one may be named in the file and another by an option."""
    in_file, in_variable = sources.table.get("forward", {}), sources.environ.get("NIGHTBUS_FORWARD", "")
    if not in_file and not in_variable and not options:
        return {}
    from nightbus.delivery.forwarding.settings import forwards_from, forwards_in

    origin, endpoints = f"{sources.file}: forward", dict[str, str]()
    try:
        if not isinstance(in_file, dict) or not all(isinstance(value, str) for value in in_file.values()):
            raise ValueError("must be a table of strings")
        endpoints |= forwards_from(in_file.items())
        origin = "NIGHTBUS_FORWARD"
        endpoints |= forwards_in(in_variable)
        origin = "--forward"
        endpoints |= forwards_in(",".join(options))
    except ValueError as wrong:
        raise SettingsError(f"{origin}: {wrong}") from None
    return endpoints


def _allowed_host(text: str) -> str:
    from nightbus.gateway.gate import check_allowed_host

    return check_allowed_host(text)


def _allowed_origin(text: str) -> str:
    from nightbus.gateway.gate import check_allowed_origin

    return check_allowed_origin(text)
