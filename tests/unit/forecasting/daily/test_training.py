"""Training, selection and forecasts: as-of, deterministic, ordered, and present in hard cases."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from flow_platform.flows.parcels.flow import PARCELS
from flow_platform.forecasting.daily.data import SeriesData, SeriesSpec
from flow_platform.forecasting.daily.engine import ENGINE
from flow_platform.forecasting.daily.explanation import EXPLANATION_COLUMNS
from flow_platform.forecasting.daily.forecasting import fallback_forecast, forecast
from flow_platform.ground.errors import ModelError, TooLittleHistory
from flow_platform.models.champions import choose_champion
from flow_platform.models.engine import FORECAST_COLUMNS
from flow_platform.models.metrics import summarise
from flow_platform.models.trainer import Trainer
from flow_platform.models.vintage import TrainedModel
from tests.unit.forecasting.daily.world import make_world

pytestmark = pytest.mark.slow

Models = dict[str, TrainedModel]


def issues_between(data: SeriesData, first: str, last: str) -> pd.DataFrame:
    return data.issues[data.issues["issue"].between(first, last)]


def disturbed(data: SeriesData, moment: pd.Timestamp, kinds: tuple[str, ...]) -> SeriesData:
    """`data` with every fact of `kinds` that became known at or after `moment` altered."""
    generator = np.random.default_rng(11)
    changed = {}
    for kind in kinds:
        frame = getattr(data, kind).copy()
        late = (frame["available_at"] >= moment).to_numpy()
        for column in ["y"] if kind == "actuals" else list(frame.columns[4:]):
            values = frame[column].to_numpy(dtype=float).copy()
            values[late] = generator.uniform(0, 1e6, int(late.sum()))
            frame[column] = values
        changed[kind] = frame
    return replace(data, **changed)


def assert_sound(rows: pd.DataFrame) -> None:
    values = rows[list(FORECAST_COLUMNS[5:])]
    assert np.isfinite(values).all().all()
    assert (values >= 0).all().all()
    ordered = ["lower_95", "lower_80", "prediction", "upper_80", "upper_95"]
    assert (np.diff(rows[ordered].to_numpy(), axis=1) >= 0).all()
    assert rows.equals(rows.sort_values(["unique_id", "issue", "horizon"], kind="stable"))


@pytest.mark.parametrize("candidate", ENGINE.trainable())
def test_rows_after_the_cutoff_change_no_byte_of_a_vintage(
    panel_data: SeriesData, spec: SeriesSpec, cutoff: pd.Timestamp, models: Models, candidate: str
) -> None:
    changed = disturbed(panel_data, cutoff, ("actuals", "weather"))
    again = Trainer(ENGINE).train(candidate, changed, cutoff, spec)
    assert again.artefacts == models[candidate].artefacts


@pytest.mark.parametrize("kind", ["actuals", "weather"])
@pytest.mark.parametrize("candidate", ENGINE.trainable())
def test_facts_known_after_the_issue_change_no_bit_of_its_forecast(
    panel_data: SeriesData, spec: SeriesSpec, models: Models, candidate: str, kind: str
) -> None:
    issues = issues_between(panel_data, "2023-11-12", "2023-11-12")
    moment = issues["issued_at"].iloc[0] + pd.Timedelta(seconds=1)
    changed = disturbed(panel_data, moment, (kind,))
    artefacts = models[candidate].artefacts
    before = forecast(artefacts, panel_data, issues, spec)
    after = forecast(artefacts, changed, issues, spec)
    pd.testing.assert_frame_equal(before, after, check_exact=True)


@pytest.mark.parametrize("candidate", ENGINE.trainable())
def test_a_day_is_forecast_alike_alone_and_in_a_range(
    panel_data: SeriesData, spec: SeriesSpec, models: Models, candidate: str
) -> None:
    artefacts = models[candidate].artefacts
    day = pd.Timestamp("2023-11-20")
    issues = issues_between(panel_data, "2023-10-05", "2023-11-25")
    among = forecast(artefacts, panel_data, issues, spec)
    among = among[among["issue"] == day].reset_index(drop=True)
    alone = forecast(artefacts, panel_data, issues[issues["issue"] == day], spec)
    pd.testing.assert_frame_equal(alone, among, check_exact=True)


@pytest.mark.parametrize("candidate", [*ENGINE.trainable(), "fallback"])
def test_a_series_is_forecast_alike_alone_and_with_others_and_other_days(
    panel_data: SeriesData, spec: SeriesSpec, models: Models, candidate: str
) -> None:
    def forecasts(issues: pd.DataFrame) -> pd.DataFrame:
        if candidate == "fallback":
            return fallback_forecast(panel_data, issues, spec)
        return forecast(models[candidate].artefacts, panel_data, issues, spec)

    day = pd.Timestamp("2023-11-20")
    every = issues_between(panel_data, "2023-11-10", "2023-11-25")
    among = forecasts(every)
    among = among[(among["issue"] == day) & (among["unique_id"] == "C1")].reset_index(drop=True)
    alone = forecasts(every[(every["issue"] == day) & (every["unique_id"] == "C1")])
    assert len(alone) == 14
    pd.testing.assert_frame_equal(alone, among, check_exact=True)


@pytest.mark.parametrize("candidate", ENGINE.trainable())
def test_forecasts_are_sound_and_complete(
    panel_data: SeriesData, spec: SeriesSpec, models: Models, candidate: str
) -> None:
    issues = issues_between(panel_data, "2023-10-01", "2023-12-31")
    rows = forecast(models[candidate].artefacts, panel_data, issues, spec)
    assert list(rows.columns) == [*FORECAST_COLUMNS, *EXPLANATION_COLUMNS]
    assert len(rows) == len(issues) * 14
    assert_sound(rows)


def test_training_twice_gives_the_same_bytes_whatever_the_row_order(
    panel_data: SeriesData, spec: SeriesSpec, cutoff: pd.Timestamp, models: Models
) -> None:
    mixed = SeriesData(
        *(
            getattr(panel_data, name).sample(frac=1, random_state=5)
            for name in ("actuals", "calendar", "weather", "issues")
        )
    )
    again = Trainer(ENGINE).train("blend", mixed, cutoff, spec)
    assert again.artefacts == models["blend"].artefacts


def test_artefacts_are_text_only_and_survive_a_round_trip(
    panel_data: SeriesData, spec: SeriesSpec, models: Models
) -> None:
    issues = issues_between(panel_data, "2023-10-02", "2023-10-03")
    for model in models.values():
        for name, content in model.artefacts.items():
            text = content.decode()
            if name.endswith(".json"):
                json.loads(text)
            else:
                assert text.startswith("tree")
        copied = {name: bytes(bytearray(c)) for name, c in model.artefacts.items()}
        first = forecast(model.artefacts, panel_data, issues, spec)
        assert first.equals(forecast(copied, panel_data, issues, spec))


def test_a_vintage_has_its_window_metrics_and_backtest(
    models: Models, cutoff: pd.Timestamp
) -> None:
    for model in models.values():
        assert model.train_first == pd.Timestamp("2023-01-01")
        assert model.train_last < cutoff.tz_localize(None)
        assert model.trained_rows > 0
        assert {"mae", "rmse", "mape", "wape", "mase", "bias", "coverage_80", "coverage_95"} <= set(
            model.metrics
        )
        assert (model.backtest["ds"] < cutoff.tz_localize(None)).all()
    keys = ["unique_id", "issue", "horizon", "ds", "y"]
    for model in models.values():
        pd.testing.assert_frame_equal(model.backtest[keys], models["sarima"].backtest[keys])


def test_broken_artefacts_are_refused_by_name(
    panel_data: SeriesData, spec: SeriesSpec, models: Models
) -> None:
    issues = issues_between(panel_data, "2023-10-02", "2023-10-02")
    artefacts = dict(models["blend"].artefacts)
    with pytest.raises(ModelError, match="lacks calibration"):
        forecast({k: v for k, v in artefacts.items() if "calib" not in k}, panel_data, issues, spec)
    with pytest.raises(ModelError, match="cannot be read"):
        forecast(artefacts | {"parameters.json": b"{"}, panel_data, issues, spec)


def test_the_champion_has_the_least_mase_and_ties_go_to_the_simpler() -> None:
    assert (
        choose_champion({"sarima": {"mase": 0.9}, "blend": {"mase": 0.7}}, ENGINE.candidates)
        == "blend"
    )
    assert (
        choose_champion({"lightgbm": {"mase": 0.703}, "blend": {"mase": 0.7}}, ENGINE.candidates)
        == "lightgbm"
    )
    assert (
        choose_champion(
            {"sarima": {"mase": float("nan")}, "blend": {"mase": 2.0}}, ENGINE.candidates
        )
        == "blend"
    )
    with pytest.raises(ModelError, match="No champion"):
        choose_champion({"sarima": {"mase": float("nan")}}, ENGINE.candidates)


def test_too_little_history_is_an_error_and_the_fallback_serves(
    panel_data: SeriesData, spec: SeriesSpec
) -> None:
    early = pd.Timestamp("2023-02-01", tz="UTC")
    with pytest.raises(TooLittleHistory, match="known days"):
        Trainer(ENGINE).train("blend", panel_data, early, spec)
    issues = issues_between(panel_data, "2023-01-01", "2023-02-10")
    rows = fallback_forecast(panel_data, issues, spec)
    assert len(rows) == 3 * 41 * 14
    assert_sound(rows)


def test_the_fallback_is_silent_where_nothing_was_ever_known(
    panel_data: SeriesData, spec: SeriesSpec
) -> None:
    issues = issues_between(panel_data, "2023-03-01", "2023-03-01")
    without = replace(
        panel_data, actuals=panel_data.actuals[panel_data.actuals["unique_id"] != "C1"]
    )
    assert set(fallback_forecast(without, issues, spec)["unique_id"]) == {"C0", "C2"}
    none = replace(panel_data, actuals=panel_data.actuals.iloc[:0])
    assert fallback_forecast(none, issues, spec).empty


def test_an_issue_at_which_no_series_can_be_forecast_gets_no_row(
    panel_data: SeriesData, spec: SeriesSpec, models: Models
) -> None:
    first = panel_data.actuals["ds"].min()
    before = pd.DataFrame(
        {
            "unique_id": ["C0", "C1"],
            "issue": first - pd.Timedelta(days=1),
            "issued_at": (first - pd.Timedelta(hours=12)).tz_localize("UTC"),
        }
    )
    for rows in (
        fallback_forecast(panel_data, before, spec),
        *(forecast(model.artefacts, panel_data, before, spec) for model in models.values()),
    ):
        assert rows.empty
        assert list(rows.columns) == [*FORECAST_COLUMNS, *EXPLANATION_COLUMNS]


def test_series_that_die_open_late_close_for_weeks_or_miss_days_are_forecast(
    spec: SeriesSpec,
) -> None:
    data, _ = make_world(centres=5, days=330, weather=False)
    actuals = data.actuals
    day, name = actuals["ds"], actuals["unique_id"]
    dead = (name == "C0") & (day > "2023-06-01")
    late = (name == "C1") & (day < "2023-09-20")
    closed = (name == "C2") & day.between("2023-07-20", "2023-08-10")
    holes = (name == "C3") & (np.random.default_rng(1).random(len(actuals)) < 0.3)
    actuals = actuals[~(dead | late | closed | holes)].copy()
    actuals.loc[(actuals["unique_id"] == "C4") & (actuals["ds"].dt.day_of_week == 6), "y"] = 0.0
    hard = replace(data, actuals=actuals)
    cutoff = pd.Timestamp("2023-10-01", tz="UTC")
    issues = issues_between(hard, "2023-10-01", "2023-11-20")
    prepared = ENGINE.prepare(hard, cutoff, spec)
    for candidate in ENGINE.trainable():
        model = ENGINE.train(candidate, prepared)
        rows = forecast(model.artefacts, hard, issues, spec)
        assert_sound(rows)
        assert len(rows) == len(issues) * 14
        if candidate == "blend":
            sundays = rows[(rows["unique_id"] == "C4") & (rows["ds"].dt.day_of_week == 6)]
            others = rows[(rows["unique_id"] == "C4") & (rows["ds"].dt.day_of_week == 2)]
            assert sundays["prediction"].median() < 0.05 * others["prediction"].median()


def test_a_new_centre_is_forecast_by_the_global_model_from_its_first_day(spec: SeriesSpec) -> None:
    data, _ = make_world(centres=6, days=400, weather=False)
    opening = pd.Timestamp("2023-12-05")
    cutoff = pd.Timestamp("2023-12-01", tz="UTC")
    opened = (data.actuals["unique_id"] != "C5") | (data.actuals["ds"] >= opening)
    young = replace(data, actuals=data.actuals[opened])
    model = Trainer(ENGINE).train("lightgbm", young, cutoff, spec)
    issues = issues_between(young, "2023-12-04", "2023-12-12")
    rows = forecast(model.artefacts, young, issues[issues["unique_id"] == "C5"], spec)
    assert_sound(rows)
    # Nothing can be forecast on the eve: no count of it was ever known.
    assert rows["issue"].min() == opening
    assert (rows.groupby("issue").size() == 14).all()
    # It knows the weekdays of the others: a Sunday is a quarter of a Monday, not what it last saw.
    first = rows[rows["issue"] == opening].merge(data.actuals, on=["unique_id", "ds"])
    naive = fallback_forecast(young, issues[issues["issue"] == opening], spec)
    naive = naive[naive["unique_id"] == "C5"].merge(data.actuals, on=["unique_id", "ds"])
    assert summarise(first)["wape"].iloc[0] < 0.15
    assert summarise(first)["wape"].iloc[0] < 0.5 * summarise(naive)["wape"].iloc[0]


def test_one_day_ahead_the_champion_is_near_the_noise_floor_of_a_known_world() -> None:
    data, truth = make_world(centres=5, days=800)
    spec = SeriesSpec()
    cutoff = pd.Timestamp("2025-01-01", tz="UTC")
    prepared = ENGINE.prepare(data, cutoff, spec)
    models = {name: ENGINE.train(name, prepared) for name in PARCELS.candidates}
    champion = choose_champion(
        {name: model.metrics for name, model in models.items()}, ENGINE.candidates
    )
    issues = issues_between(data, "2024-12-31", "2025-03-01")
    rows = forecast(models[champion].artefacts, data, issues, spec)
    rows = rows[rows["horizon"] == 1].merge(data.actuals, on=["unique_id", "ds"])
    rows = rows.merge(truth, on=["unique_id", "ds"])
    floor = (rows["y"] - rows["expected"]).abs().sum() / rows["y"].sum()
    figures = summarise(rows).iloc[0]
    assert figures["wape"] <= 1.10 * floor
    assert figures["r2"] >= 0.94
    assert 0.70 <= figures["coverage_80"] <= 0.92
