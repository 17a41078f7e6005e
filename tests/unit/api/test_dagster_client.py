"""What the service says without importing Dagster is what Dagster's side means."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime

from flow_platform.api.dagster_client import RANGE_END_TAG, RANGE_START_TAG
from flow_platform.api.in_service import vintages_in_service
from flow_platform.api.routers.pipelines import CHAMPIONS, CHAMPIONS_TAG
from flow_platform.settings import PROJECT_ROOT


def test_the_tags_of_a_range_and_of_champions_are_those_the_assets_read() -> None:
    from flow_platform.assets import models
    from flow_platform.partitions import range_tags

    assert range_tags("a", "b") == {RANGE_START_TAG: "a", RANGE_END_TAG: "b"}
    assert (models.CHAMPIONS_TAG, CHAMPIONS) == (CHAMPIONS_TAG, "name")


def test_the_service_starts_without_dagster_dbt_or_mlflow() -> None:
    code = (
        "import sys; import flow_platform.api.app;"
        " print([m for m in ('dagster', 'dbt', 'mlflow', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def row(candidate: str, month: date, *, is_champion: bool) -> dict[str, object]:
    return {
        "flow": "trips",
        "measure": "default",
        "candidate": candidate,
        "month": month,
        "cutoff": datetime(month.year, month.month, 1, tzinfo=UTC),
        "model_version": f"{candidate}-{month:%Y-%m}",
        "is_champion": is_champion,
        "sha256": "",
        "artefact_path": "models/x",
        "train_first": month,
        "train_last": month,
        "trained_rows": 1,
    }


def move(kind: str, day: date, candidate: str, month: date) -> dict[str, object]:
    return {
        "flow": "trips",
        "measure": "default",
        "effective_day": day,
        "kind": kind,
        "serving_candidate": candidate,
        "serving_month": month,
    }


def test_who_serves_follows_months_and_what_people_decided() -> None:
    may, june = date(2026, 5, 1), date(2026, 6, 1)
    vintages = [
        row("a", may, is_champion=True),
        row("b", may, is_champion=False),
        row("a", june, is_champion=True),
    ]
    moves = [
        move("promote", date(2026, 6, 10), "b", may),
        move("rollback", date(2026, 6, 20), "a", june),
        # Of a vintage that is gone.
        move("promote", date(2026, 6, 25), "c", may),
    ]
    key = ("trips", "default")

    def on(day: date) -> tuple[str, str | None]:
        found = vintages_in_service(vintages, moves, day)[key]
        before = found.previous
        return found.vintage.model_version, before.model_version if before else None

    assert on(date(2026, 5, 31)) == ("a-2026-05", None)
    assert on(date(2026, 6, 1)) == ("a-2026-06", "a-2026-05")
    assert on(date(2026, 6, 10)) == ("b-2026-05", "a-2026-06")
    assert on(date(2026, 6, 26)) == ("a-2026-06", "a-2026-05")
    assert key not in vintages_in_service(vintages, moves, date(2026, 4, 30))
