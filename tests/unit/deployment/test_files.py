"""The files that other machines rely on are whole: compose, the image, Dagster, the locks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from flow_platform.services import services
from flow_platform.settings import PROJECT_ROOT, Settings

COMPOSE_FILE = (PROJECT_ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_FILE)
VARIABLES = {f"FLOW_{name.upper()}" for name in Settings.model_fields}


def test_every_service_of_compose_can_start_and_waits_for_what_it_needs() -> None:
    conditions = {"service_healthy", "service_completed_successfully"}
    for name, service in COMPOSE["services"].items():
        assert "image" in service or "build" in service, name
        needs = service.get("depends_on", {})
        assert "healthcheck" in service or needs, name
        assert set(needs) <= set(COMPOSE["services"]), name
        assert {need["condition"] for need in needs.values()} <= conditions, name


def test_every_port_of_compose_is_bound_to_the_loopback() -> None:
    ports = [
        str(port) for service in COMPOSE["services"].values() for port in service.get("ports", [])
    ]
    assert len(ports) == 5
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_compose_publishes_the_ports_that_the_services_listen_on() -> None:
    inside = {service.name: str(service.port) for service in services(Settings()) if service.port}
    for name, port in inside.items():
        (published,) = COMPOSE["services"][name]["ports"]
        assert published.endswith(f":{port}")


def _run_by_compose(profile: str | None) -> set[str]:
    chosen = [
        service.get("command", [])
        for service in COMPOSE["services"].values()
        if not service.get("profiles") or profile in service["profiles"]
    ]
    return {command[1] for command in chosen if command[:1] == ["run"]}


@pytest.mark.parametrize(
    ("flow", "kind", "receiver"),
    [("traffic", "mqtt", "mqtt-subscriber"), ("deliveries", "kafka", "kafka-consumer")],
)
def test_compose_runs_the_services_that_flow_up_runs(
    tmp_path: Path, flow: str, kind: str, receiver: str
) -> None:
    plain = Settings()
    assert _run_by_compose(None) == {service.name for service in services(plain)}
    sources = tmp_path / "sources.toml"
    sources.write_text(f'[{flow}]\nkind = "{kind}"\n')
    with_messages = Settings(sources=sources)
    names = {service.name for service in services(with_messages)}
    assert _run_by_compose(kind) == names
    assert receiver in names


def test_the_broker_of_compose_keeps_every_message_for_a_subscriber_that_is_away() -> None:
    lines = COMPOSE["configs"]["mosquitto"]["content"].splitlines()
    assert {"persistence true", "max_queued_messages 0"} <= set(lines)


def test_no_secret_of_compose_has_a_default() -> None:
    used = re.findall(r"\$\{(\w*(?:PASSWORD|SECRET)\w*)([^}]*)\}", COMPOSE_FILE)
    assert {name for name, _ in used} == {"POSTGRES_PASSWORD", "FLOW_SECRET"}
    assert all(rest.startswith(":?") for _, rest in used)
    for service in COMPOSE["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|URL", name):
                assert "${" in value, f"{name} is written out"


def test_compose_uses_only_settings_that_exist() -> None:
    without_comments = re.sub(r"^\s*#.*$", "", COMPOSE_FILE, flags=re.M)
    used = set(re.findall(r"FLOW_[A-Z_]+", without_comments))
    assert used
    assert {name for name in used if not name.startswith("FLOW_PASSWORD_")} <= VARIABLES


def test_the_image_installs_the_locked_requirements_and_runs_without_root() -> None:
    dockerfile = (PROJECT_ROOT / "Dockerfile").read_text()
    assert "--require-hashes" in dockerfile
    assert re.search(r"^USER (?!root)\w+", dockerfile, re.M)
    ignored = (PROJECT_ROOT / ".dockerignore").read_text().split()
    assert {".git", ".venv", ".flow"} <= set(ignored)


def test_dagster_runs_one_dbt_at_a_time_and_stores_in_postgresql() -> None:
    config = yaml.safe_load((PROJECT_ROOT / "dagster.yaml").read_text())
    assert config["concurrency"]["pools"]["default_limit"] == 1
    for storage in ("run_storage", "schedule_storage", "event_log_storage"):
        assert config[storage]["module"] == "flow_platform.dagster_storage"


def test_the_workspace_loads_the_definitions() -> None:
    workspace = yaml.safe_load((PROJECT_ROOT / "workspace.yaml").read_text())
    module = workspace["load_from"][0]["python_module"]["module_name"]
    assert module == "flow_platform.definitions"


def test_locked_requirements_carry_hashes_and_no_address() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (PROJECT_ROOT / name).read_text()
        assert "http" not in re.sub(
            r"^[a-z0-9-]*http[a-z0-9-]*==.*$|# via.*|^ *#.*", "", text, flags=re.M
        )
        pins = re.findall(r"^[a-zA-Z0-9._-]+==", text, re.M)
        assert len(pins) > 100
        assert text.count("--hash=sha256:") > len(pins)
