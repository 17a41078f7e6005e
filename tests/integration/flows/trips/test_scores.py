"""Scores of trips on a real PostgreSQL: out of sample, the same again, honest about promotion."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from flow_platform.assets.dbt import build_arguments, window_variables
from flow_platform.flows.trips.flow import TRIPS
from flow_platform.flows.trips.loading import load_trips, load_zones
from flow_platform.flows.trips.models.engine import ENGINE
from flow_platform.flows.trips.scoring import SCORING
from flow_platform.ground.rectangle import Rectangle
from flow_platform.models.trainer import Trainer
from flow_platform.orchestration import prepare
from flow_platform.platform import Platform
from flow_platform.stages.calendar import load_calendar
from flow_platform.stages.case import cases_of
from flow_platform.stages.drift import measure_rectangle
from flow_platform.stages.predictions import predict
from flow_platform.stages.promotion import promote, roll_back
from flow_platform.stages.training import decide_champions, train_vintage
from flow_platform.warehouse import embedded
from tests.conftest import new_settings
from tests.integration.conftest import checksums

pytestmark = [pytest.mark.integration, pytest.mark.slow]

# A summer: the noise of January's snow would be in the bands of March.
FIRST, LAST = date(2024, 4, 20), date(2024, 8, 25)
JUNE, JULY = date(2024, 6, 1), date(2024, 7, 1)
# Without its equal of scikit-learn, which takes most of the time.
FLOW = replace(TRIPS, candidates=("zone_pair_mean", "lightgbm"))
SCORES = {"ml.trips_scores": ()}


def merge(platform: Platform, rectangle: Rectangle) -> None:
    load_trips(platform, rectangle)
    platform.dbt.run(
        platform.server, build_arguments(["merged__trips"]), window_variables(rectangle)
    )


@pytest.fixture(scope="module")
def platform(scratch: Path) -> Iterator[Platform]:
    """A simulated city with its trips of a summer and vintages of June and July."""
    chosen = Platform(new_settings(scratch / "scored", first_day=FIRST))
    prepare(chosen)
    load_calendar(chosen)
    load_zones(chosen)
    merge(chosen, keys(chosen))
    cases = cases_of(chosen, FLOW)
    data, trainer = SCORING.read_for_months(cases[0], JUNE, JULY), Trainer(ENGINE)
    for month in (JUNE, JULY):
        for case in cases:
            for candidate in FLOW.candidates:
                train_vintage(case, trainer, candidate, month, data)
            decide_champions(case, {month})
    yield chosen
    embedded.stop(chosen.settings.home_path)


def keys(platform: Platform, first: date = FIRST, last: date = LAST) -> Rectangle:
    return Rectangle(platform.centre_ids_of(FLOW), first, last)


def score(platform: Platform, chosen: Rectangle, refresh: str = "missing") -> None:
    predict(platform, FLOW, chosen, refresh=refresh)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def scored(platform: Platform) -> Platform:
    score(platform, keys(platform, FIRST, date(2024, 7, 20)))
    return platform


def read(platform: Platform, query: str) -> list[dict[Hashable, Any]]:
    return platform.store("admin").read(query).to_dict("records")


def enthrone(platform: Platform, candidate: str) -> None:
    own = "where flow = 'trips' and measure = 'default'"
    with platform.store("admin").connect() as connection:
        connection.execute(f"update ml.vintages set is_champion = false {own}")
        connection.execute(
            f"update ml.vintages set is_champion = true {own} and candidate = %s", (candidate,)
        )


def test_every_trip_has_a_score_of_both_models(scored: Platform) -> None:
    (row,) = read(
        scored,
        "select count(*) as trips, count(distinct trip_id) filter (where model = 'default') as own,"
        " count(distinct trip_id) filter (where model = 'planned_distance') as planned"
        " from merged.trips left join ml.trips_scores using (trip_id)"
        " where merged.trips.day <= '2024-07-20'",
    )
    assert row["trips"] == 2 * int(str(row["own"])) == 2 * int(str(row["planned"])) > 20_000


def test_no_trip_is_scored_by_a_vintage_that_was_trained_later(scored: Platform) -> None:
    wrong = read(
        scored,
        "select s.trip_id from ml.trips_scores s join ml.vintages v using (model_version)"
        " where v.cutoff > s.pickup_at or v.measure <> s.model",
    )
    assert not wrong
    used = read(
        scored,
        "select model_version, min(day)::text as first, max(day)::text as last"
        " from ml.trips_scores where model = 'default' group by 1 order by 2",
    )
    assert [row["first"] for row in used] == ["2024-04-20", "2024-06-01", "2024-07-01"]
    assert used[0]["model_version"] == "fallback"


def test_a_champion_beats_the_zone_pair_on_trips_it_never_saw(scored: Platform) -> None:
    errors = read(
        scored,
        "select model, sqrt(avg((s.predicted_minutes - t.minutes) ^ 2)) as rmse,"
        " stddev_pop(t.minutes) as spread, avg((t.minutes between s.lower_80 and s.upper_80)::int)"
        "::double precision as inside from ml.trips_scores s join merged.trips t using (trip_id)"
        " where s.day >= '2024-06-01' group by 1 order by 1",
    )
    default, planned = errors
    assert float(str(planned["rmse"])) < float(str(default["rmse"]))
    assert float(str(default["rmse"])) < 0.7 * float(str(default["spread"]))
    assert all(0.75 < float(str(row["inside"])) < 0.88 for row in errors)


def test_scoring_again_or_a_day_alone_leaves_the_same_rows(scored: Platform) -> None:
    before = checksums(scored, SCORES)
    score(scored, keys(scored, FIRST, date(2024, 5, 5)))
    score(scored, keys(scored, date(2024, 6, 14), date(2024, 6, 14)))
    score(scored, keys(scored, date(2024, 7, 1), date(2024, 7, 20)), refresh="stale")
    assert checksums(scored, SCORES) == before


def test_what_was_said_does_not_depend_on_what_came_later(scored: Platform) -> None:
    before = checksums(scored, SCORES)
    later = "day >= '2024-07-01'"
    with scored.store("admin").connect() as connection:
        connection.execute("create table merged.kept as select * from merged.trips")
        connection.execute(f"update merged.trips set minutes = 61, distance_km = 3 where {later}")
    try:
        score(scored, keys(scored, FIRST, date(2024, 6, 30)), refresh="stale")
        assert checksums(scored, SCORES) == before
    finally:
        with scored.store("admin").connect() as connection:
            connection.execute("delete from merged.trips")
            connection.execute("insert into merged.trips select * from merged.kept")
            connection.execute("drop table merged.kept")


def test_a_kind_is_promoted_only_by_trips_that_are_new_to_both(scored: Platform) -> None:
    registry, today = scored.registry, date(2024, 8, 26)
    by_kind = {(v.candidate, v.month): v for v in registry.vintages(FLOW.name, "default") if v.flow}
    boosted, mean = by_kind["lightgbm", JULY], by_kind["zone_pair_mean", JULY]
    assert registry.champions(FLOW.name, "default")[-1].candidate == "lightgbm"
    refused = promote(scored, FLOW, mean, today, today, "test")
    assert refused.kind == "refused" and "not better beyond noise" in refused.reason
    assert refused.comparison is not None and refused.comparison.rows > 10_000
    # Put the mean on the throne, as if people had: the better kind may take its place.
    enthrone(scored, "zone_pair_mean")
    won = promote(scored, FLOW, boosted, today, today, "test")
    assert won.kind == "promote", won.reason
    assert won.serving.model_version == boosted.model_version
    back = roll_back(scored, FLOW, "default", today, today, "test")
    assert back.serving.model_version == mean.model_version
    with scored.store("admin").connect() as connection:
        connection.execute("delete from ml.promotions where decided_by = 'test'")
    enthrone(scored, "lightgbm")


def test_drift_is_measured_for_minutes_distance_and_number(scored: Platform) -> None:
    chosen = keys(scored, date(2024, 7, 1), date(2024, 7, 3))
    readings = measure_rectangle(scored, FLOW, chosen)
    assert set(readings["feature"]) == {"minutes", "distance_km", "trips"}
    assert len(readings) == 3 * len(chosen)
    # A year of history is needed before a season can be compared.
    assert set(readings["status"]) == {"insufficient"}
