"""Centres that are not side by side are loaded, trained on and forecast as if they were."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flow_platform.platform import Platform
from flow_platform.settings import Settings
from flow_platform.warehouse import embedded
from tests.conftest import new_settings
from tests.integration.conftest import FIRST, LAST, checksums, flow, tables_of

pytestmark = [pytest.mark.integration, pytest.mark.slow]
HEADER = "centre_id,name,country,timezone\n"
LEVELS = {"a": 4000.0, "b": 900.0, "c": 15000.0}
# Not what is loaded once for all centres, nor the balance of each load.
TABLES = {
    name: columns
    for name, columns in (tables_of("parcels") | {"raw.parcels": ("source_file",)}).items()
    if not name.startswith("ops.") and name not in ("raw.weather", "raw.calendar")
}


def make_home(home: Path, centres: str) -> Settings:
    """A home whose centres file lists these centres, in this order; the counts are the same."""
    home.mkdir(parents=True)
    names = "".join(f"{one},{one},FR,Europe/Paris\n" for one in centres)
    (home / "centres.csv").write_text(HEADER + names)
    (home / "sources.toml").write_text('[parcels]\nkind = "files"\npath = "counts.csv"\n')
    days = pd.date_range(FIRST, LAST)
    random = np.random.default_rng(3)
    rows = []
    for centre, level in LEVELS.items():
        for day in days:
            count = level * (1.4 - 0.2 * day.weekday()) * random.uniform(0.9, 1.1)
            rows.append(f"{centre},{day:%Y-%m-%d},{count:.0f}")
    (home / "counts.csv").write_text("\n".join(["centre_id,day,parcels", *rows]) + "\n")
    return new_settings(home, centres=home / "centres.csv", sources=home / "sources.toml")


@pytest.fixture(scope="module")
def homes(scratch: Path) -> Iterator[dict[str, Settings]]:
    made = {order: make_home(scratch / f"apart-{order}", order) for order in ("abc", "acb")}
    yield made
    for settings in made.values():
        embedded.stop(settings.home_path)


def backfilled(settings: Settings, centres: str) -> Platform:
    first = FIRST + timedelta(days=50)
    history = flow(
        settings,
        *("backfill", "parcels", "--from", str(FIRST), "--to", str(first - timedelta(days=1))),
        *("--centres", centres, "--history"),
    )
    assert history.returncode == 0, history.stderr
    done = flow(
        settings,
        *("backfill", "parcels", "--from", str(first), "--to", str(LAST), "--centres", centres),
    )
    assert done.returncode == 0, done.stderr
    return Platform(settings)


def test_centres_that_stand_apart_get_the_rows_of_centres_side_by_side(
    homes: dict[str, Settings],
) -> None:
    apart, together = backfilled(homes["abc"], "c,a"), backfilled(homes["acb"], "a,c")
    assert checksums(apart, TABLES) == checksums(together, TABLES)
    trained = apart.store("admin").read("select month, train_last from ml.vintages")
    assert set(trained["month"].dt.strftime("%Y-%m")) == {"2025-03"}
    decided = apart.store("admin").read("select count(*) as n from ml.promotions")
    assert decided["n"].iloc[0] == 1, "a month was decided more than once"
