"""Hourly traffic on a real PostgreSQL: it fills, repeats, survives kill -9 and never peeks."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flow_platform.flows.traffic.flow import TRAFFIC
from flow_platform.ground.rectangle import Rectangle
from flow_platform.platform import Platform
from flow_platform.settings import Settings
from flow_platform.stages.case import Case
from flow_platform.stages.predictions import predict
from flow_platform.stages.promotion import compare_vintages
from flow_platform.warehouse import embedded
from tests.integration.conftest import checksums, flow, killed_flow, tables_of, wait_for_rows
from tests.integration.flows.traffic.roads import (
    COUNTERS,
    FIRST,
    LAST,
    QUICK,
    make_settings,
    merge,
    read,
    readings,
    write_yearly,
)

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("quick"), pytest.mark.slow]

CHANGED_AT = pd.Timestamp("2025-04-02 12:00", tz="UTC")
TABLES = tables_of("traffic")
COMMAND = ("backfill", "traffic", "--from", str(FIRST), "--to", str(LAST))
# Two volumes for an hour, a silent line beside a volume, a line off the hour, and a broken one.
MORE = (
    "105,Road,1,A,2,B,2025-03-03 12:00:00,7.0,5.0,1,1",
    "105,Road,1,A,2,B,2025-03-03 14:00:00,,5.0,1,1",
    "105,Road,1,A,2,B,2025-03-03 14:20:00,9.0,5.0,1,1",
    "105,Road,1,A,2,B,2025-03-03 15:00:00,many,5.0,1,1",
)


@pytest.fixture(scope="module")
def settings(scratch: Path) -> Iterator[Settings]:
    chosen = make_settings(scratch / "t")
    write_yearly(chosen.home / "in", readings(FIRST, LAST), MORE)
    yield chosen
    embedded.stop(chosen.home_path)


@pytest.fixture(scope="module")
def filled(settings: Settings) -> Platform:
    """The home after one undisturbed backfill through the command line."""
    done = flow(settings, *COMMAND, program=QUICK)
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
    again = flow(settings, *COMMAND, program=QUICK)
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
        with killed_flow(second_home, *COMMAND, program=QUICK) as process:
            wait_for_rows(second_home, f"select count(*) from {table}", process)
    done = flow(second_home, *COMMAND, program=QUICK)
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
    listed = json.loads(flow(settings, "models", "list", "traffic", "--json", program=QUICK).stdout)
    assert {row["candidate"] for row in listed} == set(TRAFFIC.candidates)
    assert [row["is_serving"] for row in listed].count(True) == 1
    other = next(row["model_version"] for row in listed if not row["is_serving"])
    refused = flow(settings, "models", "promote", other, program=QUICK)
    assert refused.returncode == 1, refused.stderr
    assert refused.stdout.startswith("Refused: not enough evidence"), refused.stdout

    discovered = flow(settings, "centres", "discover", "traffic", program=QUICK)
    assert discovered.returncode == 0, discovered.stderr
    rows = list(csv.DictReader(io.StringIO(discovered.stdout)))
    assert [row["centre_id"] for row in rows] == list(COUNTERS)

    doctor = flow(settings, "doctor", "--json", program=QUICK)
    assert doctor.returncode == 0, doctor.stdout
    before = checksums(filled, TABLES)
    trained = flow(settings, "train", "traffic", "--from", "2025-04", program=QUICK)
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
    done = flow(settings, *arguments, program=QUICK)
    assert "Traceback" not in done.stderr
    assert done.returncode == 1, done.stdout
    assert words in " ".join(done.stderr.split())
