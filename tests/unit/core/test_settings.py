"""One node, one set of settings, whoever asks: option, variable, file, default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nightbus.delivery.retention import Retention
from nightbus.node.settings import Settings, SettingsError, load_settings


def load(folder: Path, environ: dict[str, str] | None = None, **options: Any) -> Settings:
    return load_settings(environ=environ or {}, folder=folder, **options)


def test_the_defaults(tmp_path: Path) -> None:
    found = load(tmp_path, {"XDG_DATA_HOME": "/somewhere"})
    assert found == Settings("127.0.0.1", 4566, Path("/somewhere/nightbus"), False)
    assert found.endpoint == "http://127.0.0.1:4566"


def test_option_before_variable_before_file(tmp_path: Path) -> None:
    (tmp_path / "nightbus.toml").write_text('host = "::1"\nport = 1\ndata = "kept"\nmemory = true\n')
    inner = tmp_path / "inner"
    inner.mkdir()
    assert load(inner) == Settings("::1", 1, tmp_path / "kept", True, dev_credentials=True)
    variables = {
        "NIGHTBUS_HOST": "0.0.0.0",
        "NIGHTBUS_PORT": "2",
        "NIGHTBUS_DATA": "/v",
        "NIGHTBUS_MEMORY": "no",
    }
    assert load(inner, variables) == Settings("0.0.0.0", 2, Path("/v"), False, tls=True)
    chosen = load(inner, variables, host="h", port=0, data=Path("/o"), memory=True)
    assert chosen == Settings("h", 0, Path("/o"), True, tls=True)


def test_how_much_history_is_kept(tmp_path: Path) -> None:
    assert load(tmp_path).retention == Retention(24, 1024)
    (tmp_path / "nightbus.toml").write_text("history_hours = 48\nhistory_megabytes = 5\n")
    assert load(tmp_path).retention == Retention(48, 5)
    assert load(tmp_path, {"NIGHTBUS_HISTORY_MEGABYTES": "7"}).retention == Retention(48, 7)


def test_names_and_pages_that_are_allowed(tmp_path: Path) -> None:
    assert load(tmp_path).allowed_hosts == load(tmp_path).allowed_origins == ()
    (tmp_path / "nightbus.toml").write_text(
        'allowed_hosts = ["Nightbus"]\nallowed_origins = ["http://localhost:3000/"]\n'
    )
    assert load(tmp_path).allowed_hosts == ("nightbus",)
    assert load(tmp_path).allowed_origins == ("http://localhost:3000",)
    variables = {"NIGHTBUS_ALLOWED_HOSTS": "a, .b.test", "NIGHTBUS_ALLOWED_ORIGINS": ""}
    assert load(tmp_path, variables).allowed_hosts == ("a", ".b.test")
    assert load(tmp_path, variables).allowed_origins == ()
    assert load(tmp_path, variables, allowed_hosts=["c"]).allowed_hosts == ("c",)
    with pytest.raises(SettingsError, match="--allowed-host: 'http://c' is not a host name"):
        load(tmp_path, allowed_hosts=["http://c"])
    (tmp_path / "nightbus.toml").write_text('allowed_hosts = "a"\n')
    with pytest.raises(SettingsError, match="must be an array of strings"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("host", "endpoint"),
    [
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
        ("h", "http://h:80"),
    ],
)
def test_the_endpoint_is_one_that_this_machine_reaches(host: str, endpoint: str) -> None:
    assert Settings(host, 80).endpoint == endpoint
    with_tls = Settings(host, 80, tls=True)
    assert with_tls.endpoint == endpoint.replace("http:", "https:")
    assert with_tls.plain_endpoint == endpoint


@pytest.mark.parametrize(
    ("settings", "endpoint"),
    [
        (Settings("127.0.0.1", 4501), "http://127.0.0.1:4501"),
        (Settings("::1", 80), "http://[::1]:80"),
        (Settings("0.0.0.0", 80), "http://db.test:80"),
        (Settings("::", 80, tls=True), "https://db.test:80"),
        (Settings("h", 80, tls=True), "https://h:80"),
    ],
)
def test_other_nodes_show_the_address_that_the_node_listens_on(settings: Settings, endpoint: str) -> None:
    assert settings.endpoint_for_others("db.test") == endpoint


def test_tls_is_on_beyond_loopback_unless_plain_http_is_asked_for(tmp_path: Path) -> None:
    assert not load(tmp_path).tls
    assert load(tmp_path, tls=True).tls
    assert load(tmp_path, {"NIGHTBUS_TLS": "on"}).tls
    for host in ("0.0.0.0", "::", "192.0.2.1", "a.name"):
        assert load(tmp_path, host=host).tls
        assert not load(tmp_path, host=host, insecure_http=True).tls
        assert not load(tmp_path, {"NIGHTBUS_INSECURE_HTTP": "1"}, host=host).tls
        with pytest.raises(SettingsError, match="tls off goes with a loopback address only"):
            load(tmp_path, host=host, tls=False)
    for host in ("localhost", "127.0.0.2", "::1", "[::1]"):
        assert not load(tmp_path, host=host).tls


def test_a_certificate_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "nightbus.toml").write_text('tls_cert = "c.pem"\ntls_key = "/k.pem"\n')
    found = load(tmp_path)
    assert (found.tls, found.tls_cert, found.tls_key) == (True, tmp_path / "c.pem", Path("/k.pem"))
    assert load(tmp_path, tls_cert=Path("/o.pem")).tls_cert == Path("/o.pem")
    with pytest.raises(SettingsError, match="tls_cert does not go with tls off"):
        load(tmp_path, tls=False)
    with pytest.raises(SettingsError, match="insecure_http is for plain HTTP"):
        load(tmp_path, insecure_http=True)
    (tmp_path / "nightbus.toml").write_text('tls_key = "k.pem"\n')
    with pytest.raises(SettingsError, match="tls_cert and tls_key go together"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("port = 70000", "70000 is not a port number"),
        ("history_hours = 0", "0 is not a whole number above 0"),
        ('history_megabytes = "many"', "'many' is not a whole number above 0"),
        ("port = true", "is not a port number"),
        ('memory = "yes"', "memory must be true or false"),
        ("host = 5", "host must be a string"),
        ("nope = 1", "unknown setting nope"),
        ("= 1", "nightbus.toml"),
    ],
)
def test_a_file_that_cannot_be_meant_is_named(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "nightbus.toml").write_text(text)
    with pytest.raises(SettingsError, match=told):
        load(tmp_path)


@pytest.mark.parametrize(
    "environ", [{"NIGHTBUS_PORT": "x"}, {"NIGHTBUS_PORT": "-1"}, {"NIGHTBUS_MEMORY": "maybe"}]
)
def test_a_variable_that_cannot_be_meant_is_named(tmp_path: Path, environ: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=next(iter(environ))):
        load(tmp_path, environ)


def test_where_targets_go_is_put_together_service_by_service(tmp_path: Path) -> None:
    (tmp_path / "nightbus.toml").write_text('[forward]\nstates = "http://f:1"\nkinesis = "aws"\n')
    assert load(tmp_path).forward == {"states": "http://f:1", "kinesis": "aws"}
    found = load(tmp_path, {"NIGHTBUS_FORWARD": "states=http://v:2,ecs=aws"}, forward=["ecs=http://o:3/"])
    assert found.forward == {"states": "http://v:2", "kinesis": "aws", "ecs": "http://o:3"}


@pytest.mark.parametrize(
    ("file", "environ", "options", "named"),
    [
        ('forward = "states=aws"', {}, {}, "nightbus.toml: forward: must be a table"),
        ("[forward]\nstates = 1", {}, {}, "must be a table of strings"),
        ('[forward]\nstate = "aws"', {}, {}, "'state' is no service"),
        ("", {"NIGHTBUS_FORWARD": "states"}, {}, "NIGHTBUS_FORWARD: 'states' is not of the form"),
        ("", {}, {"forward": ["states=x"]}, "--forward: states is neither a URL nor aws"),
        ("quotas = 3", {}, {}, "quotas must be true or false"),
        ("", {"NIGHTBUS_QUOTAS": "some"}, {}, "NIGHTBUS_QUOTAS: 'some'"),
    ],
)
def test_what_cannot_be_meant_is_said(
    tmp_path: Path, file: str, environ: dict[str, str], options: dict[str, Any], named: str
) -> None:
    (tmp_path / "nightbus.toml").write_text(file)
    with pytest.raises(SettingsError, match=named):
        load(tmp_path, environ, **options)


def test_quotas_are_kept_unless_lifted(tmp_path: Path) -> None:
    assert load(tmp_path).quotas
    assert not load(tmp_path, {"NIGHTBUS_QUOTAS": "off"}).quotas
    assert load(tmp_path, {"NIGHTBUS_QUOTAS": "off"}, quotas=True).quotas


def test_any_key_is_accepted_in_memory_and_on_demand_and_only_on_loopback(tmp_path: Path) -> None:
    assert not load(tmp_path).dev_credentials
    assert load(tmp_path, memory=True).dev_credentials
    assert not load(tmp_path, memory=True, dev_credentials=False).dev_credentials
    assert not load(tmp_path, memory=True, host="192.0.2.1").dev_credentials
    assert load(tmp_path, {"NIGHTBUS_DEV_CREDENTIALS": "yes"}, host="localhost").dev_credentials
    assert not load(tmp_path, {"NIGHTBUS_DEV_CREDENTIALS": "no"}, memory=True).dev_credentials
    (tmp_path / "nightbus.toml").write_text("dev_credentials = true\n")
    assert load(tmp_path).dev_credentials
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        with pytest.raises(SettingsError, match=r"dev_credentials goes with a loopback address only"):
            load(tmp_path, host=host)


def test_what_functions_reach(tmp_path: Path) -> None:
    assert load(tmp_path).functions_network == "all"
    variable = {"NIGHTBUS_FUNCTIONS_NETWORK": "loopback"}
    assert load(tmp_path, variable).functions_network == "loopback"
    assert load(tmp_path, variable, functions_network="all").functions_network == "all"
    for host in ("0.0.0.0", "::", "localhost", "127.0.0.2"):
        assert load(tmp_path, variable, host=host).functions_network == "loopback"
    (tmp_path / "nightbus.toml").write_text('functions_network = "loopback"\n')
    assert load(tmp_path).functions_network == "loopback"
    with pytest.raises(SettingsError, match=r"could not reach the node"):
        load(tmp_path, host="192.0.2.1")
    with pytest.raises(
        SettingsError, match=r"NIGHTBUS_FUNCTIONS_NETWORK: 'none' is neither all nor loopback"
    ):
        load(tmp_path, {"NIGHTBUS_FUNCTIONS_NETWORK": "none"})
