"""Connection strings, passwords and checksums: what needs no server to be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from flow_platform.ground.errors import ConfigurationError
from flow_platform.ground.roles import LOGIN_ROLES
from flow_platform.models.artefacts import checksum_of
from flow_platform.settings import Settings, get_settings
from flow_platform.warehouse.secrets import derived_key
from flow_platform.warehouse.server import Server
from tests.conftest import new_settings


def test_a_role_never_gets_the_administrators_password() -> None:
    server = Server("postgresql://root:s3cret@db.example:5433/postgres?sslmode=require", "key")
    dsn = server.dsn("flow_dashboard")
    assert "s3cret" not in dsn
    assert "user=flow_dashboard" in dsn
    assert "dbname=flow" in dsn
    assert "sslmode=require" in dsn
    assert server.password("flow_dashboard") != server.password("flow_ml")


def test_a_socket_goes_into_the_query_of_a_url() -> None:
    server = Server("host=/tmp/x user=postgres dbname=postgres", None)
    assert server.url("flow_ml", "mlflow") == "postgresql://flow_ml@/mlflow?host=%2Ftmp%2Fx"


def test_a_password_may_be_given_by_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOW_PASSWORD_FLOW_API", "given")
    assert Server("host=x user=y", "key").password("flow_api") == "given"


def test_an_unknown_role_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="no database role 'root'"):
        Server("host=x user=y", None).dsn("root")


def test_a_setting_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOW_DAGSTER_PORT", "many")
    get_settings.cache_clear()
    with pytest.raises(ConfigurationError, match="FLOW_DAGSTER_PORT"):
        get_settings()
    get_settings.cache_clear()


def test_two_homes_share_nothing_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOW_HOME", "/somewhere")
    assert str(Settings().home_path) == "/somewhere"


def test_a_checksum_sees_names_contents_and_nothing_else() -> None:
    one = checksum_of({"a": b"1", "b": b"2"})
    assert one == checksum_of({"b": b"2", "a": b"1"})
    assert one != checksum_of({"a": b"2", "b": b"1"})
    assert one != checksum_of({"a": b"1b2"})


def test_a_key_is_made_for_one_purpose_and_is_no_roles_password(tmp_path: Path) -> None:
    settings = new_settings(tmp_path)
    key = derived_key(settings, "retail customers")
    assert key == derived_key(settings, "retail customers")
    assert len(key) == 32
    assert key != derived_key(settings, "another purpose")
    assert key != derived_key(new_settings(tmp_path / "other"), "retail customers")
    secret = (tmp_path / "secret").read_text()
    assert key.hex() not in {Server("host=x", secret).password(role) for role in LOGIN_ROLES}
    assert (tmp_path / "secret").stat().st_mode & 0o077 == 0
