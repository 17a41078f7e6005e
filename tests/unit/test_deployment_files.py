"""The files that other machines read are whole: compose, Dagster, README table and links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from flow_platform.services import services
from flow_platform.settings import PROJECT_ROOT, Settings

COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT_ROOT / "docker-compose.yml").read_text())


def test_every_service_of_compose_can_start_and_is_bound_to_the_loopback() -> None:
    for name, service in COMPOSE["services"].items():
        assert "image" in service or "build" in service, name
        assert "healthcheck" in service or "depends_on" in service, name
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", [])), name


def test_compose_runs_the_services_that_flow_up_runs() -> None:
    commands = [service.get("command", []) for service in COMPOSE["services"].values()]
    run = {command[1] for command in commands if command[:1] == ["run"]}
    assert run == {service.name for service in services(Settings())}  # type: ignore[call-arg]


def test_no_secret_has_a_default() -> None:
    text = (PROJECT_ROOT / "docker-compose.yml").read_text()
    for name in ("POSTGRES_PASSWORD", "FLOW_SECRET"):
        used = re.findall(r"\$\{" + name + r"([^}]*)\}", text)
        assert used
        assert all(rest.startswith(":?") for rest in used)


def test_compose_sets_only_settings_that_exist() -> None:
    known = {f"FLOW_{name.upper()}" for name in Settings.model_fields}
    for service in COMPOSE["services"].values():
        names = {name for name in service.get("environment", {}) if name.startswith("FLOW_")}
        assert names <= known


def test_dagster_runs_one_dbt_at_a_time_and_stores_in_postgresql() -> None:
    config = yaml.safe_load((PROJECT_ROOT / "dagster.yaml").read_text())
    assert config["concurrency"]["pools"]["default_limit"] == 1
    for storage in ("run_storage", "schedule_storage", "event_log_storage"):
        assert config[storage]["config"]["postgres_url"] == {"env": "FLOW_DAGSTER_URL"}


def test_the_workspace_loads_the_definitions() -> None:
    workspace = yaml.safe_load((PROJECT_ROOT / "workspace.yaml").read_text())
    module = workspace["load_from"][0]["python_module"]["module_name"]
    assert module == "flow_platform.definitions"


def test_the_readme_lists_every_setting_once() -> None:
    rows = re.findall(r"^\| `(FLOW_\w+)` \|", (PROJECT_ROOT / "README.md").read_text(), re.M)
    assert sorted(rows) == sorted(f"FLOW_{name.upper()}" for name in Settings.model_fields)


DOCUMENTS = [
    PROJECT_ROOT / "README.md",
    PROJECT_ROOT / "CONTRIBUTING.md",
    *sorted((PROJECT_ROOT / "docs").rglob("*.md")),
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)", document.read_text()):
        if "://" not in link:
            assert (document.parent / link).exists(), link


def test_locked_requirements_carry_hashes_and_no_address() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (PROJECT_ROOT / name).read_text()
        assert "http" not in re.sub(
            r"^[a-z0-9-]*http[a-z0-9-]*==.*$|# via.*|^ *#.*", "", text, flags=re.M
        )
        pins = re.findall(r"^[a-zA-Z0-9._-]+==", text, re.M)
        assert len(pins) > 100
        assert text.count("--hash=sha256:") > len(pins)
