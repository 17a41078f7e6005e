"""What the service needs to start: its secret, key, database, and the networks it trusts."""

from __future__ import annotations

import secrets
from ipaddress import ip_network
from pathlib import Path

import pytest

from flow_platform.api.config import ApiConfig, networks
from flow_platform.ground.errors import ConfigurationError
from flow_platform.services import _environment, services
from flow_platform.settings import get_settings
from flow_platform.warehouse.secrets import check_secret
from tests.conftest import new_settings


@pytest.mark.parametrize(
    "secret",
    [
        *("", "secret", "short-but-random-1f8a", "a" * 64, "ab" * 32, "0123456789abcdef" * 2),
        *("changeme" * 5, "CHANGE-ME-please-change-me-now-1", "0" * 31 + "1"),
        *("this-is-an-example-secret-of-48-characters-zzzzz", "k3!Vq9@x" * 4),
    ],
)
def test_a_weak_secret_is_refused(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="FLOW_SECRET"):
        check_secret(secret)


def test_a_random_secret_is_taken() -> None:
    for _ in range(2000):
        check_secret(secrets.token_hex(16))
        check_secret(secrets.token_urlsafe(24))


@pytest.mark.parametrize("key", [b"", b"k" * 31, b"k" * 32, bytes(32), b"abcd" * 8])
def test_a_weak_key_is_refused(key: bytes) -> None:
    with pytest.raises(ConfigurationError, match="FLOW_API_TOKEN_KEY"):
        ApiConfig(dsn="dbname=flow", token_key=key, home=Path())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"FLOW_API_TOKEN_KEY": ""}, "FLOW_API_TOKEN_KEY"),
        ({"FLOW_API_TOKEN_KEY": "not hex"}, "FLOW_API_TOKEN_KEY"),
        ({"FLOW_API_TOKEN_KEY": None}, "FLOW_API_TOKEN_KEY"),
        ({"FLOW_API_DSN": None}, "FLOW_API_DSN"),
        ({"FLOW_API_PROXIES": "10.0.0.0/8, nonsense"}, "FLOW_API_PROXIES"),
        ({"FLOW_API_REQUESTS_PER_MINUTE": "0"}, "FLOW_API_REQUESTS_PER_MINUTE"),
    ],
)
def test_a_service_without_its_whole_configuration_does_not_start(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str | None], named: str
) -> None:
    given = {"FLOW_API_DSN": "dbname=flow", "FLOW_API_TOKEN_KEY": secrets.token_hex(32)}
    for name, value in {**given, **changes}.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    try:
        with pytest.raises(ConfigurationError, match=named):
            ApiConfig.from_environment()
    finally:
        get_settings.cache_clear()


def test_networks_are_read_from_a_list() -> None:
    assert networks(None) == networks(" ") == ()
    assert networks("10.0.0.5, fd00::/8") == (ip_network("10.0.0.5/32"), ip_network("fd00::/8"))


def test_only_the_service_gets_its_key_and_it_gets_nobody_else_s(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FLOW_DATABASE_URL", "postgresql://admin:secret@host/db")
    monkeypatch.setenv("FLOW_SECRET", "x" * 40)
    monkeypatch.setenv("FLOW_PASSWORD_FLOW_OWNER", "secret")
    given = {
        "FLOW_API_DSN": "a",
        "FLOW_API_TOKEN_KEY": "b",
        "FLOW_DASHBOARD_DSN": "c",
        "FLOW_DAGSTER_URL": "d",
        "FLOW_DESK_DSN": "e",
    }
    passed_on = {
        service.name: _environment(service, given) for service in services(new_settings(tmp_path))
    }
    kept = {name for name in passed_on.pop("api") if name.startswith("FLOW_")}
    assert {"FLOW_API_DSN", "FLOW_API_TOKEN_KEY"} <= kept
    assert not kept & {
        *("FLOW_DATABASE_URL", "FLOW_SECRET", "FLOW_PASSWORD_FLOW_OWNER"),
        *("FLOW_DASHBOARD_DSN", "FLOW_DAGSTER_URL", "FLOW_DESK_DSN"),
    }
    assert [name for name, known in passed_on.items() if "FLOW_DESK_DSN" in known] == ["streamlit"]
    for environment in passed_on.values():
        assert not {"FLOW_API_DSN", "FLOW_API_TOKEN_KEY"} & set(environment)
