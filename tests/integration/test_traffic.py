"""Hourly traffic on a real PostgreSQL: it fills, repeats, survives kill -9, never peeks, and adds
the hours of the present day to what it said this morning."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest

from flow_platform.assets.dbt import build_arguments, window_variables
from flow_platform.flows.traffic import stage
from flow_platform.flows.traffic.flow import TRAFFIC
from flow_platform.flows.traffic.simulator import simulated_readings
from flow_platform.flows.traffic.stage import load_traffic
from flow_platform.forecasting.hourly.data import HourlyBoosting, HourlySpec
from flow_platform.ground.rectangle import Rectangle
from flow_platform.orchestration import dagster_instance, prepare
from flow_platform.platform import Platform
from flow_platform.settings import PROJECT_ROOT, Settings
from flow_platform.stages import hourly
from flow_platform.stages.calendar import load_calendar
from flow_platform.stages.case import Case
from flow_platform.stages.predictions import predict
from flow_platform.stages.promotion import compare_vintages
from flow_platform.stages.weather import load_weather
from flow_platform.warehouse import embedded
from tests.conftest import new_settings
from tests.integration.conftest import HEADER, checksums, environment, wait_for_rows

pytestmark = pytest.mark.integration

# 30 March has 23 local hours; April is the first month with enough history for a vintage.
FIRST, LAST = date(2025, 2, 20), date(2025, 4, 3)
CHANGED_AT = pd.Timestamp("2025-04-02 12:00", tz="UTC")
COUNTERS = ("101", "105", "107")
CENTRES = f"""{HEADER},daily_capacity
paris,Paris,48.86,2.35,FR,,C,Europe/Paris,40000
far,Montreal,45.5,-73.6,CA,QC,,America/Toronto,30000
"""
YEARLY = (
    "iu_ac,libelle,iu_nd_amont,libelle_nd_amont,iu_nd_aval,libelle_nd_aval,"
    "t_1h,q,k,etat_trafic,etat_barre"
)
EXPORT = "Identifiant arc;Libelle;Date et heure de comptage;Débit horaire;Taux d'occupation"
EXPORT += ";Etat arc;geo_point_2d"
STATES = {"open": 1, "barred": 2, "invalid": 3, "unknown": 0}
TABLES: Mapping[str, tuple[str, ...]] = {
    "raw.traffic": (),
    "raw.weather": (),
    "raw.calendar": (),
    "merged.traffic": (),
    "ml.vintages": ("trained_at", "artefact_path"),
    "ml.promotions": ("decision_id", "decided_at"),
    "ml.forecasts": (),
    "monitoring.traffic_accuracy": (),
    "monitoring.drift": (),
    "ops.loads": ("loaded_at",),
    "ops.quarantine": ("quarantined_at",),
}
COMMAND = ("backfill", "traffic", "--from", str(FIRST), "--to", str(LAST))


# The `flow` command with fewer trees: what is forecast is not at stake here, but how long it takes.
QUICK = """
from functools import partial
from flow_platform.cli.app import main
from flow_platform.forecasting.hourly.data import HourlyBoosting, HourlySpec
from flow_platform.stages import hourly
hourly.HourlySpec = partial(HourlySpec, boosting=HourlyBoosting(rounds=20))
main()
"""

# -- homes ---------------------------------------------------------------------------------------


def readings(first: date, last: date, counters: tuple[str, ...] = COUNTERS) -> pd.DataFrame:
    return simulated_readings(7, counters, first, last)


def write_yearly(folder: Path, rows: pd.DataFrame, more: tuple[str, ...] = ()) -> None:
    """One file a counter, as Paris writes a year: local stamps without offset, numbers as text."""
    folder.mkdir(parents=True, exist_ok=True)
    for counter, own in rows.groupby("centre_id"):
        local = own["counted_at"].dt.tz_convert("Europe/Paris")
        lines = [
            f"{counter},Road,1,A,2,B,{stamp:%Y-%m-%d %H:%M:%S},{number(q)},{number(k)},1,{state}"
            for stamp, q, k, state in zip(
                local, own["vehicles"], own["occupancy"], own["state"].map(STATES), strict=True
            )
        ]
        # Backwards: the files of the city are in no order.
        own_more = [line for line in more if line.startswith(f"{counter},")]
        text = "\n".join([YEARLY, *reversed(lines), *own_more, ""])
        (folder / f"{counter}_2025.csv").write_text(text)


def number(value: float) -> str:
    return "" if np.isnan(value) else f"{value}"


# Two volumes for an hour, a silent line beside a volume, a line off the hour, and a broken one.
MORE = (
    "105,Road,1,A,2,B,2025-03-03 12:00:00,7.0,5.0,1,1",
    "105,Road,1,A,2,B,2025-03-03 14:00:00,,5.0,1,1",
    "105,Road,1,A,2,B,2025-03-03 14:20:00,9.0,5.0,1,1",
    "105,Road,1,A,2,B,2025-03-03 15:00:00,many,5.0,1,1",
)


def make_settings(home: Path, kind: str = "files", **more: Any) -> Settings:
    home.mkdir(parents=True, exist_ok=True)
    (home / "centres.csv").write_text(CENTRES)
    path = 'path = "in/*.csv"\n' if kind == "files" else ""
    (home / "sources.toml").write_text(f'[traffic]\nkind = "{kind}"\n{path}')
    given = {"first_day": FIRST, "centres": home / "centres.csv"} | more
    return new_settings(home, sources=home / "sources.toml", **given)


def flow(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=PROJECT_ROOT,
        env=variables(settings),
        capture_output=True,
        text=True,
        timeout=500,
    )


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", QUICK, *arguments]


def variables(settings: Settings) -> dict[str, str]:
    return environment(
        settings, FLOW_SOURCES=str(settings.sources), FLOW_FIRST_DAY=str(settings.first_day)
    )


def read(platform: Platform, query: str) -> pd.DataFrame:
    return platform.store("admin").read(query)


def merge(platform: Platform, rectangle: Rectangle, *more: str) -> None:
    """Land and merge a rectangle of counters and days, without Dagster."""
    load_traffic(platform, rectangle)
    platform.dbt.run(
        platform.server, build_arguments(["merged__traffic", *more]), window_variables(rectangle)
    )


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """The same in this process."""
    with pytest.MonkeyPatch.context() as patch:
        spec = partial(HourlySpec, boosting=HourlyBoosting(rounds=20))
        patch.setattr(hourly, "HourlySpec", spec)
        yield


@pytest.fixture(scope="module")
def settings(scratch: Path) -> Iterator[Settings]:
    chosen = make_settings(scratch / "t")
    write_yearly(chosen.home / "in", readings(FIRST, LAST), MORE)
    yield chosen
    embedded.stop(chosen.home_path)


@pytest.fixture(scope="module")
def filled(settings: Settings) -> Platform:
    """The home after one undisturbed backfill through the command line."""
    done = flow(settings, *COMMAND)
    assert done.returncode == 0, done.stderr
    return Platform(settings)


# -- the rectangle -------------------------------------------------------------------------------


def test_every_hour_is_forecast_a_day_ahead_from_when_it_was_issued(filled: Platform) -> None:
    rows = read(filled, "select * from ml.forecasts order by centre_id, issued_at, horizon")
    ahead = (rows["target_at"] - rows["issued_at"]).dt.total_seconds() / 3600
    assert (ahead == rows["horizon"]).all()
    assert (rows["issued_at"] < rows["target_at"]).all()
    utc_day = rows["issued_at"].dt.tz_localize(None).dt.normalize()
    assert (rows["day"] == utc_day).all()
    local = rows["target_at"].dt.tz_convert("Europe/Paris").dt.tz_localize(None).dt.normalize()
    assert (rows["date"] == local).all()
    published = read(
        filled, "select target_at, date, issued_at, issued_on, horizon from published.predictions"
    )
    assert (
        published["issued_on"] == published["issued_at"].dt.tz_localize(None).dt.normalize()
    ).all()
    a_day = rows.groupby(["centre_id", "day"]).size()
    complete = a_day[a_day.index.get_level_values("day") > pd.Timestamp(FIRST)]
    assert set(complete) == {24 * 24}
    assert len(complete) == len(COUNTERS) * (LAST - FIRST).days


def test_bands_are_in_order_and_nothing_is_negative(filled: Platform) -> None:
    rows = read(filled, "select * from ml.forecasts")
    order = ["lower_95", "lower_80", "prediction", "upper_80", "upper_95"]
    assert (rows["lower_95"] >= 0).all()
    assert (np.diff(rows[order].to_numpy(), axis=1) >= 0).all()


def test_days_after_the_first_vintage_are_forecast_by_it(filled: Platform) -> None:
    versions = read(filled, "select distinct day, model_version from ml.forecasts")
    late = versions["day"] >= "2025-04-01"
    assert set(versions[~late]["model_version"]) == {"fallback"}
    champion = filled.registry.champions("traffic", "vehicles")
    assert set(versions[late]["model_version"]) == {one.model_version for one in champion}


def test_backfilling_twice_leaves_the_same_rows(filled: Platform, settings: Settings) -> None:
    before = checksums(filled, TABLES)
    again = flow(settings, *COMMAND)
    assert again.returncode == 0, again.stderr
    assert checksums(filled, TABLES) == before


def test_a_day_of_one_counter_alone_is_forecast_as_in_the_rectangle(filled: Platform) -> None:
    query = "select * from ml.forecasts order by centre_id, issued_at, horizon"
    before = read(filled, query)
    for day in (date(2025, 3, 3), date(2025, 4, 1), date(2025, 4, 3)):
        predict(filled, TRAFFIC, Rectangle(("105",), day, day))
    pd.testing.assert_frame_equal(read(filled, query), before, check_exact=True)


# -- crashes -------------------------------------------------------------------------------------


@pytest.fixture
def second_home(scratch: Path) -> Iterator[Settings]:
    chosen = make_settings(scratch / "t2")
    write_yearly(chosen.home / "in", readings(FIRST, LAST), MORE)
    yield chosen
    embedded.stop(chosen.home_path)


def test_a_backfill_killed_at_any_stage_ends_in_the_same_rows(
    filled: Platform, second_home: Settings
) -> None:
    for table in ("raw.traffic", "merged.traffic", "ml.forecasts"):
        process = subprocess.Popen(
            command(*COMMAND),
            cwd=PROJECT_ROOT,
            env=variables(second_home),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            wait_for_rows(second_home, f"select count(*) from {table}", process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
    done = flow(second_home, *COMMAND)
    assert done.returncode == 0, done.stderr
    again, once = checksums(Platform(second_home), TABLES), checksums(filled, TABLES)
    # Files lie elsewhere, and are named where rows came from.
    own = ("raw.traffic", "ops.loads", "ops.quarantine")
    assert {name: again[name] for name in again if name not in own} == {
        name: once[name] for name in once if name not in own
    }
    for table in own:
        assert contents(Platform(second_home), table) == contents(filled, table)


def contents(platform: Platform, table: str) -> list[str]:
    """The rows of a table as text, whatever folder their files lie in."""
    left_out = {"ops.loads": "loaded_at", "ops.quarantine": "quarantined_at"}.get(table, "-")
    rows = read(
        platform,
        f"select (to_jsonb(t) - '{left_out}' - 'source_file' - 'file')::text || regexp_replace("
        f"coalesce(to_jsonb(t) ->> 'source_file', to_jsonb(t) ->> 'file'), '.*/', '') as row"
        f" from {table} t",
    )
    return sorted(rows["row"])


# -- as-of ---------------------------------------------------------------------------------------


def test_readings_that_come_later_change_no_forecast_that_was_issued_before(
    filled: Platform, settings: Settings
) -> None:
    query = (
        "select * from ml.forecasts where day between '2025-03-30' and '2025-04-03'"
        " order by centre_id, issued_at, horizon"
    )
    rectangle = Rectangle(COUNTERS, date(2025, 3, 30), LAST)
    before = read(filled, query)
    rows = readings(FIRST, LAST)
    later = rows["counted_at"] > CHANGED_AT
    rows.loc[later, "vehicles"] = rows.loc[later, "vehicles"] * 3 + 1
    rows.loc[later, "occupancy"] = 80.0
    write_yearly(settings.home / "in", rows, MORE)
    try:
        merge(filled, rectangle)
        predict(filled, TRAFFIC, rectangle, refresh="stale")
        after = read(filled, query)
        asked = before["issued_at"] <= CHANGED_AT
        pd.testing.assert_frame_equal(
            after[after["issued_at"] <= CHANGED_AT], before[asked], check_exact=True
        )
        changed = after["prediction"] != before["prediction"]
        assert changed[~asked].mean() > 0.9
    finally:
        write_yearly(settings.home / "in", readings(FIRST, LAST), MORE)
        merge(filled, rectangle)
        predict(filled, TRAFFIC, rectangle)
    pd.testing.assert_frame_equal(read(filled, query), before, check_exact=True)


# -- readings of an hour -------------------------------------------------------------------------


def test_two_readings_of_an_hour_are_both_kept_and_one_is_taken_by_the_rule(
    filled: Platform,
) -> None:
    def raw(hour: str) -> list[float]:
        rows = read(
            filled,
            "select vehicles from raw.traffic where centre_id = '105' and counted_at ="
            f" '2025-03-03 {hour}+01' order by source_line",
        )
        return [float(value) for value in rows["vehicles"].fillna(-1)]

    merged = read(
        filled,
        "select target_at, vehicles, source_rows from merged.traffic where centre_id = '105'"
        " and day = '2025-03-03'",
    ).set_index("target_at")
    at = {hour: pd.Timestamp(f"2025-03-03 {hour}:00", tz="Europe/Paris") for hour in (12, 14, 15)}
    usual = raw("12:00")[0]
    assert usual > 7
    assert raw("12:00") == [usual, 7.0]
    # Known at the same moment: the last line.
    assert (merged["vehicles"][at[12]], merged["source_rows"][at[12]]) == (7, 2)
    # The silent one gives way to the one with a volume.
    assert raw("14:00") == [raw("14:00")[0], -1.0]
    assert merged.loc[at[14], "vehicles"] == raw("14:00")[0]
    # 14:20 is farther from 15:00 than the reading of 15:00 itself.
    assert raw("14:20") == [9.0]
    assert (merged["vehicles"][at[15]], merged["source_rows"][at[15]]) == (raw("15:00")[0], 2)
    quarantine = read(filled, "select reason, payload from ops.quarantine where flow = 'traffic'")
    assert [payload["q"] for payload in quarantine["payload"]] == ["many"]


# -- days of 23 and 25 hours ---------------------------------------------------------------------


def test_a_day_of_23_local_hours_has_24_hours_in_utc(filled: Platform) -> None:
    rows = read(
        filled,
        "select target_at, local_day, local_hour, vehicles from merged.traffic where centre_id ="
        " '101' and day = '2025-03-30' order by target_at",
    )
    assert len(rows) == 24
    begins = rows["target_at"].dt.tz_convert("Europe/Paris") - pd.Timedelta(hours=1)
    assert rows["local_hour"].tolist() == begins.dt.hour.tolist()
    assert rows["local_hour"].tolist()[:4] == [0, 1, 3, 4]
    assert (rows["local_day"] == begins.dt.tz_localize(None).dt.normalize()).all()
    spring = read(
        filled,
        "select centre_id, count(*) as hours from merged.traffic where local_day = '2025-03-30'"
        " group by 1",
    )
    assert spring["hours"].tolist() == [23] * len(COUNTERS)


@pytest.mark.real_data
def test_the_whole_life_of_a_counter_balances_and_years_without_volume_stay_missing(
    scratch: Path, real_data: Path
) -> None:
    home = scratch / "t5"
    chosen = make_settings(home, first_day=date(2010, 1, 1))
    (home / "in").mkdir()
    files = [
        *(real_data / "traffic" / "history").glob("*.csv"),
        *(real_data / "traffic").glob("convention_*.csv"),
    ]
    for file in files:
        (home / "in" / file.name).symlink_to(file)
    platform = Platform(chosen)
    try:
        prepare(platform)
        load_calendar(platform)
        platform.dbt.run(platform.server, ["seed"], {})
        rectangle = Rectangle(("5672",), date(2010, 1, 1), date(2022, 12, 31))
        balance = load_traffic(platform, rectangle)
        loads = read(platform, "select * from ops.loads where flow = 'traffic'")
        assert len(loads) == len(files)
        in_files = sum(len(file.read_text().splitlines()) - 1 for file in files)
        assert loads["rows_in_file"].sum() == in_files
        assert in_files == balance.rows_read + balance.rows_left + balance.rows_repeated
        assert balance.rows_read == balance.rows_stored + balance.rows_quarantined
        assert balance.rows_stored == read(platform, "select count(*) from raw.traffic").iloc[0, 0]
        platform.dbt.run(
            platform.server, build_arguments(["merged__traffic"]), window_variables(rectangle)
        )
        years = read(
            platform,
            "select extract(year from day)::integer as year, count(*) as hours,"
            " count(distinct target_at) as distinct_hours, count(vehicles) as vehicles,"
            " sum(source_rows)::integer as source_rows from merged.traffic group by 1",
        ).set_index("year")
        assert (years["hours"] == years["distinct_hours"]).all()
        assert {year: int(n) for year, n in years["hours"].items()} == {
            year: 8784 if year % 4 == 0 else 8760 for year in range(2010, 2023)
        }
        silent = years.loc[[2010, *range(2014, 2019)]]
        assert (silent["vehicles"] == 0).all()
        assert (silent["source_rows"] > 8000).all()
        assert (years.drop(index=silent.index)["vehicles"] > 0).all()
        october = read(
            platform,
            "select local_hour, target_at, vehicles from merged.traffic where local_day ="
            " '2021-10-31' order by target_at",
        )
        assert october["local_hour"].tolist() == [0, 1, 2, 2, *range(3, 24)]
        autumn = read(platform, "select count(*) from merged.traffic where day = '2021-10-31'")
        assert autumn.iloc[0, 0] == 24
    finally:
        embedded.stop(chosen.home_path)


# -- the present day -----------------------------------------------------------------------------


def test_the_present_day_grows_in_place_and_what_was_said_this_morning_stands(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = datetime.now(UTC).date()
    before = today - timedelta(days=20)
    chosen = make_settings(scratch / "t6", "simulated", first_day=before)
    platform = Platform(chosen)
    rectangle = Rectangle(COUNTERS, today, today)
    query = "select * from ml.forecasts order by centre_id, issued_at, horizon"
    try:
        prepare(platform)
        load_calendar(platform)
        platform.dbt.run(platform.server, ["seed"], {})
        load_weather(platform, Rectangle(("paris",), before, today - timedelta(days=1)))
        merge(platform, Rectangle(COUNTERS, before, today - timedelta(days=1)))
        said = {}
        for hour in (5, 9):
            stop_the_clocks(monkeypatch, datetime(today.year, today.month, today.day, hour, 10))
            merge(platform, rectangle, "monitoring__traffic_accuracy")
            issued = predict(platform, TRAFFIC, rectangle)
            said[hour] = read(platform, query)
            assert issued.rows == len(COUNTERS) * 24 * (6 if hour == 5 else 4)
        assert said[9]["issued_at"].max() == pd.Timestamp(today, tz="UTC") + pd.Timedelta("9h")
        earlier = said[9]["issued_at"] <= said[5]["issued_at"].max()
        pd.testing.assert_frame_equal(
            said[9][earlier].reset_index(drop=True), said[5], check_exact=True
        )
        assert len(said[9]) == len(COUNTERS) * 24 * 10
        to_come = read(platform, "select count(*) from merged.traffic where target_at > now()")
        assert to_come.iloc[0, 0] == 0
    finally:
        embedded.stop(chosen.home_path)


def stop_the_clocks(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    class Stopped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Self:
            return cls.combine(now.date(), now.time(), tz)

    for module in (stage, hourly):
        monkeypatch.setattr(module, "datetime", Stopped)


# -- figures -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def paired(filled: Platform) -> pd.DataFrame:
    """Published predictions beside what came, what came at the issue, and a week before."""
    predictions = read(filled, "select * from published.predictions where flow = 'traffic'")
    actuals = read(filled, "select * from published.actuals where flow = 'traffic'")
    value = actuals.set_index(["centre_id", "target_at"])["value"]
    assert value.index.is_unique

    def at(moment: pd.Series) -> np.ndarray:
        index = pd.MultiIndex.from_arrays([predictions["centre_id"], moment])
        return value.reindex(index).to_numpy(dtype=float)

    target = predictions["target_at"]
    predictions["actual"] = at(target)
    predictions["at_issue"] = at(predictions["issued_at"])
    predictions["week_before"] = at(target - pd.Timedelta(hours=168))
    return predictions[predictions["actual"].notna()]


def test_published_accuracy_is_what_predictions_and_actuals_say(
    filled: Platform, paired: pd.DataFrame
) -> None:
    last = read(filled, "select max(day) as day from monitoring.traffic_accuracy")["day"].iloc[0]
    day = paired["target_at"].dt.tz_localize(None).dt.normalize()
    recent = paired[(paired["horizon"] == 1) & (day > last - pd.Timedelta(days=60)) & (day <= last)]
    published = read(
        filled, "select * from published.accuracy where flow = 'traffic' and horizon = 1"
    ).set_index("centre_id")
    assert set(published.index) == {*COUNTERS, "*"}
    for centre, row in published.iterrows():
        own = recent if centre == "*" else recent[recent["centre_id"] == centre]
        error = (own["prediction"] - own["actual"]).abs()
        naive = (own["week_before"] - own["actual"]).abs()
        persistence = (own["at_issue"] - own["actual"]).abs()
        assert row["n"] == len(own)
        expected = {
            "mae": error.mean(),
            "coverage_80": own["actual"].between(own["lower_80"], own["upper_80"]).mean(),
            "mase": error[naive.notna()].sum() / naive.sum(),
            "against_persistence": error[persistence.notna()].sum() / persistence.sum(),
        }
        assert {name: row[name] for name in expected} == pytest.approx(expected)


def test_published_coverage_counts_every_forecast_that_can_be_judged(
    filled: Platform, paired: pd.DataFrame
) -> None:
    row = read(
        filled, "select * from published.coverage where flow = 'traffic' and cut = 'overall'"
    ).iloc[0]
    last = read(filled, "select max(day) as day from monitoring.traffic_accuracy")["day"].iloc[0]
    judged = paired[paired["target_at"].dt.tz_localize(None).dt.normalize() <= last]
    assert row["forecasts"] == len(judged)
    for width in (80, 95):
        inside = judged["actual"].between(judged[f"lower_{width}"], judged[f"upper_{width}"])
        assert row[f"coverage_{width}"] == pytest.approx(inside.mean())
    said = (judged["upper_80"] - judged["lower_80"]).mean() / judged["actual"].mean()
    assert row["mean_width_80"] == pytest.approx(said)


def test_the_latest_prediction_of_an_hour_is_its_newest_issue(filled: Platform) -> None:
    every = read(filled, "select * from published.predictions where flow = 'traffic'")
    latest = read(filled, "select * from published.latest_predictions where flow = 'traffic'")
    keys = ["centre_id", "target_at"]
    newest = every.sort_values("issued_at").groupby(keys).tail(1)
    assert not latest.duplicated(keys).any()
    columns = [*keys, "issued_at", "horizon", "prediction", "model_version"]
    pd.testing.assert_frame_equal(
        latest[columns].sort_values(keys).reset_index(drop=True),
        newest[columns].sort_values(keys).reset_index(drop=True),
        check_dtype=False,
    )


# -- commands ------------------------------------------------------------------------------------


def test_two_vintages_of_hours_are_compared_on_days_after_both(filled: Platform) -> None:
    vintages = {one.candidate: one for one in filled.registry.vintages("traffic", "vehicles")}
    assert set(vintages) == set(TRAFFIC.candidates)
    compared = compare_vintages(
        Case(filled, TRAFFIC, "vehicles"),
        vintages["lightgbm"],
        vintages["seasonal_naive"],
        date(2025, 4, 4),
    )
    assert not compared.promoted
    assert not compared.reason.startswith("trained on test rows")


def test_commands_know_flows_with_hours(filled: Platform, settings: Settings) -> None:
    listed = json.loads(flow(settings, "models", "list", "traffic", "--json").stdout)
    assert {row["candidate"] for row in listed} == set(TRAFFIC.candidates)
    assert [row["is_serving"] for row in listed].count(True) == 1
    other = next(row["model_version"] for row in listed if not row["is_serving"])
    refused = flow(settings, "models", "promote", other)
    assert refused.returncode == 1, refused.stderr
    assert refused.stdout.startswith("Refused: not enough evidence"), refused.stdout

    discovered = flow(settings, "centres", "discover", "traffic")
    assert discovered.returncode == 0, discovered.stderr
    rows = list(csv.DictReader(io.StringIO(discovered.stdout)))
    assert [row["centre_id"] for row in rows] == list(COUNTERS)

    doctor = flow(settings, "doctor", "--json")
    assert doctor.returncode == 0, doctor.stdout
    before = checksums(filled, TABLES)
    trained = flow(settings, "train", "traffic", "--from", "2025-04")
    assert trained.returncode == 0, trained.stderr
    assert checksums(filled, TABLES) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("tune", "traffic"), "traffic is not tuned"),
        (
            ("explain", "traffic", "--centre", "105", "--issued-on", "2025-04-02"),
            "traffic is forecast by the hour",
        ),
        (
            ("what-if", "traffic", "--centre=105", "--issued-on=2025-04-02", "--from=2025-04-03"),
            "traffic is forecast by the hour",
        ),
        (("forecast", "traffic", "--day", "2999-01-01"), "has not begun"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)  # fmt: skip
def test_what_hours_cannot_have_is_explained_without_a_trace(
    filled: Platform, settings: Settings, arguments: tuple[str, ...], words: str
) -> None:
    done = flow(settings, *arguments)
    assert "Traceback" not in done.stderr
    assert done.returncode == 1, done.stdout
    assert words in " ".join(done.stderr.split())


# -- areas and partitions ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cells(scratch: Path) -> Iterator[Settings]:
    """30 counters of a portal export, in cells of a grid; no weather has landed."""
    chosen = make_settings(scratch / "t9", first_day=date(2025, 2, 3))
    first = datetime(2025, 2, 3, tzinfo=UTC)
    lines = [
        f"{400 + place};Road {place};{first + timedelta(hours=hour):%Y-%m-%dT%H:%M:%S+00:00};"
        f"{100 + 10 * place + hour % 24}.0;5.5;Ouvert;{48.81 + 0.004 * place:.4f},2.3324"
        for place in range(30)
        for hour in range(3 * 24)
    ]
    (chosen.home / "in").mkdir()
    (chosen.home / "in" / "export.csv").write_text(
        "\n".join([EXPORT, *lines, ""]), encoding="utf-8-sig"
    )
    yield chosen
    embedded.stop(chosen.home_path)


def test_a_partition_asked_alone_is_merged_without_weather(cells: Settings) -> None:
    from flow_platform.assets.keys import table_key
    from flow_platform.definitions import build_definitions

    platform = Platform(cells)
    cell = platform.areas_of(TRAFFIC)[0]
    assert cell == "48.80N 2.30E"
    with dagster_instance(platform) as instance:
        definitions = build_definitions(platform)
        for name in ("raw", "merged"):
            job = definitions.resolve_implicit_global_asset_job_def()
            done = job.execute_in_process(
                instance=instance,
                partition_key=f"{cell}|2025-02-04",
                asset_selection=[table_key(f"{name}.traffic")],
            )
            assert done.success
    rows = read(platform, "select * from merged.traffic")
    inside = {str(400 + place) for place in range(10)}
    assert set(rows["centre_id"]) == inside
    assert len(rows) == len(inside) * 24
    assert rows["vehicles"].notna().all()
    assert rows["temperature_mean"].isna().all()


def test_a_run_for_one_area_touches_only_its_counters(cells: Settings) -> None:
    platform = Platform(cells)
    areas = platform.areas_of(TRAFFIC)
    assert areas == ("48.80N 2.30E", "48.85N 2.30E", "48.90N 2.30E")
    days = ("--from", "2025-02-03", "--to", "2025-02-05")
    done = flow(cells, "backfill", "traffic", *days)
    assert done.returncode == 0, done.stderr
    tables = ("raw.traffic", "merged.traffic", "ml.forecasts", "monitoring.traffic_accuracy")
    before = {table: stamps(platform, table) for table in tables}
    again = flow(cells, "backfill", "traffic", *days, "--centres", areas[1])
    assert again.returncode == 0, again.stderr
    own = {one.centre_id for one in platform.centres_of(TRAFFIC) if one.area == areas[1]}
    assert len(own) == 13
    for table in tables:
        after = stamps(platform, table)
        assert len(after) == len(before[table]) == 30
        assert {centre for centre in after if after[centre] != before[table][centre]} == own


def stamps(platform: Platform, table: str) -> dict[str, int]:
    """The newest transaction that wrote a row of each counter."""
    rows = read(
        platform, f"select centre_id, max(xmin::text::bigint) as xmin from {table} group by 1"
    )
    return {row["centre_id"]: int(row["xmin"]) for row in rows.to_dict("records")}
