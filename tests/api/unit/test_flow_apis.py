"""A flow adds to the service what its package binds; what it lacks is named at the start."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from fastapi import APIRouter

from flow_platform.api import app as app_module
from flow_platform.api.app import create_app
from flow_platform.api.config import ApiConfig
from flow_platform.api.flow_api import FlowApi, flow_apis
from flow_platform.flows import CATALOGUE, RecordFlow
from flow_platform.flows.trips.flow import TRIPS
from flow_platform.ground.errors import ConfigurationError

CLAIMS: RecordFlow = replace(TRIPS, name="claims")


@pytest.fixture
def config(tmp_path: Path) -> ApiConfig:
    return ApiConfig(dsn="dbname=flow", token_key=bytes(range(32)), home=tmp_path)


@pytest.fixture
def with_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation with one more flow, which declares an API."""
    monkeypatch.setattr(app_module, "CATALOGUE", (*CATALOGUE, CLAIMS))


def bind(monkeypatch: pytest.MonkeyPatch, **attributes: object) -> None:
    """Give the flow claims a package `api` with these attributes."""
    module = ModuleType("flow_platform.flows.claims.api")
    vars(module).update(attributes)
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.usefixtures("with_claims")
def test_without_the_module_the_service_does_not_start_and_names_flow_and_file(
    config: ApiConfig,
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        create_app(config)
    assert "flow claims" in str(refused.value)
    assert "flow_platform/flows/claims/api/__init__.py" in str(refused.value)


@pytest.mark.usefixtures("with_claims")
@pytest.mark.parametrize("attributes", [{}, {"API": None}, {"API": APIRouter()}])
def test_without_the_object_the_service_does_not_start_and_names_flow_and_file(
    config: ApiConfig, monkeypatch: pytest.MonkeyPatch, attributes: dict[str, object]
) -> None:
    bind(monkeypatch, **attributes)
    with pytest.raises(ConfigurationError) as refused:
        create_app(config)
    assert "flow claims" in str(refused.value)
    assert "flow_platform/flows/claims/api/__init__.py must bind API" in str(refused.value)


def test_a_module_that_the_api_itself_lacks_is_not_taken_for_the_api(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "claims"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "api.py").write_text("import a_library_that_is_not_installed\n")
    import flow_platform.flows

    monkeypatch.setattr(flow_platform.flows, "__path__", [str(tmp_path)])
    try:
        with pytest.raises(ModuleNotFoundError, match="a_library_that_is_not_installed"):
            flow_apis([CLAIMS])
    finally:
        for name in [one for one in sys.modules if one.startswith("flow_platform.flows.claims")]:
            del sys.modules[name]


@pytest.mark.usefixtures("with_claims")
def test_a_flow_s_operations_are_in_the_service_the_busiest_first(
    config: ApiConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    busiest, others = APIRouter(), APIRouter()
    for router, path in ((busiest, "/claims/estimate"), (others, "/claims/predictions")):
        router.add_api_route(path, lambda: None)
    bind(monkeypatch, API=FlowApi(routers=(others,), busiest=(busiest,)))
    paths = [getattr(route, "path", "") for route in create_app(config).router.routes]
    assert paths[0] == "/predict"
    assert paths.index("/claims/estimate") < paths.index("/token")
    assert paths.index("/token") < paths.index("/claims/predictions")


def test_flows_that_declare_no_api_add_nothing() -> None:
    assert flow_apis([replace(CLAIMS, has_api=False)]) == {}
    declared = [flow.name for flow in CATALOGUE if flow.has_api]
    assert list(flow_apis(CATALOGUE)) == declared == ["trips", "deliveries"]
