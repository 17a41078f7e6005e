"""Trials outlive kill -9; a tuning serves its month and later ones, and never an earlier one."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import optuna
import psycopg
import pytest

from flow_platform.automation.tuning import build_tuning_job
from flow_platform.flows.parcels.flow import PARCELS
from flow_platform.forecasting.daily.tuning import Tuned
from flow_platform.models.boosters import Boosting
from flow_platform.models.trainer import Trainer
from flow_platform.platform import Platform
from flow_platform.registry.tunings import Tuning
from flow_platform.settings import Settings
from flow_platform.stages.case import Case
from flow_platform.stages.daily import read_history
from flow_platform.stages.training import Trained, train_vintage
from flow_platform.stages.tuning import tune_month
from flow_platform.warehouse.server import OPTUNA_DATABASE
from tests.integration.conftest import (
    flow,
    killed_flow,
    land_history,
    make_settings,
    stopped_at_the_end,
)

pytestmark = [pytest.mark.integration, pytest.mark.slow]
FIRST, LAST = date(2025, 1, 1), date(2025, 7, 31)
MAY, JUNE, JULY = date(2025, 5, 1), date(2025, 6, 1), date(2025, 7, 1)
COMMAND = ("tune", "parcels", "--month", "2025-06")
SMALL = Boosting(num_leaves=7, rounds=40)


@pytest.fixture(scope="module")
def settings(scratch: Path) -> Iterator[Settings]:
    yield from stopped_at_the_end(make_settings(scratch / "tune"))


@pytest.fixture(scope="module")
def home(settings: Settings) -> Platform:
    platform = Platform(settings)
    land_history(platform, FIRST, LAST)
    return platform


@pytest.fixture(autouse=True)
def restored(home: Platform) -> Iterator[None]:
    """Each test finds neither tunings nor studies."""
    yield
    with home.store("admin").connect() as connection:
        connection.execute("truncate ml.tunings")
    for name in studies(home):
        optuna.delete_study(study_name=name, storage=home.server.url("flow_ml", OPTUNA_DATABASE))


def studies(home: Platform) -> list[str]:
    return optuna.get_all_study_names(home.server.url("flow_ml", OPTUNA_DATABASE))


def states(home: Platform) -> list[str]:
    """The state of every trial, in the order they began."""
    with psycopg.connect(home.server.dsn("flow_ml", OPTUNA_DATABASE)) as connection:
        if connection.execute("select to_regclass('trials')").fetchone() == (None,):
            return []
        rows = connection.execute("select state::text from trials order by trial_id").fetchall()
    return [row[0] for row in rows]


def recorded(home: Platform, month: date, boosting: Boosting, *, adopted: bool = True) -> None:
    tuned = Tuned(boosting, 0.9, 1.0, adopted, trials=3, seconds=1.0)
    home.tunings.record(Tuning("parcels", "parcels", month, "by hand", tuned))


def trained(home: Platform, candidate: str, month: date) -> Trained:
    case = Case(home, PARCELS, "parcels")
    trainer = Trainer(case.engine)
    return train_vintage(case, trainer, candidate, month, read_history(case, LAST))


def used(home: Platform, vintage: Trained) -> Boosting:
    artefacts = home.registry.load(vintage.vintage)
    return Boosting(**json.loads(artefacts["parameters.json"])["lightgbm"])


def test_a_search_killed_in_the_middle_keeps_its_trials_and_goes_on(
    home: Platform, settings: Settings
) -> None:
    with killed_flow(settings, *COMMAND, "--seconds", "300") as process:
        while states(home).count("COMPLETE") < 3 or "RUNNING" not in states(home):
            assert process.poll() is None
            time.sleep(0.05)
    before = states(home)
    kept = before.count("COMPLETE")
    assert kept >= 3
    assert before.count("RUNNING") <= 1

    done = flow(settings, *COMMAND, "--seconds", "1", "--json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    after = states(home)
    assert after[:kept] == ["COMPLETE"] * kept
    assert "RUNNING" not in after
    assert row["trials"] == after.count("COMPLETE") > kept
    assert studies(home) == [row["study"]]
    stored = home.store("admin").read("select * from ml.tunings").to_dict("records")
    assert [(found["month"].date(), found["trials"]) for found in stored] == [(JUNE, row["trials"])]
    assert stored[0]["parameters"] == row["parameters"]


def test_a_tuning_serves_its_month_and_later_ones_and_no_earlier_one(home: Platform) -> None:
    recorded(home, JUNE, SMALL)
    assert [used(home, trained(home, "lightgbm", month)) for month in (MAY, JUNE, JULY)] == [
        Boosting(),
        SMALL,
        SMALL,
    ]


def test_a_vintage_is_trained_again_exactly_when_its_parameters_change(home: Platform) -> None:
    for candidate in ("effects", "lightgbm"):
        for month in (MAY, JUNE):
            trained(home, candidate, month)
    recorded(home, JULY, SMALL)
    assert not trained(home, "lightgbm", JUNE).is_new
    recorded(home, JUNE, SMALL)
    assert trained(home, "lightgbm", JUNE).is_new
    assert not trained(home, "lightgbm", JUNE).is_new
    assert not trained(home, "lightgbm", MAY).is_new
    assert not trained(home, "effects", JUNE).is_new


def test_the_newest_tuning_decides_and_one_that_found_nothing_means_the_defaults(
    home: Platform,
) -> None:
    def boosting(month: date) -> Boosting:
        return home.tunings.boosting("parcels", "parcels", month)

    recorded(home, MAY, SMALL)
    recorded(home, JULY, replace(SMALL, rounds=41))
    recorded(home, MAY, replace(SMALL, learning_rate=1 / 30))
    assert boosting(JUNE) == replace(SMALL, learning_rate=1 / 30)
    assert boosting(JULY) == replace(SMALL, rounds=41)
    recorded(home, JUNE, SMALL, adopted=False)
    assert boosting(JUNE) == Boosting()
    assert boosting(JULY) == replace(SMALL, rounds=41)
    assert home.tunings.boosting("retail", "quantity", JULY) == Boosting()


def test_nobody_can_change_what_a_search_found(home: Platform) -> None:
    for statement in ("delete from ml.tunings", "update ml.tunings set adopted = true"):
        with (
            psycopg.connect(home.server.dsn("flow_ml")) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)


def test_a_changed_count_begins_a_new_study_unless_the_folds_never_see_it(home: Platform) -> None:
    def study() -> str:
        return tune_month(home, PARCELS, "parcels", JUNE, 0.01, lambda standing: None).study

    def add(parcels: int, day: str) -> None:
        with home.store("admin").connect() as connection:
            connection.execute(
                f"update merged.parcels set parcels = parcels + {parcels} where day = '{day}'"
            )

    first = study()
    assert first.startswith("parcels.parcels.2025-06.")
    add(1, "2025-05-30")
    assert study() == first
    add(1, "2025-02-03")
    assert study() != first
    for day in ("2025-02-03", "2025-05-30"):
        add(-1, day)
    assert study() == first


def test_the_job_tunes_from_the_ui(home: Platform) -> None:
    result = build_tuning_job(PARCELS).execute_in_process(
        run_config={"ops": {"search_parcels": {"config": {"month": "2025-06", "seconds": 0.01}}}},
        resources={"platform": home},
    )
    assert result.success
    (row,) = home.store("flow_ml").read("select * from ml.tunings").to_dict("records")
    assert (row["flow"], row["measure"], row["month"].date()) == ("parcels", "parcels", JUNE)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("parcel",), "no flow 'parcel'"),
        (("parcels", "--measure", "letters"), "no measure 'letters'. Use one of: parcels"),
        (("parcels", "--month", "2025-02"), "fewer than 56 days were known before"),
        (("parcels", "--month", "2025-03"), "too few to tune on"),
        (("parcels", "--month", "2999-01"), "2999-01 has not begun"),
        (("parcels", "--month", "summer"), "is no day"),
        (("parcels", "--seconds", "0"), "0 seconds are no time to search"),
        (("retail",), "has no vintage whose month could be tuned"),
    ],
)
def test_what_cannot_be_tuned_is_said_without_a_trace(
    home: Platform, settings: Settings, arguments: tuple[str, ...], words: str
) -> None:
    done = flow(settings, "tune", *arguments)
    assert done.returncode == 1
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert studies(home) == []
